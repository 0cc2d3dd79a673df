#!/usr/bin/env bash
# What action.yml runs: check, with the gate where there is something to compare
# with, as annotations; and what changed as Markdown in the summary of the job.
set -euo pipefail
treaty=${TREATY:-treaty}
against=${TREATY_AGAINST:-}
if [ -z "$against" ] && [ -n "${GITHUB_BASE_REF:-}" ]; then
	against=origin/$GITHUB_BASE_REF
	# Checked out with a depth of 1, the base is not there yet.
	git rev-parse --verify --quiet "$against^{commit}" >/dev/null ||
		git fetch --quiet --depth=1 origin "+refs/heads/$GITHUB_BASE_REF:refs/remotes/origin/$GITHUB_BASE_REF"
fi
# Paths are separated by white space, and globs are for treaty to expand.
set -f
# shellcheck disable=SC2206
paths=(${TREATY_PATHS:-})
set +f
gate=()
if [ -n "$against" ]; then
	gate=(--against "$against")
fi
code=0
"$treaty" check "${paths[@]}" "${gate[@]}" --fail-on "${TREATY_FAIL_ON:-error}" --format github || code=$?
if [ -n "$against" ] && [ "${TREATY_SUMMARY:-true}" = true ] && [ -n "${GITHUB_STEP_SUMMARY:-}" ] && [ $code -lt 2 ]; then
	"$treaty" breaking "${paths[@]}" "${gate[@]}" --format markdown >>"$GITHUB_STEP_SUMMARY" || true
fi
exit $code

package check

import "github.com/treaty-events/treaty/diag"

// Rules about treaty's own settings.
var (
	ignoreExpired = &Rule{ID: "ignore-expired", Title: "A finding is ignored for longer than was agreed", Family: Specification, Severity: diag.Error, Since: "0.1.0",
		Reason: `Ignoring a finding until a day is a promise to mend it by then. When the day has passed the finding counts again, and the entry that hid it is reported too, so that somebody decides: mend the fault and remove the entry, or agree on a new day.`}
	ignoreUnknown = &Rule{ID: "ignore-unknown", Title: "An ignored rule does not exist", Family: Specification, Severity: diag.Warning, Since: "0.1.0",
		Reason: `An entry that names no rule ignores nothing, though its author believes that it does. Correct the name; treaty rules lists all of them.`}
	ignoreUnused = &Rule{ID: "ignore-unused", Title: "Nothing is found that an entry ignores", Family: Specification, Severity: diag.Info, Since: "0.1.0",
		Reason: `The fault has been mended, or has moved. An entry that stays behind would hide the next fault of its kind at the same place, so remove it.`}
)

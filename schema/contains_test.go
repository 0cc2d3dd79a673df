package schema

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

type containmentPair struct {
	ID    string
	Draft string
	S1    json.RawMessage
	S2    json.RawMessage
	Label *bool
}

// containmentPairs reads a file of pairs.
func containmentPairs(t testing.TB, file string) []containmentPair {
	f, err := os.Open(filepath.Join(filepath.Dir(suiteDir(t)), "containment", file))
	if err != nil {
		t.Skip(err)
	}
	defer f.Close()
	var pairs []containmentPair
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var p containmentPair
		if err := json.Unmarshal(lines.Bytes(), &p); err != nil {
			t.Fatal(err)
		}
		pairs = append(pairs, p)
	}
	return pairs
}

// containmentFiles are the suites.
var containmentFiles = []string{"cts_draft4.jsonl", "cts_draft6.jsonl", "cts_draft7.jsonl", "cts_draft2019-09.jsonl", "cts_draft2020-12.jsonl", "karapace_pairs.jsonl", "iglu_pairs.jsonl"}

// TestContainmentSuites decides every pair of the suites. Where the answer is
// not the label, or there is none, testdata/containment.txt has the reason, and
// the answer is held against a second validator. What is said to be contained
// is attacked with samples.
func TestContainmentSuites(t *testing.T) {
	reasons := reasonsIn(t, "testdata/containment.txt")
	used := map[string]bool{}
	var score strings.Builder
	for _, file := range containmentFiles {
		var times []time.Duration
		right, excused, undecided := 0, 0, 0
		documents := remotes(t, suiteDir(t))
		for i, p := range containmentPairs(t, file) {
			d := draftNamed(p.Draft)
			profile := Profile{FormatsIgnore: strings.HasSuffix(strings.Split(p.ID, "#")[0], "valid/format.json") && d >= Draft2019 || strings.Contains(p.ID, "unions/format.json") && d >= Draft2019}
			c := NewCompiler(nil, Documents(documents), FormatAssertion(!profile.FormatsIgnore))
			begin := time.Now()
			sub, err := c.Compile(node(t, string(p.S1)), d)
			super, err2 := c.Compile(node(t, string(p.S2)), d)
			got := Containment{}
			if err == nil && err2 == nil {
				got = Contains(super, sub, profile)
			}
			times = append(times, time.Since(begin))
			why := ""
			switch {
			case got.Verdict == Undecided:
				undecided++
				why = fmt.Sprint("is undecided: ", got.Reason, err, err2)
			case (got.Verdict == Contained) != *p.Label:
				excused++
				why = fmt.Sprintf("%v %s, label %v", got.Verdict, got.Witness, *p.Label)
			default:
				right++
			}
			if why != "" {
				reason := reasonFor(reasons, p.ID)
				if reason == "" {
					t.Errorf("%s %s\n  %s\n  %s", p.ID, why, p.S1, p.S2)
				}
				used[reason] = true
			}
			switch {
			case got.Verdict == NotContained:
				if wrong := confirmed(d, !profile.FormatsIgnore, string(p.S2), string(p.S1), got.Witness); wrong != "" {
					if reason := reasonFor(reasons, "second: "+p.ID); reason != "" {
						used[reason] = true
						continue
					}
					t.Errorf("%s: the witness %s is none for another validator: %s", p.ID, got.Witness, wrong)
				}
			case got.Verdict == Contained:
				samples, err := sub.Sample(uint64(i), 3)
				if err != nil {
					continue // there is none
				}
				for _, v := range samples {
					if !super.ValidJSON(v) {
						t.Errorf("%s: said to be contained, but %s shows otherwise\n  %s\n  %s", p.ID, v, p.S1, p.S2)
					}
				}
			}
		}
		slices.Sort(times)
		t.Logf("%s: median %v, longest %v", file, times[len(times)/2], times[len(times)-1])
		fmt.Fprintf(&score, "%s: %d as labelled, %d not, %d undecided\n", file, right, excused, undecided)
	}
	holdScore(t, "testdata/containment.txt", score.String(), reasons, used)
}

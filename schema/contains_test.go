package schema

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
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

func TestContainmentSuites(t *testing.T) {
	for _, file := range []string{"cts_draft4.jsonl", "cts_draft6.jsonl", "cts_draft7.jsonl", "cts_draft2019-09.jsonl", "cts_draft2020-12.jsonl", "karapace_pairs.jsonl", "iglu_pairs.jsonl"} {
		t.Run(file, func(t *testing.T) {
			var times []time.Duration
			var right, wrong, undecided, missed int
			for _, p := range containmentPairs(t, file) {
				d := draftNamed(p.Draft)
				c := NewCompiler(nil, Documents(remotes(t, suiteDir(t))))
				begin := time.Now()
				sub, err := c.Compile(node(t, string(p.S1)), d)
				super, err2 := c.Compile(node(t, string(p.S2)), d)
				if err != nil || err2 != nil {
					t.Logf("%s: %v %v", p.ID, err, err2)
					undecided++
					continue
				}
				got := Contains(super, sub, Profile{})
				took := time.Since(begin)
				times = append(times, took)
				switch {
				case got.Verdict == Undecided:
					undecided++
					t.Logf("UNDECIDED %s (label %v) %s\n  %s\n  %s", p.ID, *p.Label, got.Reason, p.S1, p.S2)
				case p.Label != nil && (got.Verdict == Contained) != *p.Label:
					wrong++
					if got.Verdict == Contained {
						missed++
					}
					t.Logf("LABEL %s: %v, label %v: %s %s\n  %s\n  %s", p.ID, got.Verdict, *p.Label, got.Witness, got.Reason, p.S1, p.S2)
				default:
					right++
				}
				if took > 100*time.Millisecond {
					t.Logf("SLOW %s %v", p.ID, took)
				}
			}
			slices.Sort(times)
			t.Logf("right %d, label differs %d (contained %d), undecided %d, median %v, max %v", right, wrong, missed, undecided, times[len(times)/2], times[len(times)-1])
		})
	}
}

package schema

import (
	"encoding/json"
	"flag"
	"math/rand"
	"slices"
	"testing"
	"time"
)

var hardPairs = flag.Int("hard", 600, "how many mutated schemas TestContainmentHard compares, each in both directions")

// TestContainmentHard compares real schemas with themselves changed at one
// place.
func TestContainmentHard(t *testing.T) {
	var schemas []any
	for _, file := range []string{"iglu_pairs.jsonl", "karapace_pairs.jsonl"} {
		schemas = append(schemas, realSchemas(containmentPairs(t, file))...)
	}
	type pair struct {
		what string
		a, b any
	}
	var pairs []pair
	for _, s := range schemas {
		for _, m := range mutants(s) {
			pairs = append(pairs, pair{m.what, s, m.schema})
		}
	}
	rng := rand.New(rand.NewSource(1))
	rng.Shuffle(len(pairs), func(i, j int) { pairs[i], pairs[j] = pairs[j], pairs[i] })
	all := len(pairs)
	pairs = pairs[:min(len(pairs), *hardPairs)]
	var times []time.Duration
	counts := map[Verdict]int{}
	for _, p := range pairs {
		a, _ := json.Marshal(p.a)
		b, _ := json.Marshal(p.b)
		for _, texts := range [][2][]byte{{a, b}, {b, a}} {
			c := NewCompiler(nil)
			sub, err := c.Compile(node(t, string(texts[0])), Draft7)
			super, err2 := c.Compile(node(t, string(texts[1])), Draft7)
			if err != nil || err2 != nil {
				continue
			}
			begin := time.Now()
			got := Contains(super, sub, Profile{})
			took := time.Since(begin)
			times = append(times, took)
			counts[got.Verdict]++
			if got.Verdict == Undecided {
				t.Logf("UNDECIDED %s: %s\n%.300s\n%.300s", p.what, got.Reason, texts[0], texts[1])
			}
			if took > 50*time.Millisecond {
				t.Logf("SLOW %s: %v %v", p.what, took, got.Verdict)
			}
		}
	}
	slices.Sort(times)
	t.Logf("of %d pairs %d: contained %d, not %d, undecided %d; median %v, max %v", all, len(pairs), counts[Contained], counts[NotContained], counts[Undecided], times[len(times)/2], times[len(times)-1])
}

package schema

import (
	"encoding/json"
	"flag"
	"math/rand"
	"slices"
	"testing"
	"time"

	"github.com/treaty-events/treaty/internal/race"
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
	pairs = pairs[:min(len(pairs), race.Rounds(*hardPairs))]
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
			switch {
			case got.Verdict == NotContained && len(times)%10 == 0:
				if why := confirmed(Draft7, true, string(texts[1]), string(texts[0]), got.Witness); why != "" {
					t.Errorf("%s: the witness %s is none for another validator: %s", p.what, got.Witness, why)
				}
			case got.Verdict == Contained:
				samples, _ := sub.Sample(1, 2)
				for _, v := range samples {
					if !super.ValidJSON(v) {
						t.Errorf("%s: said to be contained, but %s shows otherwise", p.what, v)
					}
				}
			}
		}
	}
	if 20*counts[Undecided] > len(times) {
		t.Errorf("%d of %d are undecided", counts[Undecided], len(times))
	}
	slices.Sort(times)
	t.Logf("of %d pairs %d: contained %d, not %d, undecided %d; median %v, max %v", all, len(pairs), counts[Contained], counts[NotContained], counts[Undecided], times[len(times)/2], times[len(times)-1])
}

package amqp

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestPass: whatever the order in which messages are settled, each that was not
// given back is acknowledged once, and none is that is not settled.
func TestPass(t *testing.T) {
	for seed := range uint64(300) {
		chance := rand.New(rand.NewPCG(seed, 1))
		const n = 200
		var a acks
		settled, acked := map[uint64]string{}, map[uint64]bool{}
		var open []uint64
		next := uint64(1)
		for len(settled) < n {
			for next <= n && len(open) < 1+chance.IntN(30) {
				open = append(open, next)
				next++
			}
			var batch []uint64
			for range min(len(open), 1+chance.IntN(8)) {
				i := min(chance.IntN(len(open)), chance.IntN(len(open))) // the oldest mostly
				tag := open[i]
				open = slices.Delete(open, i, i+1)
				if chance.IntN(10) == 0 {
					settled[tag] = "given back"
					a.note(tag)
					continue
				}
				settled[tag] = "acknowledged"
				batch = append(batch, tag)
			}
			upTo, single := a.pass(batch)
			if upTo > 0 && (acked[upTo] || settled[upTo] != "acknowledged") {
				t.Fatalf("seed %d: all up to %d are acknowledged, and that is not the broker's to know any more", seed, upTo)
			}
			for tag := uint64(1); tag <= upTo; tag++ {
				if settled[tag] == "" {
					t.Fatalf("seed %d: %d is acknowledged with all up to %d, and is not settled", seed, tag, upTo)
				}
				acked[tag] = true
			}
			for _, tag := range single {
				if acked[tag] || settled[tag] != "acknowledged" {
					t.Fatalf("seed %d: %d is acknowledged twice, or was given back", seed, tag)
				}
				acked[tag] = true
			}
			for tag, how := range settled {
				if how == "acknowledged" && !acked[tag] {
					t.Fatalf("seed %d: %d is not acknowledged", seed, tag)
				}
			}
			if len(a.beyond) > len(open)+1 {
				t.Fatalf("seed %d: %d spans for %d that are open", seed, len(a.beyond), len(open))
			}
		}
		if a.low != n || len(a.beyond) > 0 {
			t.Errorf("seed %d: all are settled, and it knows of %d and %v", seed, a.low, a.beyond)
		}
	}
}

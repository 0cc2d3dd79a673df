package memory

import (
	"math/rand/v2"
	"testing"

	"github.com/treaty-events/treaty/store"
)

// A table knows what a map knows, whatever is added and removed, also where most
// entries point to the same few places, the last ones among them, so that they stand
// around the end.
func TestTableAgrees(t *testing.T) {
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 1))
		of := func() uint64 {
			n := r.Uint64N(400)
			return shards * (n%5 - 3 + n<<20) // -3 and -2 are at the end
		}
		var got table
		want := map[uint64]store.Digest{}
		for range 5000 {
			h := of()
			e := got.find(h)
			digest, known := want[h]
			switch {
			case (e != nil) != known:
				t.Fatalf("seed %d: found %v, and it is there: %v", seed, e, known)
			case known && (e.state() != done || !e.is(&digest)):
				t.Fatalf("seed %d: an entry says %v, and not %v", seed, e, digest)
			case known && r.IntN(3) > 0:
				got.remove(e)
				delete(want, h)
			case !known:
				digest[r.IntN(16)] = byte(r.Uint32())
				got.add(h).set(done, &digest)
				want[h] = digest
			}
			if got.n != len(want) || 8*got.n > 5*len(got.entries) {
				t.Fatalf("seed %d: %d entries in %d places, and not %d", seed, got.n, len(got.entries), len(want))
			}
		}
	}
}

package store_test

import (
	"strings"
	"testing"

	"github.com/treaty-events/treaty/store"
)

func TestHash(t *testing.T) {
	seen := map[[16]byte]store.Identity{}
	for _, id := range []store.Identity{
		{}, {Group: "a", Key: "bc"}, {Group: "ab", Key: "c"}, {Group: "abc"}, {Key: "abc"}, {Key: "a\tb"}, {Key: "a\x00b"},
		{Group: strings.Repeat("g", 300)}, {Key: strings.Repeat("k", 100_000)},
	} {
		h := id.Hash()
		if other, ok := seen[h]; ok {
			t.Errorf("%.20q and %.20q have one hash", id, other)
		}
		seen[h] = id
		id.Digest[0]++
		if id.Hash() != h {
			t.Errorf("%.20q has another hash with another digest", id)
		}
	}
}

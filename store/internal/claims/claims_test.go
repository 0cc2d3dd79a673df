package claims

import (
	"testing"

	"github.com/treaty-events/treaty/store"
)

func TestTable(t *testing.T) {
	var c Table
	h, a, b := [16]byte{1}, store.Digest{1}, store.Digest{2}
	take := func(d store.Digest, want store.State) {
		t.Helper()
		if got := c.Take(h, d); got != want {
			t.Errorf("Take: %v, want %v", got, want)
		}
	}
	take(a, store.Claimed)
	take(a, store.Busy)
	take(b, store.Collision)
	if !c.Held(h, a) || c.Held(h, b) || c.Release(h, b) || !c.Release(h, a) || c.Release(h, a) {
		t.Error("a claim is held and released by its digest, once")
	}
	take(b, store.Claimed)
	c.End(h)
	take(a, store.Claimed)
	if all := c.Clear(); len(all) != 1 || all[0] != h {
		t.Errorf("Clear: %v", all)
	}
	take(b, store.Claimed)
}

package memory

import (
	"encoding/binary"
	"math/bits"

	"github.com/treaty-events/treaty/store"
)

// table is entries by their hash, each in the first free place from where its hash
// points to: one look at memory finds an entry, and mostly finds that there is none.
// A map of the language takes two or three, and with millions of entries each is a
// wait for memory. The zero value is empty.
type table struct {
	entries []entry // 0, or a power of two of them, three of eight free at least
	n       int
}

// entry is an identity: its hash, 62 bits of its digest, and, in the lowest
// two bits, whether its event is done or is being handled. Four are in a line
// of a cache. The zero value is none.
type entry struct {
	hash uint64
	rest uint64
}

func (e *entry) state() state { return state(e.rest & 3) }

// state is what is known of an entry. The zero value is that there is none.
type state uint8

const (
	claimed state = iota + 1
	done
)

// digestOf is 62 bits of a digest, to which all of its bits have a say.
func digestOf(d *store.Digest) uint64 {
	both := binary.NativeEndian.Uint64(d[:]) ^ bits.RotateLeft64(binary.NativeEndian.Uint64(d[8:]), 32)
	return both * 0x9e3779b97f4a7c15 &^ 3 // odd, so that no two are made one by it
}

func (e *entry) is(d *store.Digest) bool { return e.rest&^3 == digestOf(d) }

func (e *entry) set(to state, d *store.Digest) { e.rest = digestOf(d) | uint64(to) }

// place is where the looking for an entry begins. The lowest bits chose the shard.
func (t *table) place(h uint64) int { return int(h/shards) & (len(t.entries) - 1) }

// find is the entry of a hash, nil where there is none. It stays where it is until
// something is added or removed.
func (t *table) find(h uint64) *entry {
	if t.n == 0 {
		return nil
	}
	for i := t.place(h); ; i = (i + 1) & (len(t.entries) - 1) {
		switch e := &t.entries[i]; {
		case e.rest == 0:
			return nil
		case e.hash == h:
			return e
		}
	}
}

// add makes an entry of a hash that has none. Its state is the caller's to set.
func (t *table) add(h uint64) *entry {
	if 8*(t.n+1) > 5*len(t.entries) {
		before := t.entries
		t.entries = make([]entry, max(8, 2*len(before)))
		for i := range before {
			if before[i].rest != 0 {
				*t.free(before[i].hash) = before[i]
			}
		}
	}
	t.n++
	e := t.free(h)
	e.hash = h
	return e
}

// free is the first free place of a hash.
func (t *table) free(h uint64) *entry {
	i := t.place(h)
	for t.entries[i].rest != 0 {
		i = (i + 1) & (len(t.entries) - 1)
	}
	return &t.entries[i]
}

// remove takes out an entry that the table has. What stands behind it moves up, so
// that no gap is between where its hash points to and where it is.
func (t *table) remove(e *entry) {
	mask := len(t.entries) - 1
	gap := t.place(e.hash)
	for &t.entries[gap] != e {
		gap = (gap + 1) & mask
	}
	for i := (gap + 1) & mask; t.entries[i].rest != 0; i = (i + 1) & mask {
		// It may move into the gap unless it would then stand before its place.
		if from := t.place(t.entries[i].hash); (i-from)&mask >= (i-gap)&mask {
			t.entries[gap] = t.entries[i]
			gap = i
		}
	}
	t.entries[gap] = entry{}
	t.n--
}

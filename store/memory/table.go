package memory

import "github.com/treaty-events/treaty/store"

// table is entries by their hash, each in the first free place from where its hash
// points to: one look at memory finds an entry, and mostly finds that there is none.
// A map of the language takes two or three, and with millions of entries each is a
// wait for memory. The zero value is empty.
type table struct {
	entries []entry // 0, or a power of two of them, a quarter free at least
	n       int
}

// entry is an identity: the most of its digest, and whether its event is done or is
// being handled.
type entry struct {
	hash   hash
	digest [15]byte
	state  state
}

// state is what is known of an entry. The zero value is that there is none.
type state uint8

const (
	claimed state = iota + 1
	done
)

func (e *entry) is(d *store.Digest) bool { return e.digest == [15]byte(d[:15]) }

func (e *entry) set(to state, d *store.Digest) { e.state, e.digest = to, [15]byte(d[:15]) }

// place is where the looking for an entry begins. The lowest bits chose the shard.
func (t *table) place(h hash) int { return int(h[0]/shards) & (len(t.entries) - 1) }

// find is the entry of a hash, nil where there is none. It stays where it is until
// something is added or removed.
func (t *table) find(h hash) *entry {
	if t.n == 0 {
		return nil
	}
	for i := t.place(h); ; i = (i + 1) & (len(t.entries) - 1) {
		switch e := &t.entries[i]; {
		case e.state == 0:
			return nil
		case e.hash == h:
			return e
		}
	}
}

// add makes an entry of a hash that has none. Its state is the caller's to set.
func (t *table) add(h hash) *entry {
	if 4*(t.n+1) > 3*len(t.entries) {
		before := t.entries
		t.entries = make([]entry, max(8, 2*len(before)))
		for i := range before {
			if before[i].state != 0 {
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
func (t *table) free(h hash) *entry {
	i := t.place(h)
	for t.entries[i].state != 0 {
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
	for i := (gap + 1) & mask; t.entries[i].state != 0; i = (i + 1) & mask {
		// It may move into the gap unless it would then stand before its place.
		if from := t.place(t.entries[i].hash); (i-from)&mask >= (i-gap)&mask {
			t.entries[gap] = t.entries[i]
			gap = i
		}
	}
	t.entries[gap] = entry{}
	t.n--
}

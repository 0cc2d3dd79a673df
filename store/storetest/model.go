package storetest

import (
	"context"
	"fmt"
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/treaty-events/treaty/store"
)

// entry is what the model knows of a key: that it is claimed by a process until
// a time, or that it was done at a time.
type entry struct {
	digest store.Digest
	done   bool
	at     time.Time // done: when; else when the lease is over
	by     int
}

// world is the model: one table that all processes see, and what each holds.
type world struct {
	s       *suite
	window  time.Duration
	lease   time.Duration // 0: claims last until the process ends
	table   map[string]entry
	held    []map[string]store.Digest
	stores  []store.Store
	durable bool
}

func name(id store.Identity) string { return fmt.Sprintf("%q %q", id.Group, id.Key) }

// states are the answers that Claim may give. A process need not look at the
// table for what it holds itself.
func (w *world) states(process int, id store.Identity) []store.State {
	var all []store.State
	if d, ok := w.held[process][name(id)]; ok {
		if d == id.Digest {
			all = append(all, store.Busy)
		} else {
			all = append(all, store.Collision)
		}
	}
	e, ok := w.table[name(id)]
	live := ok && (e.done || w.lease == 0 || w.s.clock.now().Before(e.at))
	switch {
	case !live:
		all = append(all, store.Claimed)
	case e.digest != id.Digest:
		all = append(all, store.Collision)
	case e.done:
		all = append(all, store.Done)
	default:
		all = append(all, store.Busy)
	}
	return all
}

func (w *world) claim(t *rapid.T, process int, id store.Identity, allowed []store.State) store.State {
	state, err := w.stores[process].Claim(context.Background(), id)
	if err != nil {
		t.Fatalf("Claim(%s): %v", name(id), err)
	}
	if !slices.Contains(allowed, state) {
		t.Fatalf("process %d: Claim(%s, content %d): %v, want %v", process, name(id), id.Digest[0], state, allowed)
	}
	if state == store.Claimed {
		w.table[name(id)] = entry{digest: id.Digest, at: w.s.clock.now().Add(w.lease), by: process}
		w.held[process][name(id)] = id.Digest
	}
	return state
}

// settle asks for what is older than the window and not older than two: it may
// be remembered or not.
func (w *world) settle(t *rapid.T) {
	now := w.s.clock.now()
	for n, e := range w.table {
		age := now.Sub(e.at)
		if !e.done || age < w.window {
			continue
		}
		delete(w.table, n)
		if age >= 2*w.window {
			continue
		}
		id := store.Identity{Digest: e.digest}
		if _, err := fmt.Sscanf(n, "%q %q", &id.Group, &id.Key); err != nil {
			t.Fatal(err)
		}
		if d, ok := w.held[0][n]; ok { // and another process has handled it since
			if err := w.stores[0].Release(context.Background(), store.Identity{Group: id.Group, Key: id.Key, Digest: d}); err != nil {
				t.Fatalf("Release: %v", err)
			}
			delete(w.held[0], n)
		}
		if w.claim(t, 0, id, []store.State{store.Done, store.Claimed}) == store.Done {
			w.table[n] = e
			continue
		}
		if err := w.stores[0].Release(context.Background(), id); err != nil {
			t.Fatalf("Release: %v", err)
		}
		delete(w.table, n)
		delete(w.held[0], n)
	}
}

// model does what comes to mind, and holds the store to the model.
func model(s *suite) {
	canPass := s.h.Pass == nil
	rapid.Check(s.t, func(t *rapid.T) {
		w := &world{s: s, window: long, table: map[string]entry{}}
		if canPass {
			w.window = time.Hour
		}
		where := place()
		lease := 10 * w.window
		open := func() store.Store {
			return s.h.Open(s.TB, where, Options{Window: w.window, Lease: lease, Now: s.clock.now})
		}
		processes := 1
		if s.h.Shared {
			processes = 2
			lease = w.window / 7
		}
		for range processes {
			w.stores = append(w.stores, open())
			w.held = append(w.held, map[string]store.Digest{})
		}
		defer func() {
			for _, st := range w.stores {
				if err := st.Close(); err != nil {
					t.Errorf("Close: %v", err)
				}
			}
		}()
		w.durable = w.stores[0].Durable()
		if _, ok := w.stores[0].(store.Renewer); ok {
			w.lease = lease
		}

		someID := rapid.Custom(func(t *rapid.T) store.Identity {
			return store.Identity{
				Group:  rapid.SampledFrom([]string{"a", "b"}).Draw(t, "group"),
				Key:    rapid.SampledFrom([]string{"x", "y", "z"}).Draw(t, "key"),
				Digest: store.Digest{rapid.SampledFrom([]byte{0, 0, 0, 1}).Draw(t, "content")},
			}
		})
		someIDs := rapid.SliceOfN(someID, 0, 5)
		process := rapid.IntRange(0, processes-1)

		actions := map[string]func(*rapid.T){
			"claim": func(t *rapid.T) {
				p, id := process.Draw(t, "process"), someID.Draw(t, "id")
				w.claim(t, p, id, w.states(p, id))
			},
			"done": func(t *rapid.T) {
				p, ids := process.Draw(t, "process"), someIDs.Draw(t, "ids")
				if err := w.stores[p].Done(context.Background(), ids...); err != nil {
					t.Fatalf("Done: %v", err)
				}
				for _, id := range ids {
					delete(w.held[p], name(id))
					if e, ok := w.table[name(id)]; !ok || !e.done {
						w.table[name(id)] = entry{digest: id.Digest, done: true, at: w.s.clock.now()}
					}
				}
			},
			"release": func(t *rapid.T) {
				p, ids := process.Draw(t, "process"), someIDs.Draw(t, "ids")
				if err := w.stores[p].Release(context.Background(), ids...); err != nil {
					t.Fatalf("Release: %v", err)
				}
				for _, id := range ids {
					if d, ok := w.held[p][name(id)]; !ok || d != id.Digest {
						continue
					}
					delete(w.held[p], name(id))
					if e := w.table[name(id)]; !e.done && e.by == p && e.digest == id.Digest {
						delete(w.table, name(id))
					}
				}
			},
			"reopen": func(t *rapid.T) {
				p := process.Draw(t, "process")
				if err := w.stores[p].Close(); err != nil {
					t.Fatalf("Close: %v", err)
				}
				w.stores[p] = open()
				w.held[p] = map[string]store.Digest{}
				for n, e := range w.table {
					if !e.done && e.by == p || !w.durable {
						delete(w.table, n)
					}
				}
			},
		}
		if canPass {
			actions["pass"] = func(t *rapid.T) {
				s.pass(time.Duration(rapid.SampledFrom([]int{1, 10, 20, 45, 205}).Draw(t, "percent")) * w.window / 100)
				w.settle(t)
			}
		}
		if w.lease > 0 {
			actions["renew"] = func(t *rapid.T) {
				p, ids := process.Draw(t, "process"), someIDs.Draw(t, "ids")
				if err := w.stores[p].(store.Renewer).Renew(context.Background(), ids...); err != nil {
					t.Fatalf("Renew: %v", err)
				}
				for _, id := range ids {
					if d, ok := w.held[p][name(id)]; !ok || d != id.Digest {
						continue
					}
					e, ok := w.table[name(id)]
					if !ok || !e.done && (e.by == p || !w.s.clock.now().Before(e.at)) {
						w.table[name(id)] = entry{digest: id.Digest, at: w.s.clock.now().Add(w.lease), by: p}
					}
				}
			}
		}
		t.Repeat(actions)
	})
}

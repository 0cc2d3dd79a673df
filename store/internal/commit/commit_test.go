package commit

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/treaty-events/treaty/store"
)

func TestGroup(t *testing.T) {
	var committed, commits, atOnce atomic.Int64
	broken := errors.New("broken")
	g := New(100, func(items []int) error {
		if atOnce.Add(1) != 1 {
			t.Error("two commits at once")
		}
		defer atOnce.Add(-1)
		commits.Add(1)
		time.Sleep(time.Millisecond)
		for _, n := range items {
			if n < 0 {
				return broken
			}
		}
		if len(items) > 100 && len(items) != 150 {
			t.Errorf("a batch of %d", len(items))
		}
		committed.Add(int64(len(items)))
		return nil
	})
	ctx := context.Background()
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			for n := range 20 {
				if err := g.Do(ctx, n, n); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if committed.Load() != 64*20*2 || commits.Load() > 64*20/4 {
		t.Errorf("%d committed in %d commits", committed.Load(), commits.Load())
	}
	if err := g.Do(ctx, -1); !errors.Is(err, broken) {
		t.Errorf("a commit that fails: %v", err)
	}
	if err := g.Do(ctx, make([]int, 150)...); err != nil {
		t.Errorf("after it: %v", err)
	}
	if err := g.Do(ctx); err != nil {
		t.Error(err)
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if err := g.Do(ended, 1); err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	g.Close()
	g.Close()
	if err := g.Do(ctx, 1); !errors.Is(err, store.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

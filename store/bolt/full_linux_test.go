package bolt_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/treaty-events/treaty/store"
	"github.com/treaty-events/treaty/store/bolt"
)

// TestFull has another process write until its files may not grow any more,
// which is what a full disk is to the file, and go on when they may.
func TestFull(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store")
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "TREATY_BOLT_CHILD="+path, "TREATY_BOLT_DO=full")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	claim(t, open(t, path), store.Identity{Key: "last"}, store.Done)
}

// tooBig looks at the text too, since bbolt does not wrap what a resize failed
// with.
func tooBig(err error) bool {
	return errors.Is(err, syscall.EFBIG) || err != nil && strings.Contains(err.Error(), syscall.EFBIG.Error())
}

func full(s *bolt.Store, path string) error {
	signal.Ignore(syscall.SIGXFSZ)
	var old syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &old); err != nil {
		return err
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 1 << 20, Max: old.Max}); err != nil {
		return err
	}
	ctx := context.Background()
	const batch = 500
	from := 0
	for ; ; from += batch {
		err := s.Done(ctx, identities(from, from+batch)...)
		if tooBig(err) {
			break
		}
		if err != nil {
			return err
		}
		if from > 1_000_000 {
			return errors.New("the file grows without end")
		}
	}
	if from == 0 {
		return errors.New("nothing fits")
	}
	failed := identities(from, from+batch)
	for range 3 {
		if err := s.Done(ctx, failed...); !tooBig(err) {
			return fmt.Errorf("again: %v", err)
		}
	}
	expect := func(s *bolt.Store, ids []store.Identity, want store.State) error {
		for _, id := range ids {
			if state, err := s.Claim(ctx, id); err != nil || state != want {
				return fmt.Errorf("%s: %v, %v; want %v", id.Key, state, err, want)
			}
		}
		return nil
	}
	if err := errors.Join(expect(s, identities(0, from), store.Done), expect(s, failed, store.Claimed)); err != nil {
		return err
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &old); err != nil {
		return err
	}
	if err := s.Done(ctx, failed[1:]...); err != nil {
		return err
	}
	if err := errors.Join(s.Release(ctx, failed[0]), expect(s, failed[1:], store.Done), expect(s, failed[:1], store.Claimed)); err != nil {
		return err
	}
	if err := s.Close(); err != nil {
		return err
	}
	again, err := bolt.Open(path)
	if err != nil {
		return err
	}
	defer again.Close()
	return errors.Join(expect(again, identities(0, from), store.Done), expect(again, failed[1:], store.Done), expect(again, failed[:1], store.Claimed),
		again.Done(ctx, store.Identity{Key: "last"}))
}

//go:build !linux

package bolt_test

import (
	"errors"

	"github.com/treaty-events/treaty/store/bolt"
)

func full(*bolt.Store, string) error { return errors.New("not on this system") }

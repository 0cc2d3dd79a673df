package torture

import (
	"github.com/treaty-events/treaty/store"
	"github.com/treaty-events/treaty/store/bolt"
)

func openBolt(path string) (store.Store, error) { return bolt.Open(path) }

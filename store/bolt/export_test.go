package bolt

import "go.etcd.io/bbolt"

// Fault puts a fault into the commits of a store: before the transaction, as
// when the disk is full, or after it, as when the last sync fails.
func (s *Store) Fault(before, after func() error) {
	s.db = &faulty{s.db, before, after}
}

type faulty struct {
	database
	before, after func() error
}

func (f *faulty) Update(fn func(*bbolt.Tx) error) error {
	err := f.database.Update(func(tx *bbolt.Tx) error {
		if err := fn(tx); err != nil {
			return err
		}
		return f.before()
	})
	if err != nil {
		return err
	}
	return f.after()
}

// Recent sets how many events are in the log before they are moved.
func Recent(n int) Option { return func(s *Store) { s.limit = n } }

// Entries is how many events the file has, old ones too, and how many entries
// its log.
func (s *Store) Entries() (done, log int, err error) {
	err = s.db.View(func(tx *bbolt.Tx) error {
		done, log = tx.Bucket(doneBucket).Stats().KeyN, tx.Bucket(logBucket).Stats().KeyN
		return nil
	})
	return done, log, err
}

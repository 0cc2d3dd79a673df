package store

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"time"
)

// DefaultLease is how long a claim lasts that is not renewed, where nobody says
// and the store is a Renewer.
const DefaultLease = time.Minute

// ErrClosed: the store has been closed.
var ErrClosed = errors.New("the store is closed")

// Hash is the first half of a SHA-256 of the group and the key: what a store
// keeps instead of them, so that an identity of any length takes 16 bytes. Two
// identities have the same one with a probability of 1 in 2^128.
func (id Identity) Hash() [16]byte {
	var scratch [256]byte
	// The length of the group keeps "a", "bc" and "ab", "c" apart.
	b := binary.AppendUvarint(scratch[:0], uint64(len(id.Group)))
	b = append(b, id.Group...)
	b = append(b, id.Key...)
	sum := sha256.Sum256(b)
	return [16]byte(sum[:16])
}

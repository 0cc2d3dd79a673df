package store

import "errors"

// Entry is an event in an outbox: written in the transaction that it tells of, to
// be sent when that has been committed.
type Entry struct {
	// Channel is the channel's name in the contract.
	Channel string
	// Key orders: entries of one key are sent in the order in which their
	// transactions were committed, and those of one transaction in theirs. "" is none.
	Key string
	// Event is the event as CloudEvents JSON.
	Event []byte
}

// ErrRefused is in an error of whoever sends entries when one of them can never
// be sent: it is put aside with the reason, and those after it are sent.
var ErrRefused = errors.New("refused for good")

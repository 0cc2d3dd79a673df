// Package regular is about regular languages: sets of strings that a finite
// automaton recognises. It decides whether some string is in all of several
// languages and in none of others, with a length between bounds, and if so
// shows the shortest and most readable one. Package schema decides with it what
// patterns allow between them.
//
// A Lang is a deterministic automaton over classes of code points that no
// expression tells apart (lang.go). A Query walks several of them at once
// (query.go). Sizes are bounded by named limits; what goes over them is
// TooLarge, never wrong.
package regular

import "errors"

// maxStates bounds the automaton of one expression, and maxProduct that of
// several walked at once. An automaton can be exponentially larger than the
// expression that it comes from.
const (
	maxStates  = 4_000
	maxProduct = 40_000
	maxWork    = 2_000_000 // transitions followed for one question
)

// ErrTooLarge says that an expression has too large an automaton.
var ErrTooLarge = errors.New("the expression has too large an automaton")

package broker

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// What can go wrong, for errors.Is. An error that is none of these is the
// client's own, and comes as it is.
var (
	// ErrUnreachable: nothing answers at the address, or it is no broker.
	ErrUnreachable = errors.New("broker unreachable")
	// ErrDenied: the broker does not let this user in, or not do this.
	ErrDenied = errors.New("denied by the broker")
	// ErrNoChannel: there is no topic, stream, exchange … of the channel's address.
	ErrNoChannel = errors.New("no such channel on the broker")
	// ErrDisagrees: what carries the channel on the broker is not what its settings ask
	// for.
	ErrDisagrees = errors.New("the contract and the broker disagree")
	// ErrTooLarge: the message is greater than the broker takes.
	ErrTooLarge = errors.New("message too large for the broker")
	// ErrUnrouted: nobody subscribes, and the message would have been lost.
	ErrUnrouted = errors.New("nobody would receive the message")
	// ErrUnsupported: the broker cannot do this, see Features.
	ErrUnsupported = errors.New("not supported by the broker")
	// ErrClosed: the Broker has been closed.
	ErrClosed = errors.New("broker closed")
	// ErrUsage: the URL or an option makes no sense.
	ErrUsage = errors.New("wrong use")
)

// Error is something that a broker could not do.
type Error struct {
	Op      string // open, publish, subscribe, settle, declare, remove, check
	Broker  string // its URL, without secrets
	Channel string // the address; "" where none is concerned
	Kind    error  // one of the errors of this package, or nil
	Err     error  // what the client said, or nil
	Advice  string // what to do; "" for none
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Op)
	if e.Channel != "" {
		fmt.Fprintf(&b, " %q", e.Channel)
	}
	if e.Broker != "" {
		fmt.Fprintf(&b, " on %s", e.Broker)
	}
	if e.Kind != nil {
		fmt.Fprintf(&b, ": %v", e.Kind)
	}
	if e.Err != nil {
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	if e.Advice != "" {
		fmt.Fprintf(&b, "; %s", e.Advice)
	}
	return b.String()
}

// Unwrap makes errors.Is find both the kind and what the client said.
func (e *Error) Unwrap() []error {
	var all []error
	if e.Kind != nil {
		all = append(all, e.Kind)
	}
	if e.Err != nil {
		all = append(all, e.Err)
	}
	return all
}

// PublishError says which messages of a call were not acknowledged. Those
// between may have been: a message that is sent again may be a duplicate.
type PublishError struct {
	Failed []Failure // by Index, at least one
	Of     int       // messages of the call
}

// Failure is a message that was not acknowledged.
type Failure struct {
	Index int // in the call
	Err   error
}

func (e *PublishError) Error() string {
	if e.Of == 1 {
		return e.Failed[0].Err.Error()
	}
	return fmt.Sprintf("%d of %d messages were not published; the first is number %d: %v", len(e.Failed), e.Of, e.Failed[0].Index+1, e.Failed[0].Err)
}

// Unwrap is what happened to the messages.
func (e *PublishError) Unwrap() []error {
	all := make([]error, len(e.Failed))
	for i, f := range e.Failed {
		all[i] = f.Err
	}
	return all
}

// Failures collects what did not go of a call. The zero value has none.
type Failures struct{ failed []Failure }

// Add notes what happened to a message; nil is nothing.
func (f *Failures) Add(index int, err error) {
	if err != nil {
		f.failed = append(f.failed, Failure{index, err})
	}
}

// Err is a *PublishError for a call with that many messages, or nil.
func (f *Failures) Err(of int) error {
	if len(f.failed) == 0 {
		return nil
	}
	return &PublishError{f.failed, of}
}

// Disagree collects what Check finds: for every setting that differs, its name
// and both values. The zero value is agreement.
type Disagree struct{ found []string }

// Add notes a setting whose value on the broker is another than is asked for.
func (d *Disagree) Add(setting, asked, there string) {
	if asked != there {
		d.found = append(d.found, fmt.Sprintf("%s is %s in the contract and %s on the broker", setting, asked, there))
	}
}

// Err is an ErrDisagrees that says all, or nil.
func (d *Disagree) Err(t *Target, channel string) error {
	if len(d.found) == 0 {
		return nil
	}
	return t.Fail("check", channel, ErrDisagrees, errors.New(strings.Join(d.found, ", ")), "change the one or the other: what is there is not changed by declaring it again")
}

// Ended is whether an error is that of a context.
func Ended(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

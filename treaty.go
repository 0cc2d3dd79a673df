// Package treaty keeps event contracts on the wire: a [Producer] sends and a
// [Consumer] hands over only what the contract allows, with the delivery
// semantics that it promises, on any broker.
//
//	c, err := treaty.Load(ctx, files, "orders.asyncapi.yaml")
//	b, err := broker.Open(ctx, url, embedded.Adapter, kafka.Adapter)
//
//	p, err := treaty.NewProducer(c, b)
//	_, err = p.Publish(ctx, "orders.paid.v1", "ord_1", OrderPaid{…})
//
//	consumer, err := treaty.NewConsumer(c, b, "billing")
//	treaty.On(consumer, "orders.paid.v1", func(ctx context.Context, d *treaty.Delivered, paid OrderPaid) error { … })
//	err = consumer.Run(ctx)
//
// What they do is written in the contract, under x-delivery and x-compatibility
// (docs/delivery.md has each clause by example): an event that breaks the contract
// is never sent, and never handled but dead-lettered; a duplicate has no effect;
// the events of one key are handled one at a time and in order; what fails is
// tried again, and at last ends in the dead letter with its reason; nothing is
// acknowledged before it has been dealt with. Options make this stricter, never
// weaker.
package treaty

import (
	"context"
	"fmt"
	"io/fs"
	"strings"

	"github.com/treaty-events/treaty/contract"
	"github.com/treaty-events/treaty/diag"
	"github.com/treaty-events/treaty/event"
	"github.com/treaty-events/treaty/internal/hold"
)

// Problem is one way in which an event breaks its contract.
type Problem = hold.Problem

// InvalidError is an event that breaks the contract, which therefore was not
// sent, or not handled.
type InvalidError struct {
	Type, ID string
	Channel  string // the contract's name of it, "" where none carries the type
	Problems []Problem
}

// tooLarge is what is wrong with data of more bytes than a channel takes.
func tooLarge(size, most int) Problem {
	return Problem{Rule: hold.RuleData, Pointer: "/data", Message: fmt.Sprintf("it has %d bytes, and the channel takes %d", size, most)}
}

// maxProblems is how many problems an error's text has.
const maxProblems = 3

func (e *InvalidError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "the event %s %s breaks the contract", e.Type, e.ID)
	if e.Channel != "" {
		fmt.Fprintf(&b, " of %s", e.Channel)
	}
	for i, p := range e.Problems {
		if i == maxProblems {
			fmt.Fprintf(&b, "; and %d more", len(e.Problems)-i)
			break
		}
		b.WriteString([]string{": ", "; "}[min(i, 1)] + p.String())
	}
	return b.String()
}

// ErrUsage is a Producer or a Consumer that was asked for what its contract or
// its broker does not have, or a contract that asks for what no event can have, for
// errors.Is.
var ErrUsage = hold.ErrUsage

func usage(format string, args ...any) error { return &usageError{fmt.Errorf(format, args...)} }

// usageError is an ErrUsage whose text begins with what was done.
type usageError struct{ err error }

func (e *usageError) Error() string   { return e.err.Error() }
func (e *usageError) Unwrap() []error { return []error{ErrUsage, e.err} }

// Reject marks the error of a handler as one that no other attempt would mend:
// the event goes to the dead letter at once. It is nil where err is.
func Reject(err error) error {
	if err == nil {
		return nil
	}
	return &rejection{err}
}

type rejection struct{ err error }

func (r *rejection) Error() string { return r.err.Error() }
func (r *rejection) Unwrap() error { return r.err }

// Load reads a contract from a file system, such as one that is embedded in the
// program. A document with errors is refused, with the first of them.
func Load(ctx context.Context, files fs.FS, name string) (*contract.Contract, error) {
	c, found, err := contract.Load(ctx, name, contract.Options{FS: files})
	if err != nil {
		return nil, err
	}
	errs := 0
	var first *diag.Diagnostic
	for i := range found {
		if found[i].Severity == diag.Error {
			if errs++; first == nil {
				first = &found[i]
			}
		}
	}
	if first != nil {
		at := first.Span.Position()
		return nil, fmt.Errorf("the contract %s has %d errors; the first: %s:%d:%d: %s; treaty check says more", name, errs, name, at.Line, at.Column, first.Message)
	}
	return c, nil
}

// Event is a CloudEvent.
type Event = event.Event

package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing/fstest"
	"time"

	"github.com/treaty-events/treaty"
	"github.com/treaty-events/treaty/broker"
	"github.com/treaty-events/treaty/store/bolt"
)

// document is the contract of the events that wait.
const document = `
asyncapi: 3.1.0
info: {title: Pending, version: 1.0.0}
defaultContentType: application/cloudevents+json
channels:
  pending:
    address: %q
    messages:
      waited:
        headers: {type: object, required: [type, subject], properties: {type: {type: string, const: pending.waited.v1}, subject: {type: string}}}
        payload: {type: object, required: [reference], properties: {reference: {type: string, maxLength: 1000}}}
    x-delivery:
      guarantee: at-least-once
      ordering: {scope: key, key: subject}
      dedupe: {by: [source, id], window: P7D, where: consumer}
operations:
  receive: {action: receive, channel: {$ref: '#/channels/pending'}}
`

// keep consumes as a service does: by the runtime, with the store in a file.
func keep(url, address string, events int) error {
	b, err := open(url)
	if err != nil {
		return err
	}
	defer b.Close()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	opened := resident("VmHWM")
	c, err := treaty.Load(ctx, fstest.MapFS{"c.yaml": {Data: fmt.Appendf(nil, document, address)}}, "c.yaml")
	if err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "keep")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	st, err := bolt.Open(filepath.Join(folder, "handled"))
	if err != nil {
		return err
	}
	defer st.Close()
	k, err := treaty.NewConsumer(c, b, group, treaty.Store(st), treaty.Logger(slog.New(slog.DiscardHandler)))
	if err != nil {
		return err
	}
	var got atomic.Int64
	done := make(chan struct{})
	var marks []string
	k.Handle("pending.waited.v1", func(context.Context, *treaty.Delivered) error {
		n := int(got.Add(1))
		if n == 1 {
			time.Sleep(time.Second) // a handler that is slow, while events wait
		}
		if n%(events/4) == 0 {
			marks = append(marks, residents()) // one at a time: they are far apart
		}
		if n == events {
			close(done)
		}
		return nil
	})
	begin := time.Now()
	over := make(chan error, 1)
	go func() { over <- k.Run(ctx) }()
	select {
	case <-done:
	case err := <-over:
		return fmt.Errorf("%d came: %w", got.Load(), err)
	case <-time.After(10 * time.Minute):
		return fmt.Errorf("%d of %d came in 10 minutes", got.Load(), events)
	}
	cancel()
	if err := <-over; err != nil {
		return err
	}
	took := time.Since(begin).Round(time.Millisecond)
	if a, ok := b.(broker.Admin); ok {
		if err := a.Remove(context.Background(), broker.Channel{Address: address}); err != nil {
			return err
		}
	}
	fmt.Printf("%d events in %s, largest resident set %d MB (opened %d MB; after each quarter %s MB)\n", got.Load(), took, resident("VmHWM"), opened, strings.Join(marks, ", "))
	return nil
}

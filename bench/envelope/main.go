// Command envelope measures what reading an event of 500 bytes costs: decoding
// its structured envelope with treaty, with the CloudEvents SDK and with
// encoding/json, and decoding and validating it; they take turns in one run.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	sdk "github.com/cloudevents/sdk-go/v2/event"

	"github.com/treaty-events/treaty/contract"
	"github.com/treaty-events/treaty/event"
	"github.com/treaty-events/treaty/schema"
)

const size = 500

// text is an event of 500 bytes that the contract of examples/orders allows.
func text() []byte {
	const head = `{"specversion":"1.0","id":"0195f2c4-7a31-7c5e-8a55-0f7c6b1f9d01","source":"orders-service","type":"orders.paid.v1","subject":"ord_4711","time":"2026-03-14T09:26:53.120411Z","datacontenttype":"application/json","traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01","data":{"order_id":"ord_4711","customer_id":"c_9","total_minor":4599,"currency":"EUR","paid_at":"2026-03-14T09:26:52Z","receipt":"`
	return []byte(head + strings.Repeat("x", size-len(head)-len(`"}}`)) + `"}}`)
}

func main() {
	file := flag.String("contract", "../examples/orders/orders.asyncapi.yaml", "the contract that the event is held to")
	turns := flag.Int("turns", 9, "turns")
	data := flag.String("event", "", "a file with the event, instead of the one of 500 bytes")
	flag.Parse()
	log.SetFlags(0)
	one := text()
	if *data != "" {
		var err error
		if one, err = os.ReadFile(*data); err != nil {
			log.Fatal(err)
		}
	}
	e, err := event.DecodeJSON(one)
	if err != nil {
		log.Fatal(err)
	}
	valid, err := validator(*file, e.Type)
	if err != nil {
		log.Fatal(err)
	}
	if !valid(e.Data) {
		log.Fatalf("the contract does not allow %s", one)
	}
	message := event.Message{Headers: []event.Header{{Name: "content-type", Value: event.TextValue(event.JSONContentType)}}, Body: one}
	var held event.Event
	contests := []struct {
		name string
		do   func() error
	}{
		{"treaty: decode", func() error {
			_, err := event.Kafka.DecodeInto(&held, &message)
			return err
		}},
		{"treaty: decode and validate", func() error {
			_, err := event.Kafka.DecodeInto(&held, &message)
			if err == nil && !valid(held.Data) {
				err = fmt.Errorf("not valid")
			}
			return err
		}},
		{"treaty: decode into a new event", func() error {
			_, _, err := event.Kafka.Decode(&message)
			return err
		}},
		{"cloudevents/sdk-go: decode", func() error {
			var e sdk.Event
			return json.Unmarshal(one, &e)
		}},
		{"encoding/json: decode into a struct, data left raw", func() error {
			var e struct {
				SpecVersion, ID, Source, Type, Subject, DataContentType string
				Time                                                    time.Time
				Data                                                    json.RawMessage
			}
			return json.Unmarshal(one, &e)
		}},
		{"encoding/json: Valid", func() error {
			if !json.Valid(one) {
				return fmt.Errorf("no JSON")
			}
			return nil
		}},
	}
	times := make([][]float64, len(contests))
	allocs := make([]int64, len(contests))
	for range *turns {
		for i, c := range contests {
			r := testing.Benchmark(func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if err := c.do(); err != nil {
						log.Fatalf("%s: %v", c.name, err)
					}
				}
			})
			times[i], allocs[i] = append(times[i], float64(r.T.Nanoseconds())/float64(r.N)), r.AllocsPerOp()
		}
	}
	fmt.Printf("%d bytes an event\n", len(one))
	for i, c := range contests {
		slices.Sort(times[i])
		fmt.Printf("%-52s %6.0f ns (least %.0f)   %d allocations\n", c.name, times[i][len(times[i])/2], times[i][0], allocs[i])
	}
}

// validator is the schema of an event's data.
func validator(file, kind string) (func([]byte) bool, error) {
	folder, name := filepath.Split(file)
	c, _, err := contract.Load(context.Background(), name, contract.Options{FS: os.DirFS(filepath.Clean(folder))})
	if err != nil {
		return nil, err
	}
	for _, t := range c.EventTypes {
		if t.Type == kind {
			p := t.Messages[0].Payload
			s, err := schema.NewCompiler(c.Document().Schema).Compile(p.Node(), p.Dialect)
			if err != nil {
				return nil, err
			}
			return s.ValidJSON, nil
		}
	}
	return nil, fmt.Errorf("%s has no event type %s", file, kind)
}

// Command pending measures the memory of a consumer behind a channel with a
// million events that wait: one process publishes them, then another consumes
// them all and tells its largest resident set. With the embedded broker the broker
// is in that process, too.
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"log"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/treaty-events/treaty/broker"
	"github.com/treaty-events/treaty/broker/amqp"
	"github.com/treaty-events/treaty/broker/embedded"
	"github.com/treaty-events/treaty/broker/kafka"
	"github.com/treaty-events/treaty/broker/nats"
	"github.com/treaty-events/treaty/event"
)

var adapters = []broker.Adapter{embedded.Adapter, nats.Adapter, kafka.Adapter, amqp.Adapter}

var same = flag.Bool("same", false, "let all events say the same")

func main() {
	log.SetFlags(0)
	events := flag.Int("events", 1_000_000, "events that wait")
	role := flag.String("role", "", "what this process does (set by the first one)")
	url := flag.String("url", "", "the broker of this process")
	address := flag.String("address", "", "the channel of this process")
	runs := flag.Bool("keep", false, "consume by the runtime, held to a contract and remembered in a file, and not by the adapter alone")
	flag.Parse()
	var err error
	switch *role {
	case "publish":
		err = publish(*url, *address, *events)
	case "consume":
		err = consume(*url, *address, *events)
	case "keep":
		err = keep(*url, *address, *events)
	default:
		err = all(*events, *runs)
	}
	if err != nil {
		log.Fatal(err)
	}
}

// all measures every broker of which the environment has the address.
func all(events int, runs bool) error {
	folder, err := os.MkdirTemp("", "pending")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	urls := []string{"embedded:" + filepath.Join(folder, "events")}
	for scheme, name := range map[string]string{"nats": "TREATY_NATS", "kafka": "TREATY_KAFKA", "amqp": "TREATY_AMQP"} {
		if a := os.Getenv(name); a != "" {
			urls = append(urls, scheme+"://"+a)
		} else {
			fmt.Printf("%-9s not run: %s is no address\n", scheme, name)
		}
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	for _, url := range urls {
		scheme, _, _ := strings.Cut(url, ":")
		address := "pending." + strconv.Itoa(os.Getpid())
		consumer := "consume"
		if runs {
			consumer = "keep"
		}
		for _, role := range []string{"publish", consumer} {
			c := exec.Command(self, "-role", role, "-url", url, "-address", address, "-events", strconv.Itoa(events), "-same="+strconv.FormatBool(*same))
			c.Stderr = os.Stderr
			out, err := c.Output()
			if err != nil {
				return fmt.Errorf("%s, %s: %w", scheme, role, err)
			}
			fmt.Printf("%-9s %-8s %s\n", scheme, role, bytes.TrimSpace(out))
		}
	}
	return nil
}

func open(url string) (broker.Broker, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	return broker.Open(ctx, url, adapters...)
}

const group = "pending"

func publish(url, address string, events int) error {
	b, err := open(url)
	if err != nil {
		return err
	}
	defer b.Close()
	ctx := context.Background()
	channel := broker.Channel{Address: address, Settings: map[string]string{"amqp.singleActiveConsumer": "true"}} // as a contract that promises order has it
	if a, ok := b.(broker.Admin); ok {
		if err := a.Declare(ctx, channel); err != nil {
			return err
		}
	}
	// Makes the place of the group, for brokers that keep only what somebody wants.
	if b.Features().Keep {
		from := broker.Earliest
		if !b.Features().Replay {
			from = broker.Latest
		}
		s, err := b.Subscribe(ctx, channel, broker.Options{Group: group, Start: broker.Start{From: from}}, func(broker.Delivery) {})
		if err != nil {
			return err
		}
		if err := s.Stop(ctx); err != nil {
			return err
		}
	}
	begin := time.Now()
	chance := rand.New(rand.NewPCG(1, 2))
	messages := make([]broker.Message, 1000)
	for from := 0; from < events; from += len(messages) {
		for i := range messages {
			e := event.Event{ID: strconv.Itoa(from + i), Source: "pending", Type: "pending.waited.v1", Subject: "s" + strconv.Itoa(i%100), DataContentType: "application/json",
				Data: []byte(`{"reference":"` + reference(chance) + `"}`)}
			if err := b.Binding().Encode(&messages[i].Message, &e, event.StructuredMode); err != nil {
				return err
			}
			messages[i].Key = e.Subject
		}
		if err := b.Publish(ctx, channel, messages[:min(len(messages), events-from)]...); err != nil {
			return err
		}
	}
	fmt.Printf("%d events of %d bytes in %s, largest resident set %d MB\n", events, len(messages[0].Body), time.Since(begin).Round(time.Millisecond), resident("VmHWM"))
	return nil
}

// reference is what is in an event: as on any channel another in each, for a client
// that compresses would else carry nothing; or, with -same, the same in all, of which
// a client that fetches so many bytes gets twenty times as many.
func reference(chance *rand.Rand) string {
	if *same {
		return strings.Repeat("x", referenceSize)
	}
	const digits = "0123456789abcdef"
	text := make([]byte, referenceSize)
	for i := range text {
		text[i] = digits[chance.IntN(len(digits))]
	}
	return string(text)
}

const referenceSize = 370

func consume(url, address string, events int) error {
	b, err := open(url)
	if err != nil {
		return err
	}
	defer b.Close()
	ctx := context.Background()
	channel := broker.Channel{Address: address, Settings: map[string]string{"amqp.singleActiveConsumer": "true"}} // as a contract that promises order has it
	opened := resident("VmHWM")
	from := broker.Earliest
	if !b.Features().Replay {
		from = broker.Latest
	}
	begin, got, done := time.Now(), 0, make(chan struct{})
	var marks []string
	var held event.Event
	s, err := b.Subscribe(ctx, channel, broker.Options{Group: group, Start: broker.Start{From: from}}, func(d broker.Delivery) {
		if _, err := b.Binding().DecodeInto(&held, d.Message()); err != nil {
			log.Fatal(err)
		}
		if got == 0 {
			time.Sleep(time.Second) // a handler that is slow, while events wait
		}
		if err := d.Ack(); err != nil {
			log.Fatal(err)
		}
		if got++; got%(events/4) == 0 {
			marks = append(marks, residents())
		}
		if got == events {
			close(done)
		}
	})
	if err != nil {
		return err
	}
	select {
	case <-done:
	case <-s.Done():
		return fmt.Errorf("%d came: %w", got, s.Err())
	case <-time.After(10 * time.Minute):
		return fmt.Errorf("%d of %d came in 10 minutes", got, events)
	}
	if err := s.Stop(ctx); err != nil {
		return err
	}
	took := time.Since(begin).Round(time.Millisecond)
	if a, ok := b.(broker.Admin); ok {
		if err := a.Remove(ctx, channel); err != nil {
			return err
		}
	}
	fmt.Printf("%d events in %s, largest resident set %d MB (opened %d MB; after each quarter %s MB)\n", got, took, resident("VmHWM"), opened, strings.Join(marks, ", "))
	return nil
}

// residents are the resident set, and how much of it is of files, the program's and
// a store's, which the system takes back when it needs the room.
func residents() string {
	return fmt.Sprintf("%d (%d of files)", resident("VmRSS"), resident("RssFile"))
}

// resident is a size of this process in MB, as Linux tells it.
func resident(name string) int {
	text, err := os.ReadFile("/proc/self/status")
	if err == nil {
		for line := range strings.Lines(string(text)) {
			if rest, ok := strings.CutPrefix(line, name+":"); ok {
				n, _ := strconv.Atoi(strings.Fields(rest)[0])
				return n >> 10
			}
		}
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.Sys >> 20)
}

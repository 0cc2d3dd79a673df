// Command carry measures what an adapter costs beside its bare client: the same
// events of 500 bytes, the same acknowledgements and commits, a handler called
// for each; both take turns in one run. The brokers run already: give their
// addresses. kfake runs within the process and is reported only.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rabbitmq/amqp091-go"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/treaty-events/treaty/broker"
	"github.com/treaty-events/treaty/broker/amqp"
	"github.com/treaty-events/treaty/broker/kafka"
	treatynats "github.com/treaty-events/treaty/broker/nats"
	"github.com/treaty-events/treaty/event"
)

const (
	batch    = 1000 // messages of a call
	inFlight = 1024 // unsettled deliveries
)

// bodies are the events of a call. No two are the same, as on no channel they
// are: a client that compresses would else carry nothing.
var bodies = makeBodies()

const bodySize = 500

// key orders the i-th event of a call, whichever way it goes: keys decide how the
// events are shared among the partitions of a topic, and so what is waited for.
func key(i int) string { return "order-" + strconv.Itoa(i%16) }

func makeBodies() [][]byte {
	chance := rand.New(rand.NewPCG(1, 2))
	const digits = "0123456789abcdef"
	hex := func(n int) string {
		s := make([]byte, n)
		for i := range s {
			s[i] = digits[chance.IntN(16)]
		}
		return string(s)
	}
	all := make([][]byte, batch)
	for i := range all {
		order := hex(8)
		text := fmt.Sprintf(`{"specversion":"1.0","id":"0195f2c4-7a31-7c5e-%s-%s","source":"orders-service","type":"orders.paid.v1","subject":"%s","time":"2026-03-14T09:26:%02d.%06dZ","datacontenttype":"application/json","data":{"orderId":"order-%s","amount":{"value":"%d.%02d","currency":"EUR"},"method":"card","provider":"example-pay","reference":"`,
			hex(4), hex(12), key(i), chance.IntN(60), chance.IntN(100_000)*10+5, order, 100+chance.IntN(900), chance.IntN(100))
		all[i] = []byte(text + hex(bodySize-len(text)-3) + `"}}`)
	}
	return all
}

// writing has who publishes write the data of each event from a struct, as an
// application has to: the bare client's with the envelope around them.
var writing bool

// outgoing is an event as who has no library for them would write it.
type outgoing struct {
	SpecVersion     string    `json:"specversion"`
	ID              string    `json:"id"`
	Source          string    `json:"source"`
	Type            string    `json:"type"`
	Subject         string    `json:"subject"`
	Time            time.Time `json:"time"`
	DataContentType string    `json:"datacontenttype"`
	Data            paid      `json:"data"`
}

var unwritten = readBodies()

func readBodies() []outgoing {
	all := make([]outgoing, batch)
	for i := range all {
		if err := json.Unmarshal(bodies[i], &all[i]); err != nil {
			log.Fatal(err)
		}
	}
	return all
}

// body is what the bare client sends as the i-th event of a call.
func body(i int) []byte {
	if !writing {
		return bodies[i]
	}
	text, err := json.Marshal(&unwritten[i])
	if err != nil {
		log.Fatal(err)
	}
	return text
}

// way is a way to carry: publish sends n messages, consume gives n of them to
// handle and returns how long that took from the first to the last, and to what
// settles them.
type way struct {
	publish func(ctx context.Context, n int) error
	consume func(ctx context.Context, n int) (time.Duration, error)
}

// contest is a broker and the two ways to it.
type contest struct {
	name    string
	events  int
	adapter way
	bare    way
	clear   func() error // takes away what was published
}

// meter counts what is handled.
type meter struct {
	want, got int
	begin     time.Time
	done      chan struct{}
	once      sync.Once
}

func newMeter(n int) *meter { return &meter{want: n, done: make(chan struct{})} }

const contentType = "application/cloudevents+json"

// reading has handlers do what most have to do first: look at the type, and read the
// data into a struct.
var reading bool

const paidType = "orders.paid.v1"

// paid is the data of the events.
type paid struct {
	OrderID string `json:"orderId"`
	Amount  struct {
		Value    string `json:"value"`
		Currency string `json:"currency"`
	} `json:"amount"`
	Method    string `json:"method"`
	Provider  string `json:"provider"`
	Reference string `json:"reference"`
}

// handled is the handler of both ways. It looks at the least that any consumer
// looks at: how the event is carried, and that it came whole.
func (m *meter) handled(kind string, data []byte) {
	if m.got == 0 {
		m.begin = time.Now()
	}
	if len(data) != bodySize || kind != contentType {
		log.Fatalf("a message of %s has %d bytes, and not %d", kind, len(data), bodySize)
	}
	if reading {
		var e struct {
			Type string
			Data paid
		}
		if err := json.Unmarshal(data, &e); err != nil || e.Type != paidType || e.Data.OrderID == "" {
			log.Fatalf("an event cannot be read: %v", err)
		}
	}
	if m.got++; m.got == m.want {
		m.once.Do(func() { close(m.done) })
	}
}

func (m *meter) wait(ctx context.Context) error {
	select {
	case <-m.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%d of %d came: %w", m.got, m.want, ctx.Err())
	}
}

// wayOver is the way that is measured beside the bare client.
func wayOver(b broker.Broker, channel broker.Channel, start broker.From) way {
	if keep {
		return keepWay(b, channel, start)
	}
	return adapterWay(b, channel, start)
}

// adapterWay is the way over an adapter, which is the same for all.
func adapterWay(b broker.Broker, channel broker.Channel, start broker.From) way {
	messages := make([]broker.Message, batch)
	for i := range messages {
		messages[i] = broker.Message{Message: event.Message{ContentType: contentType, Body: bodies[i]}, Key: key(i)}
		if b.Binding() != event.AMQP {
			messages[i].Headers = []event.Header{{Name: "content-type", Value: event.TextValue(contentType)}}
		}
	}
	group := 0
	return way{
		publish: func(ctx context.Context, n int) error {
			for range n / batch {
				if err := b.Publish(ctx, channel, messages...); err != nil {
					return err
				}
			}
			return nil
		},
		consume: func(ctx context.Context, n int) (time.Duration, error) {
			m := newMeter(n)
			group++
			name := fmt.Sprintf("adapter-%d", group)
			if start == broker.Latest {
				name = "queue"
			}
			s, err := b.Subscribe(ctx, channel, broker.Options{Group: name, Start: broker.Start{From: start}, MaxInFlight: inFlight}, func(d broker.Delivery) {
				got := d.Message()
				kind := got.ContentType
				for i := range got.Headers {
					if got.Headers[i].Name == "content-type" {
						kind = got.Headers[i].Value.String()
					}
				}
				m.handled(kind, got.Body)
				if err := d.Ack(); err != nil {
					log.Fatal(err)
				}
			})
			if err != nil {
				return 0, err
			}
			err = m.wait(ctx)
			if err == nil {
				err = s.Stop(ctx)
			}
			return time.Since(m.begin), err
		},
	}
}

func jetStream(ctx context.Context, address string, events int) (*contest, error) {
	b, err := broker.Open(ctx, "nats://"+address, treatynats.Adapter)
	if err != nil {
		return nil, err
	}
	channel := broker.Channel{Address: fmt.Sprintf("bench.%06d", rand.IntN(1e6))}
	declare := func() error { return b.(broker.Admin).Declare(context.Background(), channel) }
	if err := declare(); err != nil {
		return nil, err
	}
	conn, err := nats.Connect("nats://"+address, nats.MaxReconnects(-1))
	if err != nil {
		return nil, err
	}
	js, err := jetstream.New(conn, jetstream.WithPublishAsyncMaxPending(4096))
	if err != nil {
		return nil, err
	}
	group := 0
	return &contest{
		name: "JetStream", events: events, adapter: wayOver(b, channel, broker.Earliest),
		bare: way{
			publish: func(ctx context.Context, n int) error {
				futures := make([]jetstream.PubAckFuture, batch)
				for range n / batch {
					for i := range futures {
						var err error
						if futures[i], err = js.PublishMsgAsync(&nats.Msg{Subject: channel.Address, Data: body(i), Header: nats.Header{"content-type": {contentType}}}); err != nil {
							return err
						}
					}
					for _, f := range futures {
						select {
						case <-f.Ok():
						case err := <-f.Err():
							return err
						}
					}
				}
				return nil
			},
			consume: func(ctx context.Context, n int) (time.Duration, error) {
				m := newMeter(n)
				group++
				// The name is part of every message, and so as long as the adapter's.
				stream, err := js.StreamNameBySubject(ctx, channel.Address)
				if err != nil {
					return 0, err
				}
				c, err := js.CreateConsumer(ctx, stream, jetstream.ConsumerConfig{Durable: fmt.Sprintf("unaided-%d-%s", group, stream), AckPolicy: jetstream.AckExplicitPolicy, FilterSubject: channel.Address, MaxAckPending: inFlight})
				if err != nil {
					return 0, err
				}
				running, err := c.Consume(func(d jetstream.Msg) {
					m.handled(nats.Header(d.Headers()).Get("content-type"), d.Data())
					if err := d.Ack(); err != nil {
						log.Fatal(err)
					}
				}, jetstream.PullMaxMessages(inFlight))
				if err != nil {
					return 0, err
				}
				err = m.wait(ctx)
				running.Drain()
				<-running.Closed()
				return time.Since(m.begin), err
			},
		},
		clear: func() error {
			if err := b.(broker.Admin).Remove(context.Background(), channel); err != nil {
				return err
			}
			return declare()
		},
	}, nil
}

func kafkaContest(ctx context.Context, name, address string, events int) (*contest, error) {
	b, err := broker.Open(ctx, "kafka://"+address, kafka.Adapter)
	if err != nil {
		return nil, err
	}
	turn := 0
	channel := broker.Channel{Address: fmt.Sprintf("bench-%06d", rand.IntN(1e6)), Settings: map[string]string{"kafka.partitions": "4"}}
	if err := b.(broker.Admin).Declare(ctx, channel); err != nil {
		return nil, err
	}
	producer, err := kgo.NewClient(kgo.SeedBrokers(address), kgo.RequiredAcks(kgo.AllISRAcks()), kgo.ProducerLinger(0), kgo.MaxBufferedRecords(100_000))
	if err != nil {
		return nil, err
	}
	return &contest{
		name: name, events: events, adapter: wayOver(b, channel, broker.Earliest),
		bare: way{
			publish: func(ctx context.Context, n int) error {
				for range n / batch {
					var done sync.WaitGroup
					done.Add(batch)
					errs := make([]error, batch)
					for i := range batch {
						producer.Produce(ctx, &kgo.Record{Topic: channel.Address, Key: []byte(key(i)), Value: body(i),
							Headers: []kgo.RecordHeader{{Key: "content-type", Value: []byte(contentType)}}}, func(_ *kgo.Record, err error) {
							errs[i] = err
							done.Done()
						})
					}
					done.Wait()
					if err := errors.Join(errs...); err != nil {
						return err
					}
				}
				return nil
			},
			consume: func(ctx context.Context, n int) (time.Duration, error) {
				turn++
				m := newMeter(n)
				c, err := kgo.NewClient(kgo.SeedBrokers(address), kgo.ConsumerGroup(fmt.Sprintf("bare-%d-%s", turn, channel.Address)), kgo.ConsumeTopics(channel.Address),
					kgo.DisableAutoCommit(), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchMaxBytes(8<<20), kgo.FetchMaxPartitionBytes(1<<20), kgo.FetchMaxWait(time.Second))
				if err != nil {
					return 0, err
				}
				committed := time.Now()
				for m.got < n && ctx.Err() == nil {
					fetched := c.PollFetches(ctx)
					fetched.EachRecord(func(r *kgo.Record) {
						kind := ""
						for i := range r.Headers {
							if r.Headers[i].Key == "content-type" {
								kind = string(r.Headers[i].Value)
							}
						}
						m.handled(kind, r.Value)
					})
					if time.Since(committed) > time.Second { // as the adapter does
						if err := c.CommitUncommittedOffsets(ctx); err != nil {
							return 0, err
						}
						committed = time.Now()
					}
				}
				err = errors.Join(m.wait(ctx), c.CommitUncommittedOffsets(ctx))
				c.CloseAllowingRebalance()
				return time.Since(m.begin), err
			},
		},
		clear: func() error {
			// The records go, and the topic stays: making one anew takes Kafka a while.
			a := kadm.NewClient(producer)
			ends, err := a.ListEndOffsets(context.Background(), channel.Address)
			if err == nil {
				_, err = a.DeleteRecords(context.Background(), ends.Offsets())
			}
			return err
		},
	}, nil
}

func rabbitMQ(ctx context.Context, address string, events int) (*contest, error) {
	b, err := broker.Open(ctx, "amqp://"+address, amqp.Adapter)
	if err != nil {
		return nil, err
	}
	exchange := fmt.Sprintf("bench-%06d", rand.IntN(1e6))
	channel := broker.Channel{Address: exchange, Settings: map[string]string{"amqp.singleActiveConsumer": "true"}} // as a contract that promises order has it
	if err := b.(broker.Admin).Declare(ctx, channel); err != nil {
		return nil, err
	}
	// Makes the queue that both share.
	s, err := b.Subscribe(ctx, channel, broker.Options{Group: "queue", Start: broker.Start{From: broker.Latest}}, func(broker.Delivery) {})
	if err == nil {
		err = s.Stop(ctx)
	}
	if err != nil {
		return nil, err
	}
	dial := func() (*amqp091.Connection, *amqp091.Channel, error) {
		conn, err := amqp091.Dial("amqp://guest:guest@" + address)
		if err != nil {
			return nil, nil, err
		}
		ch, err := conn.Channel()
		return conn, ch, err
	}
	_, out, err := dial()
	if err == nil {
		err = out.Confirm(false)
	}
	if err != nil {
		return nil, err
	}
	in, _, err := dial()
	if err != nil {
		return nil, err
	}
	return &contest{
		name: "RabbitMQ", events: events, adapter: wayOver(b, channel, broker.Latest),
		bare: way{
			publish: func(ctx context.Context, n int) error {
				waiting := make([]*amqp091.DeferredConfirmation, batch)
				for range n / batch {
					for i := range waiting {
						var err error
						waiting[i], err = out.PublishWithDeferredConfirm(exchange, "", true, false, amqp091.Publishing{ContentType: contentType, Body: body(i), DeliveryMode: amqp091.Persistent,
							MessageId: "id-" + strconv.Itoa(i), Timestamp: time.Now()})
						if err != nil {
							return err
						}
					}
					for _, w := range waiting {
						if !w.Wait() {
							return errors.New("not confirmed")
						}
					}
				}
				return nil
			},
			consume: func(ctx context.Context, n int) (time.Duration, error) {
				m := newMeter(n)
				ch, err := in.Channel()
				if err != nil {
					return 0, err
				}
				if err := ch.Qos(inFlight, 0, false); err != nil {
					return 0, err
				}
				deliveries, err := ch.ConsumeWithContext(ctx, "queue."+exchange, "", false, false, false, false, nil)
				if err != nil {
					return 0, err
				}
				for m.got < n {
					d, ok := <-deliveries
					if !ok {
						return 0, errors.New("the channel was closed")
					}
					m.handled(d.ContentType, d.Body)
					if err := d.Ack(false); err != nil {
						return 0, err
					}
				}
				err = ch.Close()
				return time.Since(m.begin), err
			},
		},
		clear: func() error { // consumed is gone, but for what a quorum queue was still to settle when its channel was closed
			time.Sleep(300 * time.Millisecond)
			_, err := out.QueuePurge("queue."+exchange, false)
			return err
		},
	}, nil
}

// publish publishes from several callers at a time, as a service does.
func publish(ctx context.Context, w way, n int) error {
	over := make(chan error, callers)
	for i := range callers {
		batches := n / batch / callers
		if i < n/batch%callers {
			batches++
		}
		go func() { over <- w.publish(ctx, batches*batch) }()
	}
	var all error
	for range callers {
		all = errors.Join(all, <-over)
	}
	return all
}

// run lets both ways take turns: publish, consume, and the other first the next
// time.
func (c *contest) run(turns int) error {
	rates, spent := map[string][]float64{}, map[string]time.Duration{}
	for turn := range turns + 1 { // the first warms up
		order := []string{"adapter", "bare"}
		if turn%2 == 1 {
			slices.Reverse(order)
		}
		for _, name := range order {
			w := c.adapter
			if name == "bare" {
				w = c.bare
			}
			ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
			runtime.GC() // so that neither sweeps after the other
			profiled := name == "adapter" && turn == turns
			stop := profiling(c.name+"-publish", profiled)
			busy, begin := cpu(), time.Now()
			if err := publish(ctx, w, c.events); err != nil {
				cancel()
				return fmt.Errorf("%s publishes: %w", name, err)
			}
			published := time.Since(begin)
			publishing := cpu() - busy
			stop()
			runtime.GC()
			stop = profiling(c.name+"-consume", profiled)
			busy = cpu()
			consumed, err := w.consume(ctx, c.events)
			consuming := cpu() - busy
			stop()
			if err == nil {
				err = c.clear()
			}
			cancel()
			if err != nil {
				return fmt.Errorf("%s consumes: %w", name, err)
			}
			if turn > 0 {
				rates[name+" publish"] = append(rates[name+" publish"], float64(c.events)/published.Seconds())
				rates[name+" consume"] = append(rates[name+" consume"], float64(c.events)/consumed.Seconds())
				spent[name+" publish"] += publishing
				spent[name+" consume"] += consuming
			}
		}
	}
	for _, what := range []string{"publish", "consume"} {
		adapter, bare := rates["adapter "+what], rates["bare "+what]
		ratios := make([]float64, turns)
		for i := range ratios {
			ratios[i] = adapter[i] / bare[i]
		}
		slices.Sort(ratios)
		all := mean(adapter) / mean(bare)
		each := func(name string) float64 {
			return float64(spent[name+" "+what].Nanoseconds()) / 1000 / float64(c.events*turns)
		}
		fmt.Printf("%-10s %-8s adapter %8.0f/s   bare %8.0f/s   ratio %.2f (of turns: %.2f, %.2f, %.2f)   %.2f and %.2f µs of the processor an event\n", c.name, what, mean(adapter), mean(bare), all, ratios[turns/4], ratios[turns/2], ratios[turns*3/4],
			each("adapter"), each("bare"))
	}
	return nil
}

// cpu is the time of the processor that this process has taken. Beside it brokers
// and whatever else runs on the machine make the rates swing, and not this.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		log.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

var (
	profileTo string
	keep      bool
	callers   = 1
)

// profiling profiles, if it is asked for, until what it returns is called.
func profiling(what string, now bool) (stop func()) {
	if profileTo == "" || !now {
		return func() {}
	}
	f, err := os.Create(filepath.Join(profileTo, what+".prof"))
	if err == nil {
		err = pprof.StartCPUProfile(f)
	}
	if err != nil {
		log.Fatal(err)
	}
	return pprof.StopCPUProfile
}

// mean is the rate over all turns together.
func mean(rates []float64) float64 {
	var time float64
	for _, r := range rates {
		time += 1 / r
	}
	return float64(len(rates)) / time
}

func main() {
	var (
		natsAddress  = flag.String("nats", os.Getenv("TREATY_NATS"), "address of a NATS server with JetStream")
		kafkaAddress = flag.String("kafka", os.Getenv("TREATY_KAFKA"), "address of Kafka")
		amqpAddress  = flag.String("amqp", os.Getenv("TREATY_AMQP"), "address of RabbitMQ")
		turns        = flag.Int("turns", 9, "turns that are counted")
		scale        = flag.Int("events", 20_000, "events of a turn; Kafka gets thirty times as many")
		profile      = flag.String("profile", "", "write CPU profiles of the last turn of each adapter to this folder")
		control      = flag.Bool("control", false, "let the bare client run in the adapter's place, which shows how far the ratios are chance")
		runs         = flag.Bool("keep", false, "let the runtime, which enforces a contract on both sides, run in the adapter's place")
		only         = flag.String("only", "", "the one broker that is measured")
	)
	flag.BoolVar(&reading, "read", false, "let handlers read the data into a struct, those of the bare client and of -keep, both with encoding/json")
	flag.BoolVar(&writing, "write", false, "let who publishes write the data from a struct, over the bare client and with -keep, both with encoding/json")
	flag.IntVar(&callers, "callers", 1, "how many publish at a time, each of them as many a call")
	flag.Parse()
	log.SetFlags(0)
	profileTo, keep = *profile, *runs
	if callers < 1 || *scale < batch || *scale%batch != 0 {
		log.Fatalf("-callers is 1 or more, and -events a multiple of the %d of a call", batch)
	}
	ctx := context.Background()
	failed := false
	measure := func(name, address string, make func() (*contest, error)) {
		if *only != "" && !strings.EqualFold(*only, name) {
			return
		}
		if address == "" {
			fmt.Printf("%-10s not run: no address\n", name)
			return
		}
		c, err := make()
		if err == nil && *control {
			c.adapter = c.bare
		}
		if err == nil {
			err = c.run(*turns)
		}
		if err != nil {
			failed = true
			fmt.Printf("%-10s failed: %v\n", name, err)
		}
	}
	fmt.Printf("%d bytes an event, %d a call of %d callers, %d unsettled at most\n", bodySize, batch, callers, inFlight)
	measure("JetStream", *natsAddress, func() (*contest, error) { return jetStream(ctx, *natsAddress, *scale) })
	measure("Kafka", *kafkaAddress, func() (*contest, error) { return kafkaContest(ctx, "Kafka", *kafkaAddress, *scale*30) })
	measure("RabbitMQ", *amqpAddress, func() (*contest, error) { return rabbitMQ(ctx, *amqpAddress, *scale) })
	fake, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		log.Fatal(err)
	}
	defer fake.Close()
	measure("kfake", fake.ListenAddrs()[0], func() (*contest, error) { return kafkaContest(ctx, "kfake", fake.ListenAddrs()[0], *scale*5) })
	if failed {
		os.Exit(1)
	}
}

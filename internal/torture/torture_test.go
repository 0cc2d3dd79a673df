package torture

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cloud.google.com/go/pubsub/v2/pstest"

	"github.com/treaty-events/treaty/internal/race"
)

func TestMain(m *testing.M) {
	Child()
	flag.Parse()
	os.Exit(m.Run())
}

// What TestLong does, see make torture.
var (
	long    = flag.Bool("long", false, "run TestLong")
	seed    = flag.Uint64("seed", 0, "the seed; 0 takes one of the clock")
	events  = flag.Int("events", 100_000, "how many events")
	faults  = flag.Int("faults", 1000, "how many faults")
	seconds = flag.Int("seconds", 0, "go on with other seeds for so long; 0 is one seed")
	at      = flag.String("broker", "", "the broker's URL; an embedded one otherwise")
	stored  = flag.String("store", "inbox", "the store: memory, bolt, sqlite, inbox, redis, postgres, postgres-inbox")
	members = flag.Int("members", 1, "members of the group at a time")
	rate    = flag.Int("pace", 2000, "events a second")
	wait    = flag.Duration("ackwait", 0, "how long the broker waits for what was delivered; 30s as in life otherwise")
	restart = flag.String("restart", "", "a command that kills that broker and starts it again")
	dir     = flag.String("dir", "", "where records are kept")
	broken  = flag.String("break", "", "what is broken on purpose: "+strings.Join(breaks, ", "))
)

// again is the command that runs a seed again.
func again(c *Config) string {
	s := fmt.Sprintf("go test ./internal/torture -run 'TestLong$' -count 1 -v -timeout 0 -long -seed %d -events %d -faults %d -pace %d -store %s -members %d -ackwait %s", c.Seed, c.Events, c.Faults, c.Pace, c.Store, c.Members, c.AckWait)
	if c.Broker != "" {
		s += " -broker " + c.Broker
	}
	if c.Break != "" {
		s += " -break " + c.Break
	}
	return s
}

func torture(t *testing.T, c Config) *Report {
	t.Helper()
	c = c.filled()
	c.Again = again(&c)
	r, err := Run(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestShort is the short run.
func TestShort(t *testing.T) {
	t.Parallel() // they wait most of the time
	if testing.Short() {
		t.Skip("it takes half a minute")
	}
	store := "inbox"
	if race.Enabled {
		store = "bolt" // the database in Go is ten times slower then; see TestInbox
	}
	r := torture(t, Config{Seed: 20260101, Events: 20_000, Faults: 225, Pace: 3000, Store: store, AckWait: time.Second})
	t.Log(r)
	happened := 0
	for _, n := range r.Faults {
		happened += n
	}
	if len(r.Violations) > 0 || r.Published+r.Undone != 20_000 || happened < 200 {
		t.Errorf("%d violations, %d events, %d faults", len(r.Violations), r.Published, happened)
	}
}

// fewer is as many events, or about half of them with the race detector, under which
// the database in Go is ten times slower.
func fewer(events int) int {
	if race.Enabled {
		return events * 5 / 8
	}
	return events
}

// TestInbox: effects exactly once.
func TestInbox(t *testing.T) {
	t.Parallel() // they wait most of the time
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	r := torture(t, Config{Seed: 2, Events: fewer(2500), Faults: 80, Pace: 1000, Store: "inbox", AckWait: time.Second})
	if t.Log(r); len(r.Violations) > 0 || r.Repeated > 0 || r.Effects < fewer(2500)*4/5 {
		t.Fail()
	}
}

// TestGroup: members that come and go, and share a store.
func TestGroup(t *testing.T) {
	t.Parallel() // they wait most of the time
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	r := torture(t, Config{Seed: 51, Events: fewer(4000), Faults: 150, Pace: 1000, Store: "inbox", Members: 3, AckWait: time.Second})
	if t.Log(r); len(r.Violations) > 0 || r.Repeated > 0 {
		t.Fail()
	}
}

// TestCatches breaks the runtime on purpose, in each way that a run has to
// notice. The race detector is not for what is broken.
func TestCatches(t *testing.T) {
	t.Parallel() // they wait most of the time
	if testing.Short() {
		t.Skip("it takes half a minute")
	}
	var all sync.WaitGroup
	room := make(chan bool, 8)
	for _, test := range []struct{ broken, store, want string }{
		{"", "bolt", ""}, // and is quiet otherwise
		{"done", "bolt", "is lost: it has had no effect, and is in no dead letter"},
		{"ack", "bolt", "is lost: it has had no effect, and is in no dead letter"},
		{"lanes", "memory", "had its effect behind event"},
		{"dead-letter", "memory", "is lost: it has had no effect, and is in no dead letter"},
		{"dedupe", "bolt", "has had its effect twice in one process"},
		{"forget", "bolt", "has had its effect again, and nothing explains it"},
		{"collision", "bolt", "is lost: it has had no effect, and is in no dead letter"},
		{"publish", "memory", "was acknowledged and is not on the log"},
		{"inbox", "inbox", "has had its effect twice, and the inbox is there for exactly one"},
		{"reason", "memory", "is in the dead letter for rejected"},
		{"attempts", "memory", "is in the dead letter after 1 attempts"},
		{"replay-place", "memory", "is lost: it has had no effect, and is in no dead letter"},
		{"replay-memory", "sqlite", "is in the dead letter (collision"},
		{"replay-gap", "memory", "and was not replayed"},
		{"replay-mark", "memory", "is not marked as replayed"},
		{"bootstrap-gap", "memory", "which could know it"},
		{"bootstrap-again", "memory", "began with a bootstrap again"},
		{"backfill-part", "memory", "which could know it"},
		{"outbox-mark", "memory", "was acknowledged and is not on the log"},
		{"outbox-transaction", "memory", "was rolled back, and was published"},
		{"outbox-order", "memory", "had its effect behind event"},
	} {
		if race.Enabled && test.broken != "" {
			t.Logf("%s is not run with the race detector", test.broken)
			continue
		}
		// What is not about them is noticed without the outbox and those who come late.
		plain := !strings.Contains(test.broken, "-") || test.broken == "dead-letter"
		all.Go(func() {
			room <- true
			defer func() { <-room }()
			patience := 10 * time.Second
			if test.broken == "" {
				patience = 0
			}
			// Slowly enough that the producer is not done before it is killed.
			r, err := Run(t.Context(), Config{Seed: 7, Events: 2000, Faults: 100, Pace: 500, Store: test.store, AckWait: time.Second, Patience: patience, Plain: plain, Break: test.broken, Dir: t.TempDir()})
			if err != nil {
				t.Errorf("%s: %v", test.broken, err)
				return
			}
			found := slices.ContainsFunc(r.Violations, func(v string) bool { return strings.Contains(v, test.want) })
			if test.broken == "" && len(r.Violations) > 0 || test.broken != "" && !found {
				t.Errorf("%s: not noticed was %q; %s", test.broken, test.want, r)
			}
		})
	}
	all.Wait()
}

// TestReal are runs on brokers that run already. Those are killed for which
// TREATY_RESTART is a command: with the name of one it kills it with SIGKILL, starts
// it again on its port and its data, and returns when it listens. Mosquitto never
// is: it acknowledges before it writes anything down, and 2.0 forgets the shared
// subscriptions that it did write down, so that groups are not kept what is published
// before their members are back.
func TestReal(t *testing.T) {
	for _, test := range []struct {
		name, variable, url, and, store, restart string
		members                                  int
		wait                                     time.Duration
	}{
		{"NATS", "TREATY_NATS", "nats://%s", "", "inbox", "nats", 1, 2 * time.Second},
		{"Kafka", "TREATY_KAFKA", "kafka://%s?session=6s", "", "inbox", "kafka", 1, 0},
		{"KafkaGroup", "TREATY_KAFKA", "kafka://%s?session=6s", "TREATY_REDIS", "redis", "kafka", 3, 0},
		{"RabbitMQ", "TREATY_AMQP", "amqp://%s", "", "inbox", "rabbit", 1, 0},
		{"RabbitMQGroup", "TREATY_AMQP", "amqp://%s", "TREATY_POSTGRES", "postgres-inbox", "rabbit", 2, 0},
		{"Mosquitto", "TREATY_MQTT", "mqtt://%s", "", "inbox", "", 1, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, variable := range []string{test.variable, test.and} {
				if variable != "" && os.Getenv(variable) == "" {
					t.Skipf("%s is no address: make integration sets it", variable)
				}
			}
			var restart []string
			if command := os.Getenv("TREATY_RESTART"); command != "" && test.restart != "" {
				restart = []string{command, test.restart}
			}
			r := torture(t, Config{Seed: 11, Events: 5000, Faults: 150, Pace: 800, Broker: fmt.Sprintf(test.url, os.Getenv(test.variable)), Restart: restart, Store: test.store, Members: test.members, AckWait: test.wait, Limit: 6 * time.Minute})
			if t.Log(r); len(r.Violations) > 0 || r.Published+r.Undone != 5000 {
				t.Fail()
			}
		})
	}
}

// TestPubSub is a run on the fake of Google's library.
func TestPubSub(t *testing.T) {
	t.Parallel() // they wait most of the time
	if testing.Short() {
		t.Skip("it takes a minute")
	}
	s := pstest.NewServer()
	defer s.Close()
	r := torture(t, Config{Seed: 4, Events: 1000, Faults: 60, Pace: 400, Broker: "pubsub://treaty?endpoint=" + s.Addr, Store: "inbox"})
	if t.Log(r); len(r.Violations) > 0 || r.Published+r.Undone != 1000 {
		t.Fail()
	}
}

// TestPlan: a seed is a plan, and another seed is another one.
func TestPlan(t *testing.T) {
	made := func(seed uint64) string {
		c := Config{Seed: seed, Events: 5000, Faults: 200}.filled()
		p := plan(&c)
		return fmt.Sprintf("%+v", *p)
	}
	one, again, other := made(1), made(1), made(2)
	if one != again || one == other {
		t.Error("a seed is no plan")
	}
	c := Config{Seed: 3}.filled()
	p := plan(&c)
	n := 0
	for what, count := range p.Faults() {
		if count == 0 {
			t.Errorf("no fault is %s", what)
		}
		n += count
	}
	if n < c.Faults*9/10 {
		t.Errorf("%d faults are planned, and not about %d", n, c.Faults)
	}
	for n := range p.Events {
		if e := &p.Events[n]; (e.Kind == Duplicate || e.Kind == Collision) && (e.Of >= n || p.Events[e.Of].Kind != Plain || p.Events[e.Of].Key != e.Key) {
			t.Errorf("event %d is like %d: %+v, %+v", n, e.Of, *e, p.Events[e.Of])
		}
	}
}

// TestLong is what make torture runs.
func TestLong(t *testing.T) {
	if !*long {
		t.Skip("make torture runs it")
	}
	if *seed == 0 {
		*seed = uint64(time.Now().UnixNano()) % 1_000_000
	}
	for until := time.Now().Add(time.Duration(*seconds) * time.Second); ; *seed++ {
		r := torture(t, Config{Seed: *seed, Events: *events, Faults: *faults, Broker: *at, Restart: strings.Fields(*restart), Store: *stored, Members: *members, Pace: *rate, AckWait: *wait, Dir: *dir, Break: *broken, Log: os.Stderr})
		t.Log(r)
		if len(r.Violations) > 0 {
			t.FailNow()
		}
		if time.Now().After(until) {
			return
		}
	}
}

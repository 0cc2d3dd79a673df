package torture

import (
	"flag"
	"fmt"
	"os"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	Child()
	flag.Parse()
	os.Exit(m.Run())
}

var (
	seed   = flag.Uint64("seed", 0, "the seed of TestLong; 0 takes one of the clock")
	events = flag.Int("events", 100_000, "events of TestLong")
	faults = flag.Int("faults", 1000, "faults of TestLong")
	at     = flag.String("broker", "", "the broker of TestLong; an embedded one otherwise")
	st     = flag.String("store", "memory", "the store of TestLong")
	dir    = flag.String("dir", "", "where the records of TestLong are kept")
	rate   = flag.Int("pace", 2000, "events a second of TestLong")
	broken = flag.String("break", "", "what TestLong breaks")
	wait   = flag.Duration("ackwait", 0, "AckWait of TestLong")
	long   = flag.Bool("long", false, "run TestLong")
)

func again(c *Config) string {
	return fmt.Sprintf("go test ./internal/torture -run TestLong -count 1 -v -timeout 0 -long -seed %d -events %d -faults %d -store %s", c.Seed, c.Events, c.Faults, c.Store)
}

func TestLong(t *testing.T) {
	if !*long {
		t.Skip("make torture runs it")
	}
	if *seed == 0 {
		*seed = uint64(time.Now().UnixNano()) % 1_000_000
	}
	c := Config{Seed: *seed, Events: *events, Faults: *faults, Broker: *at, Store: *st, Dir: *dir, Pace: *rate, Break: *broken, AckWait: *wait, Log: os.Stderr}
	c.Again = again(&c)
	r, err := Run(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Log(r)
	if len(r.Violations) > 0 {
		t.Fail()
	}
}

// Package torture runs a producer and the consumers of a group as processes of
// their own, does to them what happens in a bad month, and then asks of the
// records of all ends whether what the contract promises was kept.
//
// A run is made of a seed. The events, what is wrong with some of them, where
// processes are killed, and what happens to connections, broker, store and dead
// letter are a [Plan]; the same seed makes the same one. What happens at what
// progress is planned, not at what time, so two runs of a plan are alike and not
// the same.
//
// The processes that [Run] starts are all the program that calls it: [Child] is
// what they do. One is the embedded broker, one publishes, some change rows of a
// database and have the events of the changes relayed from its outbox, and some
// consume, replay, or join late and are bootstrapped. Every one writes what it
// does into files that are only ever appended to, so that what a killed one did
// is there, too:
//
//	producer.jsonl  what is about to be published or committed, and what was
//	                acknowledged
//	late.jsonl      what those got who read what was before they came
//	consumer.jsonl  handlers entered, effects, what was settled and how
//	run.jsonl       the processes begun, ended and killed; the faults
//
// Then the log and the dead letter are read from the broker, and [check] holds
// all this against the plan. What does not hold is printed with the event's whole
// history.
package torture

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// Config is what a run is to be. The zero value of a field is its default.
type Config struct {
	Seed    uint64
	Events  int           // 20,000
	Faults  int           // 300
	Pace    int           // events a second that are published; 2,000
	Limit   time.Duration // how long it may take in all; a minute for every 10,000 events, and two
	Broker  string        // the URL of a broker that is there; "" starts an embedded one in a process that is killed
	Restart []string      // the command that kills the broker of that URL and starts it again; none: it is not killed
	Store   string        // memory (otherwise), bolt; inbox: the SQL inbox in an SQLite file
	Members int           // of the group at a time; 1
	Plain   bool          // nothing goes through an outbox, and nobody replays or joins late
	Break   string        // a fault that is built into the runtime, see breaks
	Dir     string        // for records; otherwise a folder that is gone when all was well
	Log     io.Writer     `json:"-"` // where the run says what it does; nil is nowhere
	// AckWait is how long a broker that minds (broker.Features.AckWait) waits for what
	// was delivered. The runtime's own 30 s, where it is 0.
	AckWait time.Duration
	// Patience is how long nothing has to move until the rest is taken for lost; 20 s
	// and what AckWait asks for, where it is 0.
	Patience time.Duration
	// Again is the command that runs a seed once more, for who reads of a failure.
	Again string
}

func (c Config) filled() Config {
	if c.Events == 0 {
		c.Events = 20_000
	}
	if c.Faults == 0 {
		c.Faults = 300
	}
	if c.Pace == 0 {
		c.Pace = 2_000
	}
	if c.Store == "" {
		c.Store = "memory"
	}
	if c.Members == 0 {
		c.Members = 1
	}
	if c.Limit == 0 {
		c.Limit = 2*time.Minute + time.Duration(c.Events)*time.Minute/10_000
	}
	if c.Log == nil {
		c.Log = io.Discard
	}
	return c
}

// The names of the parts of the contract, and the group that consumes it.
const (
	group     = "torture"
	eventType = "torture.step.v1"
	source    = "/torture"
	// attempts is how often the contract has a handler called.
	attempts = 4
)

// document is the contract of a run.
func document(mode, address, scope, known string, kafka bool, join Action) string {
	bindings := ""
	if kafka { // on others there is nothing to compare, and it is not asked for
		bindings = "bindings: {kafka: {partitions: 4}}"
	}
	bootstrap, start := "", "earliest"
	switch join {
	case SnapshotJoin:
		bootstrap, start = ", bootstrap: {mode: snapshot+log, channel: {$ref: '#/channels/states'}, overlap: PT"+fmt.Sprint(overlap.Seconds())+"S}", "bootstrap"
	case RequestJoin:
		bootstrap, start = ", bootstrap: {mode: request, channel: {$ref: '#/channels/backfills'}}", "bootstrap"
	}
	headers := `{type: object, required: [type, subject], properties: {type: {type: string, const: torture.step.v1}, source: {type: string, const: /torture}, subject: {type: string, minLength: 1}}}`
	contentType := "application/cloudevents+json"
	if mode == "binary" {
		contentType = "application/json"
	}
	return strings.NewReplacer("$headers", headers, "$type", contentType, "$mode", mode, "$address", address, "$scope", scope, "$known", known, "$bindings", bindings, "$bootstrap", bootstrap, "$start", start, "$attempts", fmt.Sprint(attempts)).Replace(`
asyncapi: 3.1.0
info: {title: Torture, version: 1.0.0}
defaultContentType: $type
x-compatibility: {dispatch: strict}
channels:
  steps:
    address: $address
    messages:
      step:
        x-cloudevents: {mode: $mode}
        headers: $headers
        payload:
          type: object
          additionalProperties: false
          required: [n, seq, pad]
          properties:
            n: {type: integer, minimum: 0}
            seq: {type: integer, minimum: 1}
            pad: {type: string, maxLength: 4096}
    x-delivery: {ordering: {scope: $scope}, dedupe: {where: $known}, replay: {from: [earliest, time]}$bootstrap}
    $bindings
  states:
    address: $address.states
    messages:
      state:
        x-cloudevents: {mode: $mode}
        headers: {type: object, required: [type, subject], properties: {type: {type: string, const: torture.state.v1}, source: {type: string, const: /torture}, subject: {type: string, minLength: 1}}}
        payload:
          type: object
          additionalProperties: false
          required: [through]
          properties:
            through: {type: integer, minimum: 1}
    x-delivery: {ordering: {scope: key}}
  backfills:
    address: $address.backfills
operations:
  state:
    action: send
    channel: {$ref: '#/channels/states'}
  send:
    action: send
    channel: {$ref: '#/channels/steps'}
  receive:
    action: receive
    channel: {$ref: '#/channels/steps'}
    x-delivery:
      maxInFlight: 16
      replaySafe: true
      start: $start
      retry: {maxAttempts: $attempts, strategy: exponential, delay: PT0.02S, maxDelay: PT0.1S}
`)
}

// data is that of an event.
type data struct {
	N   int    `json:"n"`
	Seq int    `json:"seq"`
	Pad string `json:"pad"`
}

// folder makes the folder of the records, and says whether it is to be removed.
func (c *Config) folder() (temporary bool, err error) {
	if c.Dir != "" {
		return false, os.MkdirAll(c.Dir, 0o700)
	}
	c.Dir, err = os.MkdirTemp("", "treaty-torture-")
	return true, err
}

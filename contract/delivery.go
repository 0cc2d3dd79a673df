package contract

import (
	"fmt"
	"strings"
	"time"

	"github.com/treaty-events/treaty/internal/document"
	"github.com/treaty-events/treaty/internal/syntax"
)

// Delivery is what a channel promises (x-delivery of a channel). Parts that
// are not stated are nil; durations that are not stated are zero.
type Delivery struct {
	Place
	Guarantee   string // at-most-once, at-least-once, exactly-once-effect, "" where not stated
	Durability  *Durability
	Ordering    *Ordering
	Dedupe      *Dedupe
	Retention   *Retention
	Replay      *Replay
	Bootstrap   *Bootstrap
	MaxBytes    int // of one event, 0 where not stated
	Deprecation *Deprecation
}

// Durability says how safely an event is stored before it counts as sent.
type Durability struct {
	Place
	Replicas int    // 0 where not stated
	AckedBy  string // quorum, leader, none, "" where not stated
}

// Ordering says which events stay in order.
type Ordering struct {
	Place
	Scope string // none, key, source, channel, "" where not stated
	Key   string // an envelope attribute, or a JSON Pointer into the event
}

// Dedupe says how duplicates are recognised, by whom and for how long.
type Dedupe struct {
	Place
	By          []string // empty where not stated: source and id
	Window      time.Duration
	Where       string // broker, consumer, both, "" where not stated
	OnCollision string
}

// KeyFault says why no event can ever have what ordering or dedupe of a channel of
// events names, "" where one can.
func KeyFault(name string) string {
	if why := document.KeyFault(name); why != "" {
		return fmt.Sprintf("%q %s", name, why)
	}
	if first, _, below := strings.Cut(strings.TrimPrefix(name, "/"), "/"); first == "" || below && first != "data" {
		return fmt.Sprintf("no event has anything at %s, since only its data have parts; name an attribute, or a field of the data such as /data/order_id", name)
	}
	return ""
}

// Retention says how long events are kept.
type Retention struct {
	Place
	Policy string // delete, compact, compact+delete, until-consumed, none, "" where not stated
	Time   time.Duration
}

// Replay says from where retained events may be read again.
type Replay struct {
	Place
	From   []string // earliest, time
	MaxAge time.Duration
}

// Bootstrap says how a new consumer gets the history.
type Bootstrap struct {
	Place
	Mode    string   // none, log, compacted, snapshot+log, request, "" where not stated
	Channel *Channel // nil where not stated or not found
	Overlap time.Duration
}

// Deprecation says when a channel or message goes away.
type Deprecation struct {
	Place
	Since, Sunset time.Time // zero where not stated
	ReplacedBy    string
}

// OperationDelivery is what an operation promises (x-delivery of an
// operation).
type OperationDelivery struct {
	Place
	Ack         string // after-processing, on-receipt, "" where not stated
	MaxInFlight int    // 0 where not stated
	Retry       *Retry
	DeadLetter  *DeadLetter
	Start       string // earliest, latest, bootstrap, "" where not stated
	ReplaySafe  bool
	Outbox      bool
	Confirm     string // quorum, leader, none, "" where not stated
}

// Retry says what happens when a handler fails.
type Retry struct {
	Place
	MaxAttempts     int    // 0 where not stated
	Strategy        string // exponential, fixed, "" where not stated
	Delay, MaxDelay time.Duration
}

// DeadLetter says where events end that cannot be handled.
type DeadLetter struct {
	Place
	Channel *Channel // nil where not stated or not found
	After   string
}

// MessageDelivery is what a message promises (x-delivery of a message).
type MessageDelivery struct {
	Place
	Expires     time.Duration
	Deprecation *Deprecation
}

// DurationOf reads a duration of ISO 8601, such as P7D; zero where n is none.
func DurationOf(n *syntax.Node) time.Duration {
	d, err := document.ParseDuration(n.Str())
	if err != nil {
		return 0
	}
	return d
}

func dateOf(n *syntax.Node) time.Time {
	t, err := time.Parse(time.DateOnly, n.Str())
	if err != nil {
		return time.Time{}
	}
	return t
}

func readDeprecation(n *syntax.Node) *Deprecation {
	if !n.Is(syntax.Mapping) {
		return nil
	}
	return &Deprecation{Place: Place{n}, Since: dateOf(n.Get("since")), Sunset: dateOf(n.Get("sunset")), ReplacedBy: n.Get("replacedBy").Str()}
}

func (r *reader) delivery(n *syntax.Node) *Delivery {
	d := &Delivery{Place: Place{n}, Guarantee: n.Get("guarantee").Str(),
		MaxBytes: n.At("limits", "maxBytes").Int(), Deprecation: readDeprecation(n.Get("deprecated"))}
	if x := n.Get("durability"); x.Is(syntax.Mapping) {
		d.Durability = &Durability{Place: Place{x}, Replicas: x.Get("replicas").Int(), AckedBy: x.Get("ackedBy").Str()}
	}
	if x := n.Get("ordering"); x.Is(syntax.Mapping) {
		d.Ordering = &Ordering{Place: Place{x}, Scope: x.Get("scope").Str(), Key: x.Get("key").Str()}
	}
	if x := n.Get("dedupe"); x.Is(syntax.Mapping) {
		d.Dedupe = &Dedupe{Place: Place{x}, By: texts(x.Get("by")), Window: DurationOf(x.Get("window")),
			Where: x.Get("where").Str(), OnCollision: x.Get("onCollision").Str()}
	}
	if x := n.Get("retention"); x.Is(syntax.Mapping) {
		d.Retention = &Retention{Place: Place{x}, Policy: x.Get("policy").Str(), Time: DurationOf(x.Get("time"))}
	}
	if x := n.Get("replay"); x.Is(syntax.Mapping) {
		d.Replay = &Replay{Place: Place{x}, From: texts(x.Get("from")), MaxAge: DurationOf(x.Get("maxAge"))}
	}
	if x := n.Get("bootstrap"); x.Is(syntax.Mapping) {
		d.Bootstrap = &Bootstrap{Place: Place{x}, Mode: x.Get("mode").Str(), Channel: r.channelAt(x.Get("channel")), Overlap: DurationOf(x.Get("overlap"))}
	}
	return d
}

func (r *reader) operationDelivery(n *syntax.Node) *OperationDelivery {
	d := &OperationDelivery{Place: Place{n}, Ack: n.Get("ack").Str(), MaxInFlight: n.Get("maxInFlight").Int(),
		Start: n.Get("start").Str(), ReplaySafe: n.Get("replaySafe").IsTrue(), Outbox: n.Get("outbox").IsTrue(), Confirm: n.Get("confirm").Str()}
	if x := n.Get("retry"); x.Is(syntax.Mapping) {
		d.Retry = &Retry{Place: Place{x}, MaxAttempts: x.Get("maxAttempts").Int(), Strategy: x.Get("strategy").Str(),
			Delay: DurationOf(x.Get("delay")), MaxDelay: DurationOf(x.Get("maxDelay"))}
	}
	if x := n.Get("deadLetter"); x.Is(syntax.Mapping) {
		d.DeadLetter = &DeadLetter{Place: Place{x}, Channel: r.channelAt(x.Get("channel")), After: x.Get("after").Str()}
	}
	return d
}

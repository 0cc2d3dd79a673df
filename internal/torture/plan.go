package torture

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// Plan is what is to happen.
type Plan struct {
	Mode       string // of the contract: structured or binary
	Known      string // who knows duplicates: both, or consumer alone
	Keys       int
	Events     []Event
	System     []Fault      // by progress
	Duplicated map[int]bool // what another event is like
}

// Kind is what is special about an event.
type Kind string

// The kinds. What the producer would not send is published past it.
const (
	Plain     Kind = ""
	Fails     Kind = "fails"     // its handler fails Times times
	Panics    Kind = "panics"    // its handler panics Times times
	Always    Kind = "always"    // its handler fails always
	Rejects   Kind = "rejects"   // its handler says that no other attempt will help
	Slow      Kind = "slow"      // its handler takes its time
	Duplicate Kind = "duplicate" // Of, once more
	Collision Kind = "collision" // with the identity of Of, and other data
	Malformed Kind = "malformed" // no event
	Truncated Kind = "truncated" // half an event
	WrongMode Kind = "wrong-mode"
	WrongType Kind = "wrong-type"
	Invalid   Kind = "invalid" // breaks the schema
	Unkeyed   Kind = "unkeyed" // without the subject that orders it
	Large     Kind = "large"   // breaks the schema with 1 MB
	Undone    Kind = "undone"  // the transaction that it is written in is rolled back
)

// Point is where the process that is at an event is killed, once.
type Point string

// The points: of a consumer, and then of a service with an outbox.
const (
	InHandler  Point = "in the handler, before the effect"
	AfterDoing Point = "in the handler, behind the effect"
	BeforeDone Point = "before the store has it"
	BeforeAck  Point = "before the acknowledgement"

	BeforeCommit Point = "before the commit" // which then is never tried again
	AfterCommit  Point = "behind the commit"
	BeforeMark   Point = "in the relay, between publishing and marking"
)

// How a delivery that was handled is settled, other than acknowledged, once.
const (
	Drop      = "lost acknowledgement" // not at all
	Redeliver = "redelivery"           // given back
)

// Event is an event of the plan. Its number is its place.
type Event struct {
	Kind   Kind
	Key    string
	Seq    int // among those of its key that the producer sends; 0 for others
	Times  int
	Of     int
	Raw    bool // published past the producer
	Outbox bool // written in one transaction with a row, and relayed
	Kill   Point
	Settle string
	Pad    int // bytes of data beside what all have
}

// ID is the id of event n.
func (p *Plan) ID(n int) string {
	if e := &p.Events[n]; e.Kind == Duplicate || e.Kind == Collision {
		return p.ID(e.Of)
	}
	return fmt.Sprintf("e-%07d", n)
}

// Carries is the number in the data of event n.
func (p *Plan) Carries(n int) int {
	if e := &p.Events[n]; e.Kind == Duplicate {
		return e.Of
	}
	return n
}

// never is whether an event is written and taken back, so that nobody may ever
// hear of it.
func (e *Event) never() bool { return e.Kind == Undone || e.Kill == BeforeCommit }

// ofOutbox is whether the events of a key go through the outbox: those of every
// fourth do.
func ofOutbox(key int) bool { return key%4 == 0 }

// data is the data of event n.
func (p *Plan) data(n int) data {
	n = p.Carries(n)
	e := &p.Events[n]
	return data{n, max(e.Seq, 1), strings.Repeat("x", e.Pad)}
}

// reason is why event n ends in the dead letter, "" where it has an effect.
func (e *Event) reason() string {
	switch e.Kind {
	case Always:
		return "attempts"
	case Rejects:
		return "rejected"
	case Collision:
		return "collision"
	case Malformed, Truncated:
		return "malformed"
	case WrongMode:
		return "wrong-mode"
	case WrongType:
		return "unknown-type"
	case Invalid, Unkeyed, Large:
		return "invalid"
	}
	return ""
}

// Action is what happens to the system.
type Action string

// The actions.
const (
	Cut            Action = "connections cut"
	SlowDown       Action = "connections slow"
	Stall          Action = "connections stalled"
	HalfOpen       Action = "connections half-open"
	Deaf           Action = "answers lost, then cut"  // what the broker says is dropped
	Mute           Action = "requests lost, then cut" // what is said to the broker is dropped
	BrokerKilled   Action = "broker killed"
	ProducerKilled Action = "producer killed"
	ConsumerKilled Action = "consumer killed"
	ServiceKilled  Action = "service killed"
	Replaying      Action = "replay beside the group"
	SnapshotJoin   Action = "group that joins late, with a snapshot"
	RequestJoin    Action = "group that joins late, with a backfill"
	ServicePaused  Action = "service paused"  // for longer than its lease of the relay, sometimes
	Replaced       Action = "member replaced" // ends, and another comes
	Joined         Action = "member joined"   // for a while
	StoreFull      Action = "store full"
	DeadRefused    Action = "dead letter refused"
)

// Fault is something that happens when so many events are acknowledged to the
// producer, or accounted for by the consumers.
type Fault struct {
	At     int
	Action Action
	Side   string // producer, service or consumer: whose progress At is, and whose connections
	For    time.Duration
	// Of those who come late: whether from a time, and not from the beginning; whether
	// the group is paused meanwhile; at which of the calls of its handler it is killed,
	// and what happens to its connections.
	Time  bool
	Pause bool
	Kill  [2]int
	Then  Action
}

// what is how often one kind of fault is planned, in parts of the whole.
type what struct {
	parts  int
	kind   Kind
	settle string
	kill   Point
	action Action
}

var mixture = []what{
	{parts: 14, kind: Duplicate}, {parts: 4, kind: Collision},
	{parts: 3, kind: Malformed}, {parts: 3, kind: Truncated}, {parts: 3, kind: WrongMode}, {parts: 3, kind: WrongType}, {parts: 3, kind: Invalid}, {parts: 2, kind: Unkeyed}, {parts: 2, kind: Large},
	{parts: 10, kind: Fails}, {parts: 4, kind: Panics}, {parts: 5, kind: Always}, {parts: 3, kind: Rejects},
	{parts: 8, settle: Redeliver}, {parts: 6, settle: Drop},
	{parts: 3, kind: Undone}, {parts: 1, kill: BeforeCommit}, {parts: 1, kill: AfterCommit}, {parts: 2, kill: BeforeMark},
	{parts: 1, kill: InHandler}, {parts: 1, kill: AfterDoing}, {parts: 1, kill: BeforeDone}, {parts: 1, kill: BeforeAck},
	{parts: 4, action: Cut}, {parts: 2, action: SlowDown}, {parts: 2, action: Stall}, {parts: 1, action: HalfOpen}, {parts: 2, action: Deaf}, {parts: 2, action: Mute},
	{parts: 1, action: BrokerKilled}, {parts: 1, action: ProducerKilled}, {parts: 1, action: ConsumerKilled}, {parts: 1, action: Replaced},
	{parts: 2, action: ServiceKilled}, {parts: 1, action: ServicePaused},
	{parts: 2, action: Replaying}, {parts: 1, action: SnapshotJoin}, {parts: 1, action: RequestJoin},
	{parts: 2, action: StoreFull}, {parts: 2, action: DeadRefused},
}

// late is whether it is of the outbox, or of those who replay or join late.
func (w *what) late() bool {
	switch {
	case w.kind == Undone, w.kill == BeforeCommit, w.kill == AfterCommit, w.kill == BeforeMark:
		return true
	}
	switch w.action {
	case ServiceKilled, ServicePaused, Replaying, SnapshotJoin, RequestJoin:
		return true
	}
	return false
}

// plan makes the plan of a run.
func plan(c *Config) *Plan {
	r := rand.New(rand.NewPCG(c.Seed, 0x7265747479))
	p := &Plan{Mode: []string{"structured", "binary"}[r.IntN(2)], Known: []string{"both", "consumer"}[r.IntN(2)], Keys: 50 + r.IntN(200), Duplicated: map[int]bool{}}
	parts := 0
	for _, w := range mixture {
		parts += w.parts
	}
	p.Events = make([]Event, c.Events)
	// Faults have events of their own, which stand anywhere but at the very
	// beginning: what a duplicate is of comes before it.
	places := r.Perm(c.Events)
	places = slices.DeleteFunc(places, func(n int) bool { return n < c.Events/50+1 })
	next := func() int {
		n := places[0]
		places = places[1:]
		return n
	}
	for _, w := range mixture {
		if c.Plain && w.late() {
			continue
		}
		count := max(1, (c.Faults*w.parts+parts/2)/parts)
		if c.Members > 1 && w.action == Replaced {
			count *= 3 // which is where members come and go
		}
		switch w.action { // each of them reads everything
		case Replaying:
			count = min(count, 2+c.Faults/300)
		case SnapshotJoin, RequestJoin:
			count = min(count, 1+c.Faults/600)
		}
		for range count {
			switch {
			case w.action != "":
				f := Fault{At: c.Events/20 + r.IntN(c.Events*85/100), Action: w.action, Side: []string{"producer", "service", "consumer"}[r.IntN(3)], For: time.Duration(50+r.IntN(350)) * time.Millisecond}
				switch f.Action {
				case ProducerKilled:
					f.Side = "producer"
				case ServiceKilled:
					f.Side = "service"
				case ServicePaused:
					f.Side, f.For = "service", lease/2+time.Duration(r.IntN(2000))*time.Millisecond
				case SnapshotJoin, RequestJoin:
					f.Side = "producer" // while there is something to come
					f.At = c.Events/10 + r.IntN(c.Events/3)
					if f.Action == SnapshotJoin {
						f.At += c.Events / 3
					}
					f.Then = []Action{"", Cut, Stall, HalfOpen, Deaf, Mute}[r.IntN(6)]
					f.Kill = [2]int{1 + r.IntN(min(p.Keys, f.At)), 1 + r.IntN((c.Events-f.At)/2)}
				case Replaying:
					f.Side = "consumer"
					f.Time, f.Pause = r.IntN(3) == 0, r.IntN(2) == 0
					f.Then = []Action{"", Cut, Stall, HalfOpen, Deaf, Mute}[r.IntN(6)]
					f.Kill = [2]int{1 + r.IntN(f.At), 1 + r.IntN(f.At)}
				case ConsumerKilled, Replaced, StoreFull, DeadRefused:
					f.Side = "consumer"
				}
				if f.Action == Replaced && c.Members > 1 && r.IntN(2) == 0 {
					f.Action = Joined
					f.For *= 5
				}
				p.System = append(p.System, f)
			default:
				if len(places) == 0 {
					continue
				}
				n := next()
				e := &p.Events[n]
				e.Kind, e.Settle, e.Kill = w.kind, w.settle, w.kill
				switch e.Kind {
				case Fails, Panics:
					e.Times = 1 + r.IntN(attempts-1)
				case Malformed, Truncated, WrongMode, WrongType, Invalid, Unkeyed, Large:
					e.Raw = true
				}
			}
		}
	}
	slices.SortStableFunc(p.System, func(a, b Fault) int { return a.At - b.At })
	seqs := map[string]int{}
	for n := range p.Events {
		e := &p.Events[n]
		key := r.IntN(p.Keys)
		switch e.Kill {
		case BeforeCommit, AfterCommit, BeforeMark:
			e.Outbox = true
		}
		if e.Outbox = e.Outbox || e.Kind == Undone; e.Outbox {
			key -= key % 4
		}
		e.Outbox = ofOutbox(key) && !e.Raw && !c.Plain
		e.Key = fmt.Sprintf("k%d", key)
		e.Pad = r.IntN(200)
		if r.IntN(50) == 0 {
			e.Pad = r.IntN(4000)
		}
		if e.Kind == Plain && e.Kill == "" && r.IntN(40) == 0 {
			e.Kind = Slow
		}
		if e.Kind == Duplicate || e.Kind == Collision {
			// Of a plain one, not long ago or long ago.
			for {
				e.Of = r.IntN(n)
				if r.IntN(2) == 0 {
					e.Of = n - 1 - r.IntN(min(n, 200))
				}
				if o := &p.Events[e.Of]; o.Kind == Plain && o.Seq > 0 && !o.never() {
					break
				}
			}
			p.Duplicated[e.Of] = p.Duplicated[e.Of] || e.Kind == Duplicate
			e.Key, e.Pad = p.Events[e.Of].Key, p.Events[e.Of].Pad
			e.Outbox = p.Events[e.Of].Outbox
			e.Raw = r.IntN(2) == 0 && !e.Outbox // where it stays behind what it is like
			continue
		}
		if !e.Raw {
			seqs[e.Key]++
			e.Seq = seqs[e.Key]
		}
	}
	return p
}

// has is whether something is planned.
func (p *Plan) has(a Action) bool {
	return slices.ContainsFunc(p.System, func(f Fault) bool { return f.Action == a })
}

// Faults are the faults of a plan by kind.
func (p *Plan) Faults() map[string]int {
	all := map[string]int{}
	for i := range p.Events {
		e := &p.Events[i]
		switch {
		case e.Kill != "":
			all["killed "+string(e.Kill)]++
		case e.Settle != "":
			all[e.Settle]++
		case e.Kind != Plain && e.Kind != Slow:
			all[string(e.Kind)]++
		}
	}
	for _, f := range p.System {
		all[string(f.Action)]++
	}
	return all
}

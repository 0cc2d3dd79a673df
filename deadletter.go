package treaty

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/treaty-events/treaty/broker"
	"github.com/treaty-events/treaty/contract"
	"github.com/treaty-events/treaty/event"
	"github.com/treaty-events/treaty/internal/topology"
)

// The extensions that an event has in the dead letter, beside its own attributes.
const (
	extReason   = "dlqreason"   // a Reason
	extDetail   = "dlqdetail"   // what was wrong, for a person
	extAttempts = "dlqattempts" // how often its handler was called
	extSize     = "dlqsize"     // how many bytes of data it had, where the broker does not take them all again
	extChannel  = "dlqchannel"  // the address that it was on
	extPosition = "dlqposition" // where it stood there, where the broker has positions
	extGroup    = "dlqgroup"    // who could not handle it
	extTime     = "dlqtime"     // since when it is here

	// extReplayed marks an event that is sent again from the past.
	extReplayed = "replayed"
)

// MalformedType is the type of the events in a dead letter that stand for
// messages which are no events. Their data has the message, or of one that is too
// large for that the beginning: see [MalformedData].
const MalformedType = "treaty.malformed.v1"

// MalformedData is what came instead of an event.
type MalformedData struct {
	ContentType string            `json:"content_type,omitempty"`
	Headers     []MalformedHeader `json:"headers,omitempty"`
	Body        []byte            `json:"body"` // base64 in JSON
}

// MalformedHeader is a field of it.
type MalformedHeader struct {
	Name  []byte `json:"name"` // base64 in JSON, since it may be no text
	Value []byte `json:"value"`
}

// deadLetterTimeout bounds the writing of one dead letter.
const deadLetterTimeout = 30 * time.Second

// bury writes an event to the dead letter, and settles it for good. Where it
// cannot be written the event stays, and waits.
func (c *Consumer) bury(t *task) time.Duration {
	ctx, cancel := context.WithTimeout(c.ctx, deadLetterTimeout)
	defer cancel()
	dead := &t.policy().dead
	var err error
	for form := asItCame; form <= reduced; form++ {
		var m broker.Message
		if m, err = c.deadLetter(t, form); err == nil {
			err = c.broker.Publish(ctx, *dead, m)
		}
		if !errors.Is(err, broker.ErrTooLarge) {
			break
		}
		// It came as large as the broker takes, and says more now. It would never fit.
	}
	if err != nil {
		if errors.Is(err, broker.ErrNoChannel) {
			err = fmt.Errorf("%w (or let the option Declare make it)", err)
		}
		return c.stumble(t, "the dead letter "+dead.Address, err)
	}
	if t.claimed.Load() {
		if err := c.store.Release(c.ctx, t.id); err != nil {
			c.log.Warn("releasing a claim", "group", c.group, "err", err)
		}
	}
	c.beats.remove(t)
	if err := t.delivery.Term(); err != nil {
		c.log.Debug("settling", "group", c.group, "channel", t.inlet.Name, "id", t.event.ID, "err", err)
	}
	c.log.Warn("dead-lettered an event", "group", c.group, "channel", t.inlet.Name, "type", t.event.Type, "id", t.event.ID, "reason", string(t.fault.reason), "err", t.fault.err)
	c.outcome(t, DeadLettered, t.fault.reason, t.fault.err)
	return done
}

// maxBeginning is how much of a body there is in a dead letter that would be too
// large with all of it.
const maxBeginning = 16 << 10

// form is how much of an event there is in the dead letter, and where.
type form int

const (
	asItCame   form = iota
	structured      // all of it, in the body: headers have less room on most brokers
	withoutData
	structuredWithoutData
	reduced // and what is long of its extensions is cut
)

// deadLetter makes the message of an event in the dead letter, with extensions that
// say why it is there. Where data are left out their size is said.
func (c *Consumer) deadLetter(t *task, as form) (broker.Message, error) {
	e := t.event
	whole, size := as <= structured, 0
	if t.Event == nil {
		came := t.delivery.Message()
		d := MalformedData{ContentType: came.ContentType, Body: came.Body}
		if !whole {
			size, d.Body = len(d.Body), d.Body[:min(len(d.Body), maxBeginning)]
		}
		for _, h := range came.Headers {
			d.Headers = append(d.Headers, MalformedHeader{[]byte(h.Name), []byte(h.Value.String())})
		}
		text, err := json.Marshal(d)
		if err != nil {
			return broker.Message{}, err
		}
		e = event.Event{ID: c.malformedID(t), Source: "urn:treaty:" + url.PathEscape(c.group), Type: MalformedType, Time: c.now().UTC(), DataContentType: "application/json", Data: text}
	} else {
		e.Extensions = append(event.Extensions(nil), e.Extensions...)
		if !whole {
			size, e.Data = len(e.Data), nil
		}
		if as == reduced {
			for i, x := range e.Extensions {
				if text := x.Value.String(); x.Value.Kind() == event.Text && len(text) > maxDetail {
					e.Extensions[i].Value = event.TextValue(plain(text))
				}
			}
		}
	}
	set := func(name, value string) {
		if value = plain(value); value != "" {
			e.Extensions.Set(name, event.TextValue(value))
		}
	}
	set(extReason, string(t.fault.reason))
	set(extDetail, t.fault.err.Error())
	e.Extensions.Set(extAttempts, event.IntegerValue(int32(min(t.fault.attempts, 1<<30))))
	if !whole {
		e.Extensions.Set(extSize, event.IntegerValue(int32(min(size, 1<<30))))
	}
	set(extChannel, t.inlet.at.Address)
	set(extPosition, t.delivery.Position())
	set(extGroup, c.group)
	set(extTime, c.now().UTC().Format(time.RFC3339Nano))
	m := broker.Message{Key: t.Key, Identity: topology.Identity(&e, c.group)}
	if t.Key == "" {
		m.Key = t.delivery.Key()
	}
	of := &contract.Message{Envelope: contract.Envelope{Mode: contract.Structured}}
	if (as == asItCame || as == withoutData) && t.route != nil && len(t.route.messages) > 0 && t.route.messages[0].Envelope.Mode == contract.Binary {
		of = t.route.messages[0].Message
	}
	err := topology.Encode(c.broker.Binding(), &m.Message, &e, of, false)
	if err != nil { // such as an event within an event, which the other mode carries
		err = c.broker.Binding().Encode(&m.Message, &e, event.StructuredMode)
	}
	return m, err
}

// malformedID is the same for one message however often it is dead-lettered.
func (c *Consumer) malformedID(t *task) string {
	if p := t.delivery.Position(); p != "" {
		return t.inlet.at.Address + "/" + p
	}
	sum := sha256.Sum256(t.delivery.Message().Body)
	return fmt.Sprintf("%s/%x", t.inlet.at.Address, sum[:16])
}

// maxDetail is how long the detail of a dead letter is, in bytes.
const maxDetail = 500

// plain is a text that may be an attribute: on one line, without what is no
// character, and not too long.
func plain(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r < ' ' || r >= 0x7f && r <= 0x9f:
			return ' '
		case r == '\ufffd' || r&0xfffe == 0xfffe || r >= 0xfdd0 && r <= 0xfdef:
			return '?'
		}
		return r
	}, s)
	if len(s) > maxDetail {
		s = strings.ToValidUTF8(s[:maxDetail], "") + "…"
	}
	return s
}

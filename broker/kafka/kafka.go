// Package kafka is the adapter for Kafka. A channel is a topic; a group is a
// consumer group, whose place moves behind what is settled: what stands before
// an unsettled message is never committed over.
//
//	kafka://host:9092,host2:9092
//	kafkas://user:password@host:9093?sasl=scram-sha-512
//
// Parameters:
//
//	sasl=plain|scram-sha-256|scram-sha-512  how user and password are shown; plain
//	acks=all|leader|none                    who has acknowledged what is published; what the channel asks for, and all where neither says
//	maxBytes=1000012                        the greatest batch, and so message, that is sent
//	linger=0s                               how long a batch waits for more
//	commit=1s                               how often a group's place is committed
//	session=45s                             how long a member may be silent until its partitions are another's
//
// Settings of channels:
//
//	kafka.topic         the topic; otherwise the address
//	kafka.acks          all, leader or none: who has acknowledged what is published; the
//	                    URL can only ask for more
//	kafka.partitions    of a topic that is declared; otherwise the broker's default
//	kafka.replicas      the same
//	kafka.config.NAME   a configuration of it, such as kafka.config.retention.ms
//	kafka.group         the id of the consumer group; otherwise GROUP.TOPIC: a group
//	                    of several topics would be rebalanced for each of them
package kafka

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
	"golang.org/x/sync/semaphore"

	"github.com/treaty-events/treaty/broker"
	"github.com/treaty-events/treaty/broker/internal/gate"
	"github.com/treaty-events/treaty/event"
)

// Adapter opens kafka:// and, with TLS, kafkas://.
var Adapter = broker.Adapter{Name: "kafka", Schemes: []string{"kafka", "kafkas"}, Port: "9092", Params: []string{"sasl", "acks", "maxBytes", "linger", "commit", "session"}, Open: open}

// Broker is a connection to a Kafka cluster.
type Broker struct {
	target   *broker.Target
	client   *kgo.Client // and producer, with acks of all
	admin    *kadm.Client
	options  []kgo.Opt // of every client
	linger   time.Duration
	maxBytes int
	commit   time.Duration
	session  time.Duration
	room     *semaphore.Weighted // in bytes, for records that are published and not acknowledged

	mu            sync.Mutex
	closed        bool
	subscriptions map[*subscription]bool
	producers     map[string]*kgo.Client // with fewer acks, by which; made when they are needed
}

// dial is set by tests that cut connections.
var dial func(ctx context.Context, network, address string) (net.Conn, error)

func open(ctx context.Context, t *broker.Target) (broker.Broker, error) {
	wrong := func(err error, advice string) (broker.Broker, error) {
		return nil, t.Fail("open", "", broker.ErrUsage, err, advice)
	}
	if len(t.Hosts) == 0 {
		return wrong(errors.New("it names no host"), "write kafka://127.0.0.1:9092")
	}
	if err := t.NoPath("topics are the addresses of the contract's channels"); err != nil {
		return nil, err
	}
	b := &Broker{target: t, maxBytes: 1000012, commit: time.Second, session: 45 * time.Second, room: semaphore.NewWeighted(maxUnacked), subscriptions: map[*subscription]bool{}, producers: map[string]*kgo.Client{}}
	b.options = []kgo.Opt{kgo.SeedBrokers(t.Hosts...), kgo.ClientID("treaty")}
	if t.TLS != nil {
		b.options = append(b.options, kgo.DialTLSConfig(t.TLS))
	}
	if dial != nil {
		b.options = append(b.options, kgo.Dialer(dial))
	}
	if t.User != "" {
		switch how := t.Params.Get("sasl"); how {
		case "", "plain":
			b.options = append(b.options, kgo.SASL(plain.Auth{User: t.User, Pass: t.Password}.AsMechanism()))
		case "scram-sha-256":
			b.options = append(b.options, kgo.SASL(scram.Auth{User: t.User, Pass: t.Password}.AsSha256Mechanism()))
		case "scram-sha-512":
			b.options = append(b.options, kgo.SASL(scram.Auth{User: t.User, Pass: t.Password}.AsSha512Mechanism()))
		default:
			return wrong(fmt.Errorf("sasl=%s is no mechanism", how), "known are plain, scram-sha-256 and scram-sha-512")
		}
	}
	for name, at := range map[string]*time.Duration{"linger": &b.linger, "commit": &b.commit, "session": &b.session} {
		if s := t.Params.Get(name); s != "" {
			var err error
			if *at, err = time.ParseDuration(s); err != nil || *at < 0 || *at == 0 && name != "linger" {
				return wrong(fmt.Errorf("%s=%s is no duration", name, s), "write one such as 5ms")
			}
		}
	}
	if s := t.Params.Get("maxBytes"); s != "" {
		var err error
		if b.maxBytes, err = strconv.Atoi(s); err != nil || b.maxBytes < 1<<10 || b.maxBytes > 1<<30 {
			return wrong(fmt.Errorf("maxBytes=%s is no size in bytes", s), "")
		}
	}
	if s := t.Params.Get("acks"); s != "" && !slices.Contains(acks, s) {
		return wrong(fmt.Errorf("acks=%s is none", s), "known are all, leader and none")
	}
	// A connection that is closed at once tells now that the way in is a wrong one, and
	// later that the broker is being started or stopped.
	probe, err := kgo.NewClient(b.options...)
	if err != nil {
		return wrong(err, "")
	}
	err = probe.Ping(ctx)
	probe.Close()
	if err != nil {
		kind, advice := broker.ErrUnreachable, ""
		if denied(err) || strings.Contains(err.Error(), "SASL") {
			kind = broker.ErrDenied
		}
		if errors.Is(err, io.EOF) && t.User != "" {
			advice = "the connection was closed while user and password were shown: they may be wrong, or of another mechanism (sasl=)"
		}
		return nil, t.Fail("open", "", kind, err, advice)
	}
	b.options = append(b.options, kgo.AlwaysRetryEOF())
	client, err := b.producer("all")
	if err != nil {
		return wrong(err, "")
	}
	b.client, b.admin = client, kadm.NewClient(client)
	return b, nil
}

// acks are who has to have what is published, the least first.
var acks = []string{"none", "leader", "all"}

// ackedBy is who has to have what is published on a channel: the channel's, or
// more where the URL says more.
func (b *Broker) ackedBy(channel *broker.Channel) (string, error) {
	here, there := channel.Setting("kafka.acks", ""), b.target.Params.Get("acks")
	if here != "" && !slices.Contains(acks, here) {
		return "", b.target.Fail("publish", channel.Address, broker.ErrUsage, fmt.Errorf("kafka.acks is %q", here), "known are all, leader and none")
	}
	if here == "" && there == "" {
		return "all", nil
	}
	return acks[max(slices.Index(acks, here), slices.Index(acks, there))], nil
}

// producer makes a client that produces with acks.
func (b *Broker) producer(acks string) (*kgo.Client, error) {
	required, idempotent := kgo.AllISRAcks(), true
	switch acks {
	case "leader":
		required, idempotent = kgo.LeaderAck(), false
	case "none":
		required, idempotent = kgo.NoAck(), false
	}
	options := append([]kgo.Opt{kgo.ProducerLinger(b.linger), kgo.ProducerBatchMaxBytes(int32(b.maxBytes)), kgo.MaxBufferedRecords(math.MaxInt), kgo.RequiredAcks(required)}, b.options...)
	if !idempotent {
		options = append(options, kgo.DisableIdempotentWrite())
	}
	return kgo.NewClient(options...)
}

// producing is the client by which a channel is published on.
func (b *Broker) producing(channel *broker.Channel) (*kgo.Client, error) {
	acks, err := b.ackedBy(channel)
	if err != nil || acks == "all" {
		return b.client, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return b.client, nil // which says so
	}
	if b.producers[acks] == nil {
		client, err := b.producer(acks)
		if err != nil {
			return nil, err
		}
		b.producers[acks] = client
	}
	return b.producers[acks], nil
}

func denied(err error) bool {
	for _, e := range []error{kerr.SaslAuthenticationFailed, kerr.TopicAuthorizationFailed, kerr.GroupAuthorizationFailed, kerr.ClusterAuthorizationFailed, kerr.UnsupportedSaslMechanism, kerr.IllegalSaslState} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// refused reports whether a coordinator will never have a member such as this.
func refused(err error) bool {
	for _, e := range []error{kerr.InvalidSessionTimeout, kerr.InconsistentGroupProtocol, kerr.InvalidGroupID, kerr.GroupMaxSizeReached} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// Features is what Kafka can do.
func (b *Broker) Features() broker.Features {
	return broker.Features{Replay: true, ReplayTime: true, Share: true, Keep: true, Order: broker.KeyOrder, GroupOrder: broker.KeyOrder, Positions: true, MaxBytes: b.maxBytes}
}

// Binding is that of Kafka.
func (b *Broker) Binding() *event.Binding { return event.Kafka }

func (b *Broker) isClosed() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.closed
}

func (b *Broker) fail(op, channel string, err error) error {
	if err == nil {
		return nil
	}
	var kind error
	advice := ""
	var dial *net.OpError
	switch {
	case errors.Is(err, kgo.ErrClientClosed), b.isClosed():
		kind = broker.ErrClosed
	case broker.Ended(err):
		return err
	case errors.Is(err, kerr.UnknownTopicOrPartition), errors.Is(err, kerr.UnknownTopicID), errors.Is(err, kerr.InvalidTopicException):
		kind, advice = broker.ErrNoChannel, "make the topic, or declare the channel"
	case errors.Is(err, kerr.InvalidReplicationFactor):
		kind, advice = broker.ErrUnsupported, "a cluster keeps as many copies as it has brokers: for one that is alone, write replicas=1 in its URL"
	case errors.Is(err, kerr.MessageTooLarge), errors.Is(err, kerr.RecordListTooLarge):
		kind, advice = broker.ErrTooLarge, "maxBytes= in the URL and max.message.bytes of the topic say how much is taken"
	case errors.Is(err, kerr.InvalidSessionTimeout):
		kind, advice = broker.ErrUsage, "session= in the URL has to be within what the broker allows (group.min.session.timeout.ms, group.max.session.timeout.ms)"
	case denied(err):
		kind = broker.ErrDenied
	case errors.As(err, &dial):
		kind = broker.ErrUnreachable
	}
	return b.target.Fail(op, channel, kind, err, advice)
}

// named refuses a topic that no request can name: a broker hangs up on one.
func (b *Broker) named(op, address, topic string) error {
	if utf8.ValidString(topic) && len(topic) <= maxTopic {
		return nil
	}
	return b.target.Fail(op, address, broker.ErrUsage, fmt.Errorf("%q is no topic", topic), "one has no more than 249 letters, digits and ._-")
}

// maxTopic is how long the name of a topic can be, in bytes.
const maxTopic = 249

func topicOf(c *broker.Channel) string { return c.Setting("kafka.topic", c.Address) }

// maxUnacked is how many bytes of memory have the records that are published and not
// acknowledged at a time, until who publishes more waits; a call may have more.
const maxUnacked = 256 << 20

// roomOf is how many bytes of memory the record of a message has, about.
func roomOf(m *broker.Message) int64 {
	n := 300 + len(m.Body) + len(m.Key)
	for i := range m.Headers {
		n += 60 + len(m.Headers[i].Value.String())
	}
	return int64(n)
}

// sending is the records of a call, on their way.
type sending struct {
	mu      sync.Mutex
	records []kgo.Record          // those that are over have no topic any more
	failed  map[*kgo.Record]error // of those that are over
	left    int
	done    chan struct{} // closed when none is left
	leave   func()        // gives back their room
}

// over is told what became of a record.
func (s *sending) over(r *kgo.Record, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		if s.failed == nil {
			s.failed = map[*kgo.Record]error{}
		}
		s.failed[r] = err
	}
	r.Topic = ""
	if s.left--; s.left == 0 {
		s.leave()
		close(s.done)
	}
}

// Publish produces records and waits for their acknowledgement. They are not called
// back when ctx ends: the client would take along those of others that wait behind
// them, and does not know what became of what was sent. Nobody waits for them any
// more; they arrive late, or not at all.
func (b *Broker) Publish(ctx context.Context, channel broker.Channel, messages ...broker.Message) error {
	if len(messages) == 0 {
		return nil
	}
	topic := topicOf(&channel)
	room := int64(0)
	for i := range messages {
		room += roomOf(&messages[i])
	}
	room = min(room, maxUnacked)
	err := ctx.Err()
	if err == nil {
		err = b.named("publish", channel.Address, topic)
	}
	client := b.client
	if err == nil {
		client, err = b.producing(&channel)
	}
	if err == nil {
		err = b.room.Acquire(ctx, room)
	}
	if err != nil {
		var failures broker.Failures
		for i := range messages {
			failures.Add(i, err)
		}
		return failures.Err(len(messages))
	}
	s := &sending{records: make([]kgo.Record, len(messages)), left: len(messages), done: make(chan struct{}), leave: func() { b.room.Release(room) }}
	over := func(r *kgo.Record, err error) { s.over(r, err) }
	var headers []kgo.RecordHeader
	now := time.Now()
	for i := range messages {
		m, r := &messages[i], &s.records[i]
		r.Topic, r.Value, r.Timestamp = topic, m.Body, now
		if m.Key != "" {
			r.Key = []byte(m.Key)
		}
		if i > 0 && slices.Equal(m.Headers, messages[i-1].Headers) {
			r.Headers = s.records[i-1].Headers // as all are of one mode that has one header
		} else {
			if cap(headers)-len(headers) < len(m.Headers) {
				headers = make([]kgo.RecordHeader, 0, len(m.Headers)*min(64, len(messages)-i))
			}
			from := len(headers)
			for _, h := range m.Headers {
				headers = append(headers, kgo.RecordHeader{Key: h.Name, Value: []byte(h.Value.String())})
			}
			r.Headers = headers[from:len(headers):len(headers)]
		}
		client.Produce(context.Background(), r, over)
	}
	var given error
	select {
	case <-s.done:
	case <-ctx.Done():
		given = ctx.Err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.left == 0 && s.failed == nil {
		return nil
	}
	var failures broker.Failures
	for i := range s.records {
		r := &s.records[i]
		if r.Topic != "" {
			failures.Add(i, given)
		} else {
			failures.Add(i, b.fail("publish", channel.Address, s.failed[r]))
		}
	}
	return failures.Err(len(messages))
}

// Check compares kafka.partitions, kafka.replicas and kafka.config.NAME, those
// that are set, with the topic. Partitions have to be as many, neither less nor
// more: keys would be found on others.
func (b *Broker) Check(ctx context.Context, channel broker.Channel) error {
	topic := topicOf(&channel)
	known, err := b.admin.ListTopics(ctx, topic)
	if err == nil {
		err = known[topic].Err
	}
	if err == nil && !known.Has(topic) {
		err = kerr.UnknownTopicOrPartition
	}
	if err != nil {
		return b.fail("check", channel.Address, err)
	}
	var d broker.Disagree
	partitions := known[topic].Partitions
	replicas := 0
	for _, p := range partitions {
		if replicas == 0 || len(p.Replicas) < replicas {
			replicas = len(p.Replicas)
		}
	}
	for setting, there := range map[string]int{"kafka.partitions": len(partitions), "kafka.replicas": replicas} {
		if s := channel.Setting(setting, ""); s != "" {
			d.Add(setting, s, strconv.Itoa(there))
		}
	}
	var names []string
	for name := range channel.Settings {
		if key, ok := strings.CutPrefix(name, "kafka.config."); ok {
			names = append(names, key)
		}
	}
	if len(names) > 0 {
		slices.Sort(names)
		configs, err := b.admin.DescribeTopicConfigs(ctx, topic)
		if err == nil {
			var one kadm.ResourceConfig
			if one, err = configs.On(topic, nil); err == nil {
				err = one.Err
			}
			there := map[string]string{}
			for _, c := range one.Configs {
				there[c.Key] = c.MaybeValue()
			}
			for _, key := range names {
				d.Add("kafka.config."+key, strings.ReplaceAll(channel.Settings["kafka.config."+key], " ", ""), there[key])
			}
		}
		if err != nil {
			return b.fail("check", channel.Address, err)
		}
	}
	return d.Err(b.target, channel.Address)
}

// Declare makes the topic of a channel.
func (b *Broker) Declare(ctx context.Context, channel broker.Channel) error {
	number := func(name string, bits int) (int64, error) {
		s := channel.Setting(name, "")
		if s == "" {
			return -1, nil
		}
		n, err := strconv.ParseInt(s, 10, bits)
		if err != nil || n < 1 {
			return 0, b.target.Fail("declare", channel.Address, broker.ErrUsage, fmt.Errorf("%s is %q, and has to be a number", name, s), "")
		}
		return n, nil
	}
	partitions, err := number("kafka.partitions", 32)
	if err != nil {
		return err
	}
	replicas, err := number("kafka.replicas", 16)
	if err != nil {
		return err
	}
	copies := int16(b.target.AtMost(int(replicas)))
	configs := map[string]*string{}
	for name, v := range channel.Settings {
		if key, ok := strings.CutPrefix(name, "kafka.config."); ok {
			if n, err := strconv.Atoi(v); key == "min.insync.replicas" && err == nil {
				v = strconv.Itoa(b.target.AtMost(n)) // or nothing could be published
			}
			configs[key] = &v
		}
	}
	topic := topicOf(&channel)
	made, err := b.admin.CreateTopic(ctx, int32(partitions), copies, configs, topic)
	if err == nil {
		err = made.Err
	}
	if errors.Is(err, kerr.TopicAlreadyExists) {
		return nil
	}
	if err != nil {
		return b.fail("declare", channel.Address, err)
	}
	// A topic is made before every broker and client knows it.
	for n := 0; ; n++ {
		known, err := b.admin.ListTopics(ctx, topic)
		if err == nil && known.Has(topic) && known[topic].Err == nil && len(known[topic].Partitions) > 0 {
			return nil
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return b.fail("declare", channel.Address, ctx.Err())
		}
	}
}

// Remove deletes the topic of a channel.
func (b *Broker) Remove(ctx context.Context, channel broker.Channel) error {
	r, err := b.admin.DeleteTopic(ctx, topicOf(&channel))
	if err == nil {
		err = r.Err
	}
	if errors.Is(err, kerr.UnknownTopicOrPartition) {
		return nil
	}
	return b.fail("remove", channel.Address, err)
}

// Close ends the subscriptions and the connection.
func (b *Broker) Close() error {
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return nil
	}
	b.closed = true
	var all []*subscription
	for s := range b.subscriptions {
		all = append(all, s)
	}
	for _, p := range b.producers {
		defer p.Close()
	}
	b.mu.Unlock()
	ctx, cancel := context.WithCancel(context.Background())
	cancel() // without waiting for what is unsettled
	for _, s := range all {
		s.Close(b.fail("subscribe", s.address, kgo.ErrClientClosed))
		_ = s.Stop(ctx)
	}
	b.client.Close()
	return nil
}

// start is where a subscription begins on every partition.
func (b *Broker) start(ctx context.Context, topic string, start broker.Start) (kadm.Offsets, error) {
	var listed kadm.ListedOffsets
	var err error
	switch start.From {
	case broker.Earliest:
		listed, err = b.admin.ListStartOffsets(ctx, topic)
	case broker.Latest:
		listed, err = b.admin.ListEndOffsets(ctx, topic)
	default:
		listed, err = b.admin.ListOffsetsAfterMilli(ctx, start.Time.UnixMilli(), topic)
	}
	if err == nil {
		err = listed.Error()
	}
	if err != nil {
		return nil, err
	}
	if len(listed[topic]) == 0 {
		return nil, kerr.UnknownTopicOrPartition
	}
	return listed.Offsets(), nil
}

// patiently tries again what a broker answers that has no coordinator for a group
// yet: the first group of a new cluster waits for a topic to be made.
func patiently(ctx context.Context, try func() error) error {
	for n := 0; ; n++ {
		err := try()
		if !errors.Is(err, kerr.CoordinatorNotAvailable) && !errors.Is(err, kerr.NotCoordinator) && !errors.Is(err, kerr.CoordinatorLoadInProgress) || n == 8 {
			return err
		}
		select {
		case <-time.After(broker.Backoff(n)):
		case <-ctx.Done():
			return err
		}
	}
}

// Subscribe joins the group, or reads every partition.
func (b *Broker) Subscribe(ctx context.Context, channel broker.Channel, options broker.Options, handle func(broker.Delivery)) (broker.Subscription, error) {
	fail := func(err error) (broker.Subscription, error) { return nil, b.fail("subscribe", channel.Address, err) }
	topic := topicOf(&channel)
	if err := b.named("subscribe", channel.Address, topic); err != nil {
		return nil, err
	}
	offsets, err := b.start(ctx, topic, options.Start)
	if err != nil {
		return fail(err)
	}
	s := &subscription{
		Gate: gate.New(options.InFlight(), handle), broker: b, address: channel.Address, topic: topic, group: options.Group, inFlight: options.InFlight(),
		partitions: map[int32]*partition{}, ended: make(chan struct{}),
	}
	if s.group != "" {
		s.group = channel.Setting("kafka.group", s.group+"."+topic)
	}
	// Several times as much is in memory: what is handled, and what comes meanwhile,
	// and what was compressed.
	opts := append([]kgo.Opt{kgo.FetchMaxBytes(8 << 20), kgo.FetchMaxPartitionBytes(1 << 20), kgo.FetchMaxWait(time.Second), kgo.KeepRetryableFetchErrors()}, b.options...)
	if options.End {
		// Markers of transactions come too, and are passed over: one may be the last.
		opts = append(opts, kgo.KeepControlRecords())
		ends, err := b.admin.ListEndOffsets(ctx, topic)
		if err == nil {
			err = ends.Error()
		}
		if err != nil {
			return fail(err)
		}
		s.ends = map[int32]int64{}
		ends.Each(func(o kadm.ListedOffset) {
			if start, ok := offsets.Lookup(topic, o.Partition); ok && start.At < o.Offset {
				s.ends[o.Partition] = o.Offset
			}
		})
	}
	if s.group == "" {
		at := map[int32]kgo.Offset{}
		for p, o := range offsets[topic] {
			at[p] = kgo.NewOffset().At(o.At)
			s.partitions[p] = &partition{s: s}
		}
		opts = append(opts, kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: at}))
	} else {
		// Where a group begins is written down before it has a member, so that what is
		// published from now on is not before it.
		if options.Start.From != broker.Earliest {
			var have kadm.OffsetResponses
			err := patiently(ctx, func() (err error) {
				have, err = b.admin.FetchOffsets(ctx, s.group)
				return err
			})
			if err != nil && !errors.Is(err, kerr.GroupIDNotFound) {
				return fail(err)
			}
			missing := kadm.Offsets{}
			for p, o := range offsets[topic] {
				if _, ok := have.Lookup(topic, p); !ok {
					missing.Add(o)
				}
			}
			if len(missing) > 0 {
				// Refused while the group has members, which then began it.
				err := patiently(ctx, func() error {
					said, err := b.admin.CommitOffsets(ctx, s.group, missing)
					if err == nil {
						err = said.Error()
					}
					return err
				})
				if err != nil && !errors.Is(err, kerr.UnknownMemberID) {
					return fail(err)
				}
			}
		}
		reset := kgo.NewOffset().AtStart()
		switch options.Start.From {
		case broker.Latest:
			reset = kgo.NewOffset().AtEnd()
		case broker.At:
			reset = kgo.NewOffset().AfterMilli(options.Start.Time.UnixMilli())
		}
		opts = append(opts, kgo.ConsumerGroup(s.group), kgo.ConsumeTopics(topic), kgo.DisableAutoCommit(), kgo.ConsumeResetOffset(reset), kgo.SessionTimeout(b.session), kgo.HeartbeatInterval(b.session/15),
			kgo.OnPartitionsAssigned(s.assigned), kgo.OnPartitionsRevoked(s.revoked), kgo.OnPartitionsLost(s.lost))
	}
	if s.client, err = kgo.NewClient(opts...); err != nil {
		return fail(err)
	}
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		s.client.Close()
		return fail(kgo.ErrClientClosed)
	}
	b.subscriptions[s] = true
	b.mu.Unlock()
	polling, stop := context.WithCancel(context.Background())
	s.stopPolling = stop
	go s.poll(polling)
	if s.group != "" {
		go s.commitOften()
	}
	return s, nil
}

type subscription struct {
	*gate.Gate
	broker         *Broker
	client         *kgo.Client
	address, topic string
	group          string
	inFlight       int
	stopPolling    func()
	ended          chan struct{} // closed when polling has ended
	once           sync.Once
	committing     sync.Mutex // held while the place is told
	mu             sync.Mutex
	partitions     map[int32]*partition // those that are ours
	ends           map[int32]int64      // of partitions whose end is to come; nil where there is none
}

// partition is a partition that is ours. Of its deliveries it keeps those that are
// not settled: the first of them is the place of the group, however much after it
// is settled, and with none it is behind the last of all.
type partition struct {
	s           *subscription
	mu          sync.Mutex
	first, last *delivery   // unsettled, by offset
	end         place       // behind all
	gone        atomic.Bool // it is another's; set under mu
	committed   int64       // the place as the broker has it; under the subscription's committing
}

// place is where a group goes on.
type place struct {
	offset int64
	epoch  int32
}

// place is the place of the group.
func (p *partition) place() place {
	if p.first != nil {
		return p.first.at
	}
	return p.end
}

// lags is whether a message has been unsettled for so long that more than is usual
// has come since.
func (p *partition) lags(offset int64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.first != nil && offset-p.first.at.offset > max(far, 4*int64(p.s.inFlight))
}

// add adds deliveries behind the others. It reports false where the partition is
// another's.
func (p *partition) add(made []delivery) bool {
	for i := 1; i < len(made); i++ {
		made[i-1].after, made[i].before = &made[i], &made[i-1]
	}
	first, last := &made[0], &made[len(made)-1]
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.gone.Load() {
		return false
	}
	p.end = place{last.at.offset + 1, last.at.epoch}
	if first.before = p.last; p.last != nil {
		p.last.after = first
	} else {
		p.first = first
	}
	p.last = last
	return true
}

// replace puts another delivery in the place of one, or takes it out where by is
// nil.
func (p *partition) replace(d, by *delivery) {
	p.mu.Lock()
	defer p.mu.Unlock()
	before, after := d.before, d.after
	if by != nil {
		by.before, by.after = before, after
		before, after = by, by
	}
	if d.before != nil {
		d.before.after = after
	} else {
		p.first = after
	}
	if d.after != nil {
		d.after.before = before
	} else {
		p.last = before
	}
	d.before, d.after = nil, nil
}

// leave says that the partition is another's.
func (p *partition) leave() {
	p.mu.Lock()
	p.gone.Store(true)
	p.mu.Unlock()
}

// busy is whether something of it is being handled.
func (p *partition) busy() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for d := p.first; d != nil; d = d.after {
		if !d.settled.Load() && !d.waiting.Load() {
			return true
		}
	}
	return false
}

func (s *subscription) assigned(_ context.Context, _ *kgo.Client, all map[string][]int32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range all[s.topic] {
		s.partitions[p] = &partition{s: s}
	}
}

// handover is how long a partition that is taken away waits for what is being
// handled.
const handover = 3 * time.Second

// revoked lets what is being handled be settled, and commits it.
func (s *subscription) revoked(ctx context.Context, _ *kgo.Client, all map[string][]int32) {
	var going []*partition
	s.mu.Lock()
	for _, n := range all[s.topic] {
		if p := s.partitions[n]; p != nil {
			p.leave()
			going = append(going, p)
		}
	}
	s.mu.Unlock()
	for until := time.Now().Add(handover); time.Now().Before(until) && s.Err() == nil; time.Sleep(2 * time.Millisecond) {
		if !slices.ContainsFunc(going, (*partition).busy) || isDone(s.Done()) {
			break
		}
	}
	s.commit(ctx)
	s.lost(ctx, nil, all)
}

func isDone(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func (s *subscription) lost(_ context.Context, _ *kgo.Client, all map[string][]int32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range all[s.topic] {
		if p := s.partitions[n]; p != nil {
			p.leave()
			delete(s.partitions, n)
		}
	}
}

func (s *subscription) poll(ctx context.Context) {
	defer close(s.ended)
	ends, polling := s.ends != nil, ctx
	if ends {
		var wake func()
		polling, wake = context.WithCancel(ctx)
		defer wake()
		go s.pass(ctx, wake)
	}
	for {
		if ends && s.passed() {
			go func() { // what is given back comes again before
				if s.Drain(ctx) == nil {
					s.Close(nil)
				}
			}()
			return
		}
		fetches := s.client.PollFetches(polling) // all, so that the next are fetched meanwhile
		if ctx.Err() != nil || fetches.IsClientClosed() {
			s.finish(nil)
			return
		}
		for _, f := range fetches.Errors() {
			if refused(f.Err) {
				s.finish(s.broker.fail("subscribe", s.address, f.Err))
				return
			}
			if errors.Is(f.Err, kerr.UnknownTopicOrPartition) || errors.Is(f.Err, kerr.UnknownTopicID) || denied(f.Err) {
				// Metadata may be behind a topic that was just made, or just deleted.
				if known, err := s.broker.admin.ListTopics(ctx, s.topic); err == nil && known[s.topic].Err != nil || denied(f.Err) {
					s.finish(s.broker.fail("subscribe", s.address, f.Err))
					return
				}
			}
		}
		for _, f := range fetches {
			for _, t := range f.Topics {
				for i := range t.Partitions {
					records := t.Partitions[i].Records
					if ends {
						records = s.until(t.Partitions[i].Partition, records)
					}
					if !s.deliver(t.Partitions[i].Partition, records) {
						return
					}
				}
			}
		}
	}
}

// finish closes the gate from within polling.
func (s *subscription) finish(err error) { go s.Close(err) }

// chunk is how many deliveries are made at a time: who holds one of them holds all,
// and with them the batches of their records, thousands in one piece, decompressed.
// That is nothing as long as all are settled soon. Behind one that is not, of a key
// perhaps whose handler fails, more may wait, one of each batch. So from far behind
// it deliveries have copies, and few others to hold.
const (
	chunk = 64
	few   = 4
	far   = 4096
)

// passed is whether all has come that a reader with an end waits for.
func (s *subscription) passed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.ends) == 0
}

// until takes away what is behind the end of a partition, and markers, and notes
// that the end has come. Where it is not the last record that comes, since that was
// compacted away, it is a later one.
func (s *subscription) until(n int32, records []*kgo.Record) []*kgo.Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	end, ok := s.ends[n]
	if !ok || len(records) == 0 {
		return nil
	}
	if records[len(records)-1].Offset >= end-1 {
		delete(s.ends, n)
	}
	return slices.DeleteFunc(records, func(r *kgo.Record) bool { return r.Offset >= end || r.Attrs.IsControl() })
}

// pass looks, as long as there are ends to come, for those that never will, since the
// records before them are kept no longer, and then has polling look too.
func (s *subscription) pass(ctx context.Context, wake func()) {
	defer wake()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for !s.passed() {
		select {
		case <-tick.C:
		case <-s.ended:
			return
		}
		starts, err := s.broker.admin.ListStartOffsets(ctx, s.topic)
		if err != nil {
			continue
		}
		s.mu.Lock()
		starts.Each(func(o kadm.ListedOffset) {
			if end, ok := s.ends[o.Partition]; ok && o.Err == nil && o.Offset >= end {
				delete(s.ends, o.Partition)
			}
		})
		s.mu.Unlock()
	}
}

func (s *subscription) deliver(n int32, records []*kgo.Record) bool {
	s.mu.Lock()
	p := s.partitions[n]
	s.mu.Unlock()
	if p == nil {
		return !isDone(s.Done()) // whoever has it now gets them
	}
	for len(records) > 0 {
		size, lags := chunk, p.lags(records[0].Offset)
		if lags {
			size = few
		}
		made := make([]delivery, min(size, len(records)))
		for i := range made {
			d, r := &made[i], records[i]
			d.partition, d.number, d.at, d.stored, d.attempt = p, r.Partition, place{r.Offset, r.LeaderEpoch}, r.Timestamp, 1
			d.waiting.Store(true)
			d.key, d.message.Body = r.Key, r.Value
			if lags {
				d.key, d.message.Body = bytes.Clone(r.Key), bytes.Clone(r.Value)
			}
		}
		convert(made, records)
		records = records[len(made):]
		if !p.add(made) {
			return !isDone(s.Done())
		}
		for i := range made {
			d := &made[i]
			d.waiting.Store(false) // before the look, as leaving looks after it has said so
			if p.gone.Load() {
				return !isDone(s.Done())
			}
			if !s.Deliver(d) {
				return false
			}
		}
	}
	return true
}

// convert gives deliveries the headers of their records. Most say what the record
// before says, which is kept once; the rest is one text and one list for all.
func convert(made []delivery, records []*kgo.Record) {
	var before []kgo.RecordHeader
	n, size := 0, 0
	for i := range made {
		headers := records[i].Headers
		if !slices.EqualFunc(headers, before, sameHeader) {
			n += len(headers)
			for j := range headers {
				size += len(headers[j].Value)
			}
		}
		before = headers
	}
	var text strings.Builder
	text.Grow(size)
	all := make([]event.Header, 0, n)
	before = nil
	var converted []event.Header
	for i := range made {
		headers := records[i].Headers
		if !slices.EqualFunc(headers, before, sameHeader) {
			from := len(all)
			for j := range headers {
				start := text.Len()
				text.Write(headers[j].Value)
				all = append(all, event.Header{Name: headers[j].Key, Value: event.TextValue(text.String()[start:])})
			}
			converted = all[from:len(all):len(all)]
		}
		made[i].message.Headers, before = converted, headers
	}
}

func sameHeader(a, b kgo.RecordHeader) bool {
	return a.Key == b.Key && bytes.Equal(a.Value, b.Value)
}

func (s *subscription) commitOften() {
	t := time.NewTicker(s.broker.commit)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			s.commit(context.Background())
		case <-s.ended:
			return
		}
	}
}

// commit moves the place of the group to behind what is settled.
func (s *subscription) commit(ctx context.Context) {
	if s.group == "" {
		return
	}
	s.committing.Lock() // so that none overtakes another
	defer s.committing.Unlock()
	s.mu.Lock()
	ours := maps.Clone(s.partitions)
	s.mu.Unlock()
	moved := map[int32]kgo.EpochOffset{}
	for n, p := range ours {
		p.mu.Lock()
		if at := p.place(); at.offset > p.committed {
			moved[n] = kgo.EpochOffset{Epoch: at.epoch, Offset: at.offset}
		}
		p.mu.Unlock()
	}
	if len(moved) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	s.client.CommitOffsetsSync(ctx, map[string]map[int32]kgo.EpochOffset{s.topic: moved}, func(_ *kgo.Client, _ *kmsg.OffsetCommitRequest, said *kmsg.OffsetCommitResponse, err error) {
		if err != nil || said == nil {
			return // the next time
		}
		for _, t := range said.Topics {
			for _, one := range t.Partitions {
				if one.ErrorCode == 0 {
					ours[one.Partition].committed = moved[one.Partition].Offset
				}
			}
		}
	})
}

func (s *subscription) Stop(ctx context.Context) error {
	s.Close(nil)
	s.stopPolling()
	<-s.ended
	err := s.Drain(ctx)
	over := make(chan struct{})
	go func() {
		defer close(over)
		s.once.Do(func() {
			s.commit(context.Background())
			s.client.CloseAllowingRebalance()
			s.broker.mu.Lock()
			delete(s.broker.subscriptions, s)
			s.broker.mu.Unlock()
		})
	}()
	select {
	case <-over:
		return err
	case <-ctx.Done():
	}
	// While the group finds out who has what, neither the place is taken nor the
	// member let go. It need not be seen to: what was settled comes again at most.
	select {
	case <-over:
	case <-time.After(letGo):
	}
	return err
}

// letGo is how much longer than it was asked to Stop waits for the cluster.
const letGo = 2 * time.Second

type delivery struct {
	partition *partition
	number    int32 // of the partition
	at        place
	stored    time.Time
	key       []byte
	message   event.Message
	attempt   int
	settled   atomic.Bool
	waiting   atomic.Bool // for its time to be handled

	before, after *delivery // unsettled, under the partition's lock
}

func (d *delivery) Message() *event.Message { return &d.message }
func (d *delivery) Channel() string         { return d.partition.s.address }
func (d *delivery) Key() string             { return string(d.key) }
func (d *delivery) Time() time.Time         { return d.stored }
func (d *delivery) Attempt() int            { return d.attempt }
func (d *delivery) InProgress() error       { return nil }

func (d *delivery) Position() string {
	return strconv.Itoa(int(d.number)) + ":" + strconv.FormatInt(d.at.offset, 10)
}

// Ack lets the place of the group move over the message, when everything
// before it is settled, too.
func (d *delivery) Ack() error {
	if d.settled.Swap(true) {
		return nil
	}
	d.partition.replace(d, nil)
	d.partition.s.Settled()
	return nil
}

// Term is Ack: Kafka knows no other way past a message.
func (d *delivery) Term() error { return d.Ack() }

func (d *delivery) Nak() error { return d.NakWithDelay(0) }

// NakWithDelay brings the message back from memory; the place of the group stays
// before it.
func (d *delivery) NakWithDelay(delay time.Duration) error {
	if d.settled.Swap(true) {
		return nil
	}
	// Settled once and for all is this delivery; the next is another value, so that
	// who holds this one cannot settle that.
	next := &delivery{partition: d.partition, number: d.number, at: d.at, stored: d.stored, key: d.key, message: d.message, attempt: d.attempt + 1}
	next.waiting.Store(true)
	d.partition.replace(d, next)
	d.partition.s.Again(delay, func() broker.Delivery {
		d.partition.mu.Lock()
		defer d.partition.mu.Unlock()
		if d.partition.gone.Load() {
			return nil // its new owner gets it
		}
		next.waiting.Store(false)
		return next
	}, func() {})
	return nil
}

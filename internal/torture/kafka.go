package torture

import (
	"encoding/binary"
	"io"
	"net"
	"strconv"
	"sync"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// A client of Kafka asks the broker where the brokers are, and goes there. So
// that it comes through the proxy all the same, the proxy reads what is asked, and
// puts its own address into the answers.

// asked is a request that an answer is awaited for.
type asked struct{ key, version int16 }

// kafkaLink is both directions of a connection.
type kafkaLink struct {
	address string // of the proxy
	mu      sync.Mutex
	open    map[int32]asked
}

// kafkaConn reads whole messages from a connection, and has each changed on its
// way.
type kafkaConn struct {
	net.Conn
	change func([]byte) []byte // of a message without its length
	rest   []byte
}

// throughKafka makes the rewrite of a proxy at an address.
func throughKafka(address string) func(client, server net.Conn) (net.Conn, net.Conn) {
	return func(client, server net.Conn) (net.Conn, net.Conn) {
		k := &kafkaLink{address: address, open: map[int32]asked{}}
		return &kafkaConn{Conn: client, change: k.request}, &kafkaConn{Conn: server, change: k.answer}
	}
}

func (c *kafkaConn) Read(p []byte) (int, error) {
	if len(c.rest) == 0 {
		var size [4]byte
		if _, err := io.ReadFull(c.Conn, size[:]); err != nil {
			return 0, err
		}
		message := make([]byte, binary.BigEndian.Uint32(size[:]))
		if _, err := io.ReadFull(c.Conn, message); err != nil {
			return 0, err
		}
		message = c.change(message)
		c.rest = append(binary.BigEndian.AppendUint32(nil, uint32(len(message))), message...)
	}
	n := copy(p, c.rest)
	c.rest = c.rest[n:]
	return n, nil
}

// request notes what is asked for.
func (k *kafkaLink) request(m []byte) []byte {
	if len(m) >= 8 {
		one := asked{int16(binary.BigEndian.Uint16(m)), int16(binary.BigEndian.Uint16(m[2:]))}
		switch kmsg.Key(one.key) {
		case kmsg.Metadata, kmsg.FindCoordinator, kmsg.DescribeCluster:
			k.mu.Lock()
			k.open[int32(binary.BigEndian.Uint32(m[4:]))] = one
			k.mu.Unlock()
		}
	}
	return m
}

// answer puts the address of the proxy where those of brokers are.
func (k *kafkaLink) answer(m []byte) []byte {
	if len(m) < 4 {
		return m
	}
	id := int32(binary.BigEndian.Uint32(m))
	k.mu.Lock()
	one, ok := k.open[id]
	delete(k.open, id)
	k.mu.Unlock()
	if !ok {
		return m
	}
	host, text, _ := net.SplitHostPort(k.address)
	n, _ := strconv.Atoi(text)
	port := int32(n)
	r := kmsg.ResponseForKey(one.key)
	r.SetVersion(one.version)
	head := 4
	if r.IsFlexible() {
		head = 5 // and no tags
	}
	if len(m) < head || r.ReadFrom(m[head:]) != nil {
		return m
	}
	switch r := r.(type) {
	case *kmsg.MetadataResponse:
		for i := range r.Brokers {
			r.Brokers[i].Host, r.Brokers[i].Port = host, port
		}
	case *kmsg.FindCoordinatorResponse:
		if r.Host != "" {
			r.Host, r.Port = host, port
		}
		for i := range r.Coordinators {
			if r.Coordinators[i].Host != "" {
				r.Coordinators[i].Host, r.Coordinators[i].Port = host, port
			}
		}
	case *kmsg.DescribeClusterResponse:
		for i := range r.Brokers {
			r.Brokers[i].Host, r.Brokers[i].Port = host, port
		}
	}
	return r.AppendTo(m[:head:head])
}

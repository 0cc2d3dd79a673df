package torture

import (
	"net"
	"sync"
	"time"
)

// proxy stands between a process and the broker, and does to its connections
// what networks do.
type proxy struct {
	address string
	target  string
	rewrite func(client, server net.Conn) (net.Conn, net.Conn) // nil for none
	l       net.Listener

	mu    sync.Mutex
	links map[*link]bool
	// What holds for all connections now.
	delay   time.Duration
	stalled chan struct{} // closed when it is over; nil for none
	dropped [2]bool       // by direction
}

// The directions.
const (
	toBroker = iota
	toClient
)

// link is a connection of the client and one to the broker.
type link struct {
	p     *proxy
	ends  [2]net.Conn // the client's, the broker's
	ghost bool        // nothing is passed on any more; under the proxy's mu
}

func newProxy(target string) (*proxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	return &proxy{address: l.Addr().String(), target: target, l: l, links: map[*link]bool{}}, nil
}

func (p *proxy) accept() {
	for {
		client, err := p.l.Accept()
		if err != nil {
			return
		}
		go func() {
			broker, err := net.DialTimeout("tcp", p.target, 5*time.Second)
			if err != nil {
				client.Close() // as one sees it where nothing listens
				return
			}
			k := &link{p: p, ends: [2]net.Conn{client, broker}}
			if p.rewrite != nil {
				k.ends[0], k.ends[1] = p.rewrite(client, broker)
			}
			p.mu.Lock()
			p.links[k] = true
			p.mu.Unlock()
			go k.pump(toBroker)
			k.pump(toClient)
		}()
	}
}

// pump passes on what comes of one direction.
func (k *link) pump(direction int) {
	from, to := k.ends[direction], k.ends[1-direction]
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		k.p.mu.Lock()
		delay, stalled, dropped, ghost := k.p.delay, k.p.stalled, k.p.dropped[direction], k.ghost
		k.p.mu.Unlock()
		if ghost {
			if err != nil {
				return // the other end is left in its belief
			}
			continue
		}
		if delay > 0 {
			time.Sleep(delay)
		}
		if stalled != nil {
			<-stalled
		}
		if n > 0 && !dropped {
			if _, werr := to.Write(buffer[:n]); werr != nil {
				err = werr
			}
		}
		if err != nil {
			k.close(false)
			return
		}
	}
}

// close closes both ends; with reset as a machine does that knows nothing of
// the connection.
func (k *link) close(reset bool) {
	k.p.mu.Lock()
	if k.ghost && !reset {
		k.p.mu.Unlock()
		return
	}
	delete(k.p.links, k)
	k.p.mu.Unlock()
	for _, c := range k.ends {
		if read, ok := c.(*kafkaConn); ok {
			c = read.Conn
		}
		if t, ok := c.(*net.TCPConn); ok && reset {
			_ = t.SetLinger(0)
		}
		c.Close()
	}
}

func (p *proxy) cut() {
	p.mu.Lock()
	var all []*link
	for k := range p.links {
		all = append(all, k)
	}
	p.mu.Unlock()
	for _, k := range all {
		k.close(true)
	}
}

// slow delays every piece for a while.
func (p *proxy) slow(d time.Duration) {
	p.set(func() { p.delay = 5 * time.Millisecond })
	time.AfterFunc(d, func() { p.set(func() { p.delay = 0 }) })
}

// stall lets nothing through for a while, and loses nothing.
func (p *proxy) stall(d time.Duration) {
	over := make(chan struct{})
	p.mu.Lock()
	if p.stalled != nil {
		p.mu.Unlock()
		return // it is
	}
	p.stalled = over
	p.mu.Unlock()
	time.AfterFunc(d, func() {
		p.set(func() { p.stalled = nil })
		close(over)
	})
}

// lose drops one direction for a while, and cuts then.
func (p *proxy) lose(direction int, d time.Duration) {
	p.set(func() { p.dropped[direction] = true })
	time.AfterFunc(d, func() {
		p.cut() // first: half of something is never followed by the rest of another
		p.set(func() { p.dropped[direction] = false })
		p.cut()
	})
}

// halfOpen leaves both ends of every connection in the belief that the other is
// there, for a while; new connections are as good as ever.
func (p *proxy) halfOpen(d time.Duration) {
	p.mu.Lock()
	var all []*link
	for k := range p.links {
		k.ghost = true
		all = append(all, k)
	}
	p.mu.Unlock()
	time.AfterFunc(d, func() {
		for _, k := range all {
			k.close(true)
		}
	})
}

func (p *proxy) set(change func()) {
	p.mu.Lock()
	change()
	p.mu.Unlock()
}

func (p *proxy) close() {
	p.l.Close()
	p.cut()
}

package cli

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// progressAfter is how long work may take before it says how far it is.
const progressAfter = time.Second

// progress says on a terminal how far long work is. It is silent elsewhere and
// for work that is soon over. It may be used from several goroutines.
type progress struct {
	out   io.Writer // nil: say nothing
	start time.Time
	total int

	mu    sync.Mutex
	count int
	said  bool
}

func (a *app) progress(total int) *progress {
	p := &progress{total: total, start: time.Now()}
	if a.env.ErrTerminal && !a.quiet {
		p.out = a.env.Stderr
	}
	return p
}

func (p *progress) step() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.count++
	if p.out != nil && time.Since(p.start) > progressAfter {
		p.said = true
		fmt.Fprintf(p.out, "\r%d of %d documents", p.count, p.total)
	}
}

// done clears the line.
func (p *progress) done() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.said {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
}

package site

import (
	"fmt"
	"testing"
)

// ring is a catalogue in which each of n services reads what the one before it and
// another one send.
func ring(n int) *Catalogue {
	c := &Catalogue{}
	for i := range n {
		c.Services = append(c.Services, &Service{ID: fmt.Sprint("s", i), Name: fmt.Sprint("Service ", i)})
		c.Channels = append(c.Channels, &Channel{ID: fmt.Sprint("c", i), Address: fmt.Sprintf("service%d.events", i), In: []In{{}}})
	}
	for i, ch := range c.Channels {
		for _, u := range []*Use{{Service: c.Services[i], Sends: true}, {Service: c.Services[(i+1)%n], Receives: true}, {Service: c.Services[(i*3+2)%n], Receives: true}} {
			u.Channel, u.Event = ch, &Event{Type: ch.Address}
			ch.Uses, u.Service.Uses = append(ch.Uses, u), append(u.Service.Uses, u)
		}
	}
	return c
}

// TestPictureOfCircles holds that services that send to each other in circles make a
// picture that can be read: no wider than a page, nothing over anything else, and
// every arrow from left to right.
func TestPictureOfCircles(t *testing.T) {
	for _, n := range []int{5, 25} {
		p := ring(n).overview(func(s string) string { return s })
		if p == nil {
			t.Fatalf("%d services have no picture", n)
		}
		if p.SVG(); p.width > 1400 {
			t.Errorf("the picture of %d services is %v wide", n, p.width)
		}
		if !p.Columns() {
			t.Errorf("the picture of %d services has a layer for each", n)
		}
		edges := 0
		for _, a := range p.nodes {
			edges += len(a.out)
			for _, b := range p.nodes {
				if a != b && a.x < b.x+nodeWidth && b.x < a.x+nodeWidth && a.y < b.y+p.tall && b.y < a.y+p.tall {
					t.Errorf("%s stands over %s", a.name, b.name)
				}
			}
			if a.x < 0 || a.y < 0 || a.x+nodeWidth > p.width || a.y+p.tall > p.height {
				t.Errorf("%s stands outside the picture", a.name)
			}
		}
		for _, e := range p.edges {
			if e.back || e.from.x >= e.to.x {
				t.Errorf("from %s to %s leads back", e.from.name, e.to.name)
			}
		}
		if edges != len(p.edges) || edges < 2*n {
			t.Errorf("%d services have %d lines, %d of them drawn", n, edges, len(p.edges))
		}
	}
}

// TestFitted holds that a name stays within its node, whatever its letters.
func TestFitted(t *testing.T) {
	for s, want := range map[string]string{
		"orders.events":            "orders.events",
		"com.acme.billing.paid.v1": "com.acme.bil…g.paid.v1",
		"注文が支払われました注文が支払われました": "注文が支払わ…れました",
		"🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉":         "🎉🎉🎉🎉🎉🎉…🎉🎉🎉🎉",
	} {
		got := fitted(s, 22)
		if got != want {
			t.Errorf("%s becomes %s, want %s", s, got, want)
		}
		wide := 0
		for _, r := range got {
			if wide++; r >= 0x1100 && r != '…' {
				wide++
			}
		}
		if wide > 22 {
			t.Errorf("%s is as wide as %d letters", got, wide)
		}
	}
}

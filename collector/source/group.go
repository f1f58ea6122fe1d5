package source

import (
	"sync"
	"time"
)

// A group is the sockets of one port. Datagrams go to as many of them as the
// work needs: where one worker is idle most of the time, a second would only be
// woken as often again.
type group struct {
	mu     sync.Mutex
	n      int               // sockets
	active int               // of them, those that get datagrams
	steer  func(n int) error // sends them to the first n
}

// A member is one socket of a group, as its reader sees it. The zero value is
// alone.
type member struct {
	group *group
	index int

	begun time.Time     // of the period that is measured
	rest  time.Duration // in it, that the reader slept
	calm  int           // periods in a row with little to do
}

// period is how long a member looks at itself before it judges.
const period = 100 * time.Millisecond

// Above busy, another socket is to help. Where the others could do the work and
// stay below quiet, for a while, the last one may rest.
const (
	busy        = 0.5
	quiet       = 0.3
	calmPeriods = 20
)

// rested notes that the reader slept from t on, until now.
func (m *member) rested(t time.Time) {
	if m.group != nil {
		m.rest += time.Since(t)
	}
}

// balance judges how busy the reader is, now and then.
func (m *member) balance(now time.Time) {
	if m.group == nil {
		return
	}
	d := now.Sub(m.begun)
	if d < period {
		return
	}
	load := 1 - float64(m.rest)/float64(d)
	first := m.begun.IsZero()
	m.begun, m.rest = now, 0
	if !first {
		m.judge(load)
	}
}

// judge takes the share of its time that the reader was not asleep.
func (m *member) judge(load float64) {
	g := m.group
	g.mu.Lock()
	defer g.mu.Unlock()
	last := m.index == g.active-1
	if others := float64(g.active - 1); last && g.active > 1 && load*float64(g.active) < quiet*others {
		m.calm++
	} else {
		m.calm = 0
	}
	n := g.active
	switch {
	case m.index >= g.active: // what was under way
	case load > busy && n < g.n:
		n++
	case m.calm >= calmPeriods:
		n--
		m.calm = 0
	}
	if n != g.active && g.steer(n) == nil {
		g.active = n
	}
}

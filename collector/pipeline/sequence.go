package pipeline

import (
	"time"

	"github.com/weirflow/weir/shared/decode"
)

// Transit is what sequence numbers tell of the way from an exporter's domain to
// us, in the protocol's own unit: flows in NetFlow v5 to v8, data records in
// IPFIX, export packets in v9, datagrams in sFlow. At any moment
//
//	Sent = Received + Missing + Waiting
type Transit struct {
	Sent     uint64 `json:"sent"`     // by the numbers, since the first that was seen
	Received uint64 `json:"received"` // each once
	Missing  uint64 `json:"missing"`  // lost in the network or in this machine's kernel
	Waiting  uint64 `json:"waiting"`  // overtaken, and may still come

	Late       uint64 `json:"late"`       // of Received: came out of order
	Unread     uint64 `json:"unread"`     // of Received: in sets without a template; how many, the next number tells
	Duplicates uint64 `json:"duplicates"` // came again; not in Received
	Stray      uint64 `json:"stray"`      // of a number far off that nothing followed; not in Received
	Restarts   uint64 `json:"restarts"`   // the numbers began anew
}

// add adds up the units of all protocols.
func (t *Transit) add(x *Transit) {
	t.Sent += x.Sent
	t.Received += x.Received
	t.Missing += x.Missing
	t.Waiting += x.Waiting
	t.Late += x.Late
	t.Unread += x.Unread
	t.Duplicates += x.Duplicates
	t.Stray += x.Stray
	t.Restarts += x.Restarts
}

const (
	// maxGap is the largest gap in which units are missing; beyond, the numbers
	// must have begun anew.
	maxGap = 1 << 26
	// reorder is how long a unit that was overtaken may still come.
	reorder = int64(2 * time.Second)

	// rebooted is by how many milliseconds an uptime must fall to tell a restart
	// from a message that was overtaken.
	rebooted = 60_000

	// beginning is how many messages may still have been overtaken by the first.
	beginning = 16

	maxHoles    = 512 // several workers that share an exporter overtake one another
	recents     = 256
	maxSuspects = 8
)

// A sequence follows the numbers of one domain. The zero value is ready.
type sequence struct {
	Transit
	// Inclusive exporters count a message in its own number, against RFC 7011
	// §3.1, and leave its options records out; softflowd does.
	Inclusive bool

	started bool
	exact   bool   // the numbers were seen to leave the message out
	open    bool   // the last message held records that nobody could count
	base    uint32 // the lowest number since it began
	next    uint32 // the number that the next message should have
	last    uint32 // as the last message had it
	units   uint32 // of the last message
	options uint32 // of these, options records
	uptime  uint32 // of the last message, if hasUptime
	hasUp   bool

	suspects []decode.Head // messages held back

	holes []hole // oldest first
	seen  [recents]uint32
	at    int // in seen, of the next

	probation bool // a number far off came last
	expect    uint32
	held      uint32 // its units
}

// A hole is a run of units that have not come.
type hole struct {
	from, n uint32
	since   int64
	gone    bool // its units are Missing, not Waiting
}

// note enters a message that arrived at now.
func (s *sequence) note(h *decode.Head, now int64) {
	s.expire(now)
	if s.started && !s.exact && !s.Inclusive && s.suspect(h, now) {
		return
	}
	s.enter(h, now)
}

func (s *sequence) enter(h *decode.Head, now int64) {
	if s.Inclusive && h.Options > 0 {
		counted := *h
		counted.Units, counted.Options = h.Units-h.Options, 0
		h = &counted
	}
	if !s.started {
		s.started = true
		s.begin(h)
		return
	}
	if fell := s.uptime - h.Uptime; h.HasUptime && s.hasUp && fell > rebooted && fell < 1<<31 {
		s.restart(h)
		return
	}
	n, units := h.Sequence, h.Units
	if s.Inclusive {
		n -= units
	}
	switch d := int32(n - s.next); {
	case d == 0:
		s.exact = s.exact || !s.Inclusive && units != s.units
		s.advance(h, n)
	case d < 0 && units == 0 && !h.Uncounted: // overtaken, and counts nothing
	case s.again(n):
		s.Duplicates += uint64(units)
		s.probation = false
	case d > 0 && d <= maxGap:
		s.gap(n, uint32(d), now)
		s.advance(h, n)
	case d < 0 && s.fill(h, n):
		s.probation = false
	case s.earlier(h, n, now):
		s.probation = false
	default:
		s.far(h, n)
	}
}

// suspect holds back messages that may be counted in their own number, until
// two of different size in a row tell, and enters them. It returns true where h
// is held back or entered.
func (s *sequence) suspect(h *decode.Head, now int64) bool {
	last, units := s.last, s.units
	if n := len(s.suspects); n > 0 {
		last, units = s.suspects[n-1].Sequence, s.suspects[n-1].Units
	}
	step, own := h.Sequence-last, h.Units-h.Options
	switch {
	case step == own && step != units && len(s.suspects) > 0:
		s.Inclusive = true
		s.next -= s.units // the last one's number was its end
		s.Sent, s.Received = s.Sent-uint64(s.options), s.Received-uint64(s.options)
	case step == own && (step != units || len(s.suspects) > 0) && len(s.suspects) < maxSuspects:
		s.suspects = append(s.suspects, *h)
		return true
	}
	s.acquit(now)
	s.enter(h, now)
	return true
}

// acquit enters the messages that are held back.
func (s *sequence) acquit(now int64) {
	for i := range s.suspects {
		s.enter(&s.suspects[i], now)
	}
	s.suspects = s.suspects[:0]
}

// end enters all that is held back or waits: no message will follow.
func (s *sequence) end() {
	s.acquit(0)
	s.settle()
}

// begin starts to count at h.
func (s *sequence) begin(h *decode.Head) {
	n := h.Sequence
	if s.Inclusive {
		n -= h.Units
	}
	s.next, s.base = n, n
	s.advance(h, n)
}

// earlier enters a message that was sent shortly before the first one, which
// overtook it, and returns false if it is none.
func (s *sequence) earlier(h *decode.Head, n uint32, now int64) bool {
	gap := int32(s.base - n - h.Units)
	if s.at >= beginning || gap < 0 || int64(gap) > 2*beginning*int64(h.Units) || len(s.holes) == maxHoles {
		return false
	}
	s.Sent += uint64(h.Units) + uint64(gap)
	s.Received += uint64(h.Units)
	s.Late += uint64(h.Units)
	if gap > 0 {
		s.Waiting += uint64(gap)
		s.holes = append(s.holes, hole{from: n + h.Units, n: uint32(gap), since: now})
	}
	s.base = n
	s.remember(n)
	return true
}

// advance enters a message that has the number n, which is not below next.
func (s *sequence) advance(h *decode.Head, n uint32) {
	s.Sent += uint64(h.Units)
	s.Received += uint64(h.Units)
	s.next = n + h.Units
	s.last, s.units, s.options, s.open = h.Sequence, h.Units, h.Options, h.Uncounted
	s.uptime, s.hasUp = h.Uptime, h.HasUptime
	s.probation = false
	s.remember(n)
}

func (s *sequence) remember(n uint32) {
	s.seen[s.at%recents] = n
	s.at++
}

// again tells whether a message of this number was among the last.
func (s *sequence) again(n uint32) bool {
	for i := range min(s.at, recents) {
		if s.seen[i] == n {
			return true
		}
	}
	return false
}

// gap enters d units before n that have not come.
func (s *sequence) gap(n, d uint32, now int64) {
	s.Sent += uint64(d)
	if s.open { // they came, but nobody could count them
		s.Received += uint64(d)
		s.Unread += uint64(d)
		return
	}
	s.Waiting += uint64(d)
	if len(s.holes) == maxHoles {
		s.close(0)
		s.holes = append(s.holes[:0], s.holes[1:]...)
	}
	s.holes = append(s.holes, hole{from: n - d, n: d, since: now})
}

// close makes the units of a hole missing.
func (s *sequence) close(i int) {
	if h := &s.holes[i]; !h.gone {
		h.gone = true
		s.Waiting -= uint64(h.n)
		s.Missing += uint64(h.n)
	}
}

// expire makes missing what has waited too long. Where the clock has been set
// back, that is not known.
func (s *sequence) expire(now int64) {
	for i := range s.holes {
		if d := now - s.holes[i].since; !s.holes[i].gone && (d > reorder || d < -reorder) {
			s.close(i)
		}
	}
}

// fill enters a message that was overtaken, and returns false if it is none.
func (s *sequence) fill(h *decode.Head, n uint32) bool {
	for i := range s.holes {
		x := &s.holes[i]
		off := n - x.from
		if off >= x.n {
			continue
		}
		units := min(h.Units, x.n-off)
		if h.Uncounted {
			units = x.n - off
			s.Unread += uint64(units - min(h.Units, units))
		}
		s.Received += uint64(units)
		s.Late += uint64(units)
		s.Duplicates += uint64(h.Units - min(h.Units, units))
		if x.gone {
			s.Missing -= uint64(units)
		} else {
			s.Waiting -= uint64(units)
		}
		s.split(i, off, units)
		s.remember(n)
		return true
	}
	return false
}

// split takes units out of hole i, off units from its start.
func (s *sequence) split(i int, off, units uint32) {
	x := s.holes[i]
	left, right := x, x
	left.n = off
	right.from, right.n = x.from+off+units, x.n-off-units
	switch {
	case left.n > 0 && right.n > 0:
		s.holes[i] = left
		if len(s.holes) == maxHoles { // no room for both: the rest can't be told from duplicates
			s.holes = append(s.holes, right)
			s.close(len(s.holes) - 1)
			s.holes = s.holes[:maxHoles]
			return
		}
		s.holes = append(s.holes, hole{})
		copy(s.holes[i+2:], s.holes[i+1:])
		s.holes[i+1] = right
	case left.n > 0:
		s.holes[i] = left
	case right.n > 0:
		s.holes[i] = right
	default:
		s.holes = append(s.holes[:i], s.holes[i+1:]...)
	}
}

// far judges a number that is far off, as RFC 3550 A.1 does: it is believed when
// the next follows it.
func (s *sequence) far(h *decode.Head, n uint32) {
	if s.probation && n == s.expect {
		s.Stray -= uint64(s.held)
		held := s.held
		s.restart(h)
		s.Sent += uint64(held)
		s.Received += uint64(held)
		return
	}
	s.probation, s.expect, s.held = true, n+h.Units, h.Units
	s.Stray += uint64(h.Units)
}

// restart begins anew at h.
func (s *sequence) restart(h *decode.Head) {
	s.settle()
	s.Restarts++
	s.at = 0
	s.begin(h)
}

// settle makes missing what waits, and forgets the holes.
func (s *sequence) settle() {
	for i := range s.holes {
		s.close(i)
	}
	s.holes = s.holes[:0]
}

package modinput

import (
	"time"

	"github.com/weirflow/weir/shared/flow"
)

// waits are the flows that wait for their answer, in the order of their arrival,
// and to be found by hash. They are in pages: the newest is filled, and the oldest is
// given up when all of its flows have left.
//
// A reference to a flow is its number since the start. Those of a bucket are a list,
// newest first, which ends where it gets to one that is older than all that wait.
type waits struct {
	most    int     // pages
	pages   []*page // a ring, by number
	from    uint32  // number of the oldest page
	to      uint32  // and of the newest
	spare   []*page
	buckets []uint32
	mask    uint32
}

// Pages hold up to so many flows, and about so many octets of texts and extras.
const (
	pageFlows  = 512
	pageOctets = 512 * pageFlows
)

type page struct {
	flow.Batch
	waits  []waiting
	first  int // all before it have left
	live   int // that have not
	octets int
	texts  remap // into what a Stitcher hands on
}

// A waiting is what is known of a flow besides its columns.
type waiting struct {
	since time.Duration // below 0: it has left
	next  uint32        // of its bucket
	hash  uint32
	owed  owed
}

func (w *waiting) left() bool { return w.since < 0 }

func newWaits(flows int) waits {
	n := max(2, (flows+pageFlows-1)/pageFlows)
	ring, size := 2, uint32(1024)
	for ring < n {
		ring *= 2
	}
	for int(size) < n*pageFlows && size < 1<<30 {
		size *= 2
	}
	w := waits{most: n, pages: make([]*page, ring), from: 1, buckets: make([]uint32, size), mask: size - 1}
	w.begin()
	return w
}

func (w *waits) page(number uint32) *page { return w.pages[number&uint32(len(w.pages)-1)] }
func (w *waits) oldest() *page            { return w.page(w.from) }
func (w *waits) newest() *page            { return w.page(w.to) }

// full tells whether a page more would be too many.
func (w *waits) full() bool { return int(w.to-w.from)+1 >= w.most }

// full tells whether no more flows go into p.
func (p *page) full() bool { return len(p.waits) == pageFlows || p.octets >= pageOctets }

// begin begins a page.
func (w *waits) begin() *page {
	var p *page
	if n := len(w.spare); n > 0 {
		p, w.spare = w.spare[n-1], w.spare[:n-1]
	} else {
		p = &page{waits: make([]waiting, 0, pageFlows)}
		p.Flows = make([]flow.Flow, 0, pageFlows)
	}
	w.to++
	w.pages[w.to&uint32(len(w.pages)-1)] = p
	p.Reset()
	p.waits, p.first, p.live, p.octets = p.waits[:0], 0, 0, 0
	p.texts.forget()
	return p
}

// giveUp gives up the oldest page, unless it is the newest as well, and tells
// whether it did.
func (w *waits) giveUp() bool {
	if w.from == w.to {
		return false
	}
	w.spare = append(w.spare, w.oldest())
	w.from++
	return true
}

// add notes that the last flow of p, the newest page, waits.
func (w *waits) add(p *page, x waiting) {
	bucket := &w.buckets[x.hash&w.mask]
	x.next = *bucket
	*bucket = w.to*pageFlows + uint32(len(p.waits))
	p.waits = append(p.waits, x)
	p.live++
}

// party is what waits at place i.
func (p *page) party(i int) party {
	return party{&p.Batch, &p.Flows[i], &p.texts, p.waits[i].owed}
}

// maxScan bounds how many flows of a bucket are looked at for those of a hash.
const maxScan = 16

// A look goes over the flows that have a hash, newest first. It is at the one at a
// place in a page.
type look struct {
	*page
	at   int
	link *uint32 // the reference to it
	hash uint32
	of   *waits
	from uint32 // the oldest reference
	many uint32 // how many there are from there on
	seen int
}

func (w *waits) look(h uint32) look {
	from := w.from*pageFlows + uint32(w.oldest().first)
	end := w.to*pageFlows + uint32(len(w.newest().waits))
	return look{of: w, hash: h, link: &w.buckets[h&w.mask], from: from, many: end - from}
}

// next goes to the next of them and tells whether there is one.
func (l *look) next() bool {
	for l.seen < maxScan {
		if l.page != nil {
			l.link = &l.waits[l.at].next
		}
		ref := *l.link
		if ref-l.from >= l.many {
			return false
		}
		l.page, l.at = l.of.page(ref/pageFlows), int(ref%pageFlows)
		l.seen++
		if l.waits[l.at].hash == l.hash {
			return true
		}
	}
	return false
}

func (l *look) flow() *flow.Flow { return &l.Flows[l.at] }

// leave lets the flow leave before its time.
func (l *look) leave() {
	w := &l.waits[l.at]
	*l.link = w.next
	w.since = -1
	l.live--
}

package pcap

import (
	"bytes"
	"math"
	"net/netip"
	"slices"
)

// What is kept of IP packets that came in pieces. An identification comes back
// after 65,536 packets at the earliest, which is what the age is about.
const (
	maxAssemblies     = 256     // packets under way
	maxAssemblyOctets = 4 << 20 // of all of them
	maxAssemblyAge    = 1 << 14 // packets of the file since a packet's first piece
	maxPieces         = 128     // of a packet
)

// assemblies puts the pieces of IP packets together. Pieces may come in any
// order. Those that overlap are refused with their whole packet (RFC 5722,
// which we hold good for IPv4 as well); the same piece again is left out.
type assemblies struct {
	under  map[assemblyKey]*assembly
	octets int
	free   []*assembly
	done   *assembly // handed out last: its octets are in use until the next piece
	lost   int       // pieces that became no datagram
}

type assemblyKey struct {
	src, dst netip.Addr
	id       uint32
}

type assembly struct {
	key     assemblyKey
	first   int   // number of the packet that brought its first piece
	proto   uint8 // set once the beginning is there
	refused bool  // nothing more is taken; nothing is kept
	total   int   // octets of the packet; -1: the last piece isn't there
	have    int
	packets int
	pieces  []piece // by offset
	buf     []byte
}

type piece struct{ start, end int }

// add takes the piece d that packet index of the file brought. It returns the
// packet if that makes it whole, valid until the next call.
func (x *assemblies) add(d *datagram, index int) *assembly {
	if x.done != nil {
		x.recycle(x.done)
		x.done = nil
	}
	key := assemblyKey{d.src.Addr(), d.dst.Addr(), d.id}
	a := x.under[key]
	if a != nil && index-a.first > maxAssemblyAge {
		x.drop(a)
		a = nil
	}
	if a == nil {
		a = x.begin(key, index)
	}
	a.packets++
	p := piece{int(d.offset), int(d.offset) + len(d.payload)}
	if a.refused {
		x.lost++
		return nil
	}
	at, ok := a.fits(p, d)
	switch {
	case !ok:
		x.refuse(a)
		return nil
	case at < 0: // seen before
		a.packets--
		x.lost++
		return nil
	}
	a.pieces = slices.Insert(a.pieces, at, p)
	a.have += len(d.payload)
	if p.start == 0 {
		a.proto = d.proto
	}
	if !d.more {
		a.total = p.end
	}
	if grow := p.end - len(a.buf); grow > 0 {
		a.buf = slices.Grow(a.buf, grow)[:p.end]
		x.octets += grow
	}
	copy(a.buf[p.start:], d.payload)
	if a.have == a.total {
		x.done = a
		x.forget(a)
		return a
	}
	for x.octets > maxAssemblyOctets {
		x.drop(x.oldest())
	}
	return nil
}

// fits returns where p belongs among the pieces of a, -1 if it is there
// already. Not ok: it contradicts them, or can't be.
func (a *assembly) fits(p piece, d *datagram) (at int, ok bool) {
	switch {
	case p.start == p.end, d.more && p.end%8 != 0, p.end > math.MaxUint16, len(a.pieces) == maxPieces,
		a.total >= 0 && p.end > a.total:
		return 0, false
	}
	at, found := slices.BinarySearchFunc(a.pieces, p.start, func(q piece, start int) int { return q.start - start })
	if found {
		same := a.pieces[at] == p && d.more == (a.total != p.end) && bytes.Equal(a.buf[p.start:p.end], d.payload)
		return -1, same
	}
	switch {
	case at > 0 && a.pieces[at-1].end > p.start,
		at < len(a.pieces) && (a.pieces[at].start < p.end || !d.more),
		!d.more && a.total >= 0:
		return 0, false
	}
	return at, true
}

func (x *assemblies) begin(key assemblyKey, index int) *assembly {
	if x.under == nil {
		x.under = map[assemblyKey]*assembly{}
	}
	if len(x.under) == maxAssemblies {
		x.drop(x.oldest())
	}
	var a *assembly
	if n := len(x.free); n > 0 {
		a, x.free = x.free[n-1], x.free[:n-1]
	} else {
		a = new(assembly)
	}
	*a = assembly{key: key, first: index, total: -1, pieces: a.pieces[:0], buf: a.buf[:0]}
	x.under[key] = a
	return a
}

func (x *assemblies) oldest() *assembly {
	var old *assembly
	for _, a := range x.under {
		if old == nil || a.first < old.first {
			old = a
		}
	}
	return old
}

// refuse gives up a's pieces, but remembers a: those that are still to come
// would begin it anew.
func (x *assemblies) refuse(a *assembly) {
	x.lost += a.packets
	x.octets -= len(a.buf)
	a.refused, a.pieces, a.buf = true, nil, nil
}

// drop gives a up.
func (x *assemblies) drop(a *assembly) {
	if !a.refused {
		x.lost += a.packets
	}
	x.forget(a)
	x.recycle(a)
}

func (x *assemblies) forget(a *assembly) {
	x.octets -= len(a.buf)
	delete(x.under, a.key)
}

// recycle keeps a's memory for another one; a handful is enough.
func (x *assemblies) recycle(a *assembly) {
	if len(x.free) < 8 {
		x.free = append(x.free, a)
	}
}

// end gives up all that is under way.
func (x *assemblies) end() {
	for _, a := range x.under {
		x.drop(a)
	}
}

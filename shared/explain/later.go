package explain

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"slices"

	"github.com/weirflow/weir/shared/decode"
	"github.com/weirflow/weir/shared/template"
)

// later holds the templates of datagrams that are yet to be explained.
type later struct {
	n      int // datagrams learned from
	fields int // of all templates
	of     map[laterKey][]announced
}

// A laterKey says whose template.
type laterKey struct {
	key    template.Key
	domain uint32
	id     uint16
}

// laterOf leaves out the port, as exporters do send templates from one port and
// data from another, but not of a connection.
func laterOf(k template.Key, domain uint32, id uint16) laterKey {
	if !k.Over.Connected() {
		k.From = netip.AddrPortFrom(k.From.Addr(), 0)
	}
	return laterKey{k, domain, id}
}

// An announced template, and by which datagram, from 1.
type announced struct {
	datagram int
	template template.Template
}

// maxLater bounds the fields of all that is learned.
const maxLater = 1 << 20

// Learn looks ahead: it notes the templates of a datagram that will be explained
// later, so that data sets that come before their template can be explained as
// well, with the fault that they came too early. Give it all datagrams in their
// order, and then explain them in the same order.
func (e *Explainer) Learn(dg decode.Datagram) {
	if dg.Closed {
		return
	}
	e.later.n++
	d := dg.Data
	if len(d) < 20 {
		return
	}
	key := keyOf(&dg)
	key.Version = d[1]
	k := laterOf(key, 0, 0)
	var options uint16
	switch binary.BigEndian.Uint16(d) {
	case 9:
		k.domain, options = binary.BigEndian.Uint32(d[16:]), 1
		d = d[20:]
	case 10:
		k.domain, options = binary.BigEndian.Uint32(d[12:]), 3
		d = d[16:]
	default:
		return
	}
	for len(d) >= setHeader {
		id, n := binary.BigEndian.Uint16(d), int(binary.BigEndian.Uint16(d[2:]))
		if n < setHeader || n > len(d) {
			return
		}
		if id == options || id == options-1 {
			e.later.announcements(k, d[setHeader:n], id == options)
		}
		d = d[n:]
	}
}

func (l *later) announcements(k laterKey, set []byte, options bool) {
	content := len(bytes.TrimRight(set, "\x00"))
	for at := 0; len(set)-at >= 4 && at < content; {
		var t template.Template
		n, err := template.Parse(&t, set[at:], k.key.Version, options)
		if n == 0 {
			return
		}
		at += n
		if err != nil || l.fields+len(t.Fields) >= maxLater {
			continue
		}
		k.id = t.ID
		all := l.of[k]
		if len(all) > 0 && all[len(all)-1].template.Equal(&t) {
			continue
		}
		if _, err := template.Compile(&t); err != nil {
			continue
		}
		if l.of == nil {
			l.of = map[laterKey][]announced{}
		}
		l.of[k] = append(all, announced{l.n, t})
		l.fields += len(t.Fields) + 1
	}
}

// find returns the first announcement from datagram n on: of one that came before
// the data in the same datagram, nobody asks.
func (l *later) find(k laterKey, n int) *announced {
	all := l.of[k]
	i, _ := slices.BinarySearchFunc(all, n, func(a announced, n int) int { return a.datagram - n })
	if i == len(all) {
		return nil
	}
	return &all[i]
}

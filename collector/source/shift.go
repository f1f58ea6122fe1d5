package source

import (
	"encoding/binary"
	"net/netip"
	"time"

	"github.com/weirflow/weir/shared/template"
)

// A shifter moves the times of datagrams, in place, so that they tell of
// traffic that has just ended. Export times are set to now. Times in exporter
// uptime follow by themselves; absolute ones in v9 and IPFIX records are moved
// by as much, for which a shifter remembers templates. What it doesn't
// understand it leaves alone.
type shifter struct {
	store *template.Store
	tmpl  template.Template
}

// absolute holds the elements that are points in time, with the octets that
// they take: seconds in 4; milliseconds in 8; NTP format in 8, whose first 4
// are seconds.
var absolute = map[uint16]unit{
	150: seconds, 151: seconds, 322: seconds,
	152: millis, 153: millis, 160: millis, 258: millis, 323: millis,
	154: ntp, 155: ntp, 156: ntp, 157: ntp, 324: ntp, 325: ntp,
}

type unit uint8

const (
	none unit = iota
	seconds
	millis
	ntp
)

// to moves the datagram d of the exporter at from to now.
func (s *shifter) to(now time.Time, from netip.AddrPort, d []byte) {
	if len(d) < 16 {
		return
	}
	export := d[8:12]
	header, templates, options := 0, uint16(0), uint16(1)
	version := binary.BigEndian.Uint16(d)
	switch version {
	case 9:
		header = 20
	case 10:
		export = d[4:8]
		header, templates, options = 16, 2, 3
	case 1, 5, 6, 7, 8: // the nanoseconds behind it stay: all times move by whole seconds
	default:
		return
	}
	delta := now.Unix() - int64(binary.BigEndian.Uint32(export))
	binary.BigEndian.PutUint32(export, uint32(now.Unix()))
	if header == 0 || len(d) < header {
		return
	}
	domain := binary.BigEndian.Uint32(d[header-4:])
	if s.store == nil {
		s.store = template.NewStore(template.Limits{})
	}
	x := s.store.Session(from, uint8(version))
	if x == nil {
		return
	}
	for d = d[header:]; len(d) >= 4; {
		id, n := binary.BigEndian.Uint16(d), int(binary.BigEndian.Uint16(d[2:]))
		if n < 4 || n > len(d) {
			return
		}
		set := d[4:n]
		d = d[n:]
		switch {
		case id == templates || id == options:
			s.learn(x, domain, set, id == options)
		case id >= 256:
			if p := x.Plan(domain, id); p != nil {
				shiftSet(&p.Template, set, delta)
			}
		}
	}
}

// learn notes the templates of a set.
func (s *shifter) learn(x *template.Session, domain uint32, set []byte, options bool) {
	for len(set) >= 4 {
		n, err := template.Parse(&s.tmpl, set, x.Version, options)
		if n == 0 {
			return
		}
		set = set[n:]
		if err == nil {
			x.Put(domain, &s.tmpl) // one that is refused has no records to move
		}
	}
}

// shiftSet moves the times in the records of a data set by delta seconds.
func shiftSet(t *template.Template, set []byte, delta int64) {
	for len(set) > 0 {
		start := len(set)
		for _, f := range t.Fields {
			n := int(f.Len)
			if f.Len == template.Variable && t.Version != 9 {
				if len(set) < 3 {
					return
				}
				n, set = int(set[0]), set[1:]
				if n == 255 {
					n, set = int(binary.BigEndian.Uint16(set)), set[2:]
				}
			}
			if n > len(set) {
				return // cut short, or padding
			}
			if f.PEN == 0 {
				shiftTime(absolute[f.ID], set[:n], delta)
			}
			set = set[n:]
		}
		if len(set) == start {
			return
		}
	}
}

// shiftTime moves v, unless it is zero, which means unknown.
func shiftTime(u unit, v []byte, delta int64) {
	switch {
	case u == none:
	case u == millis && len(v) == 8:
		if t := binary.BigEndian.Uint64(v); t != 0 {
			binary.BigEndian.PutUint64(v, t+uint64(delta*1000))
		}
	case u == seconds && len(v) == 4, u == ntp && len(v) == 8:
		if t := binary.BigEndian.Uint32(v); t != 0 {
			binary.BigEndian.PutUint32(v, t+uint32(delta))
		}
	}
}

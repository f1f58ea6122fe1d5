package explain

import (
	"encoding/binary"

	"github.com/weirflow/weir/shared/decode"
	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/packet"
	"github.com/weirflow/weir/shared/sflow"
)

// A sampled is what a decoder knows of a flow sample when all its records are
// read.
type sampled struct {
	socket    *Node // of the first record of a socket
	six       bool
	described bool // another record has described a packet
	header    bool // a sampled header is there
}

// flowRecord explains a record of a flow sample, and returns false if it is cut
// short.
func (r *reader) flowRecord(i uint32, s *sampled) bool {
	return r.record(i, flowNames, func(format uint32) {
		record, v := r.on, r.d[r.at:r.end]
		bad := brokenRecord(format, v)
		f, known := sflow.Flows[format]
		if known {
			record.Ref = f.Ref
		}
		whole := true
		switch {
		case !known:
			r.rest("flow_data", "weir doesn't know this format")
		case format == sflow.SampledHeader:
			whole = r.sampledHeader(s)
		default:
			_, whole = r.members(f.Fields)
		}
		switch {
		case bad:
			r.missing(decode.ErrRecord, "octets", "the record is not what its format says: it is kept as it came", f.Ref)
		case !whole:
			r.cutShort()
		}
		if bad {
			return
		}
		switch format {
		case sflow.SampledEthernet, sflow.SampledIPv4, sflow.SampledIPv6:
			s.described = true
		case sflow.SocketIPv4, sflow.SocketIPv6:
			if s.socket == nil {
				s.socket, s.six = record, format == sflow.SocketIPv6
			}
		}
	})
}

// brokenRecord tells whether a decoder faults the record v: it looks only at
// what it needs.
func brokenRecord(format uint32, v []byte) bool {
	n := 0
	switch format {
	case sflow.SampledHeader, sflow.ExtendedSwitch:
		return len(v) < 16
	case sflow.SampledEthernet:
		return len(v) < 24
	case sflow.SampledIPv4:
		return len(v) < 32
	case sflow.SampledIPv6:
		return len(v) < 56
	case sflow.ExtendedNATPort:
		return len(v) < 8
	case sflow.ExtendedRouter:
		n = typedLength(v)
		return n == 0 || len(v) < n+8
	case sflow.ExtendedGateway:
		return brokenGateway(v)
	case sflow.ExtendedUser:
		return len(v) < 8 || uint64(len(v)) < 16+(uint64(binary.BigEndian.Uint32(v[4:]))+3)&^3
	case sflow.ExtendedMPLS:
		n = typedLength(v)
		return n == 0 || len(v) < n+4 || uint64(binary.BigEndian.Uint32(v[n:]))*4 > uint64(len(v)-n-4)
	case sflow.ExtendedNAT:
		n = typedLength(v)
		return n == 0 || typedLength(v[n:]) == 0
	}
	return false
}

func brokenGateway(v []byte) bool {
	n := typedLength(v)
	if n == 0 || len(v) < n+16 {
		return true
	}
	segments := binary.BigEndian.Uint32(v[n+12:])
	v = v[n+16:]
	for ; segments > 0; segments-- {
		if len(v) < 8 {
			return true
		}
		size := uint64(binary.BigEndian.Uint32(v[4:])) * 4
		if v = v[8:]; size > uint64(len(v)) {
			return true
		}
		v = v[size:]
	}
	return false
}

// typedLength returns the octets of an address with its type, 0 if it is not
// there.
func typedLength(v []byte) int {
	if len(v) < 4 {
		return 0
	}
	n := map[uint32]int{0: 4, 1: 8, 2: 20}[binary.BigEndian.Uint32(v)]
	if n > len(v) {
		return 0
	}
	return n
}

// sampledHeader explains the header of a sampled packet, and returns false if it
// is cut short.
func (r *reader) sampledHeader(s *sampled) bool {
	at, ok := r.members("header_protocol:protocol frame_length stripped header_length")
	if !ok {
		return false
	}
	protocol, size := binary.BigEndian.Uint32(r.d[at:]), binary.BigEndian.Uint32(r.d[r.at-4:])
	n := min(uint64(size), uint64(r.left()))
	if n < uint64(size) {
		r.on.Children[len(r.on.Children)-1].note("the record has less")
	}
	header := r.leaf(int(n), "header")
	if !s.header {
		s.header = true
		s.described = s.described || describes(protocol, r.octets(header))
	}
	if n > 0 {
		r.within(header, func() {
			switch protocol {
			case 1:
				r.ethernet()
			case 7, 14:
				r.ppp()
			case 11, 12:
				r.ip()
			case 13:
				r.mpls()
			default:
				r.rest("octets", "a link that weir doesn't read")
			}
		})
	}
	if pad := min(-int(n)&3, r.left()); pad > 0 {
		r.padding(r.leaf(pad, "padding"))
	}
	return true
}

// describes tells whether a sampled header fills the columns of a packet, so
// that the record of a socket has nothing to say.
func describes(protocol uint32, header []byte) bool {
	var f flow.Flow
	switch protocol {
	case 1:
		packet.Ethernet(&f, header, packet.Options{})
	case 7, 14:
		packet.PPP(&f, header, packet.Options{})
	case 11, 12:
		packet.IP(&f, header, packet.Options{})
	case 13:
		packet.MPLS(&f, header, packet.Options{})
	}
	return f.Set.Has(flow.FieldSrcAddr) || f.Set.Has(flow.FieldEtherType)
}

// socket faults the record of a socket that is cut short where a decoder would
// have read it: where no other record describes a packet.
func (r *reader) socket(s *sampled) {
	if s.socket == nil || s.described {
		return
	}
	least := 20
	if s.six {
		least = 44
	}
	if s.socket.Length-8 < least {
		r.fault(s.socket, decode.ErrRecord, "the record is not what its format says: it is kept as it came", s.socket.Ref)
	}
}

package decode

import (
	"encoding/binary"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/packet"
	"github.com/weirflow/weir/shared/sflow"
)

// Most flow samples are alike: a sampled Ethernet header, and at most one record
// each of switch, router and gateway. They are read here in a straight line, for
// half of what sample takes. What is unusual in any way is left to sample; what
// both read, they read alike.

// The columns of records as numbers: they go into a Set as constants.
const (
	switchColumns  = 1<<flow.FieldSrcVLAN | 1<<flow.FieldDstVLAN
	routerColumns  = 1<<flow.FieldNextHop | 1<<flow.FieldSrcMask | 1<<flow.FieldDstMask
	gatewayColumns = 1<<flow.FieldBGPNextHop | 1<<flow.FieldSrcAS | 1<<flow.FieldDstAS

	low = 1<<64 - 1 // the columns of a Set's first word
)

func add(s *flow.Set, lo, hi uint64) {
	s[0] |= lo
	s[1] |= hi
}

// usual enters a usual flow sample into f, which is all zeros. It returns false
// if the sample is not usual: nothing has been counted then, and f and extras of
// it that are in the arena are of no use.
//
// Slices have no more room than octets, and a record of a constant length needs
// no look at its length to go on to the next: both save a good part of the time.
func (d *Decoder) usual(b *flow.Batch, f *flow.Flow, r []byte, format uint32) bool {
	var source, rate, inFormat, in, outFormat, out, n uint32
	switch {
	case format == flowSample && len(r) >= compactHead:
		h := (*[compactHead]byte)(r)
		source, rate = binary.BigEndian.Uint32(h[4:]), binary.BigEndian.Uint32(h[8:])
		if h[4] != 0 {
			source = 0
		}
		in, out = binary.BigEndian.Uint32(h[20:]), binary.BigEndian.Uint32(h[24:])
		inFormat, in, outFormat, out = in>>30, in&deviceItself, out>>30, out&deviceItself
		n, r = binary.BigEndian.Uint32(h[28:]), r[compactHead:len(r):len(r)]
	case format == flowSampleExpanded && len(r) >= expandedHead:
		h := (*[expandedHead]byte)(r)
		inFormat, in = binary.BigEndian.Uint32(h[24:]), binary.BigEndian.Uint32(h[28:])
		outFormat, out = binary.BigEndian.Uint32(h[32:]), binary.BigEndian.Uint32(h[36:])
		source, rate = binary.BigEndian.Uint32(h[8:]), binary.BigEndian.Uint32(h[12:])
		if binary.BigEndian.Uint32(h[4:]) != 0 {
			source = 0
		}
		n, r = binary.BigEndian.Uint32(h[40:]), r[expandedHead:len(r):len(r)]
	default:
		return false
	}
	if d.SFlow.KeepHeaders {
		return false
	}

	p := &d.row[0] // copied word by word, as it was written
	f.Set[0], f.Set[1] = p.Set[0], p.Set[1]
	f.Start, f.End, f.Received = p.Received, p.Received, p.Received
	f.Packets, f.Version, f.Domain = p.Packets, p.Version, p.Domain
	f.Exporter = p.Exporter
	f.Sender = p.Sender
	if inFormat|outFormat != 0 || in >= deviceItself || out >= deviceItself { // perhaps no ifIndex
		d.ordinals.sample++
		k := d.output(b, f, d.input(b, f, kept{}, inFormat, in), outFormat, out)
		f.SetExtra(k.off, k.n)
		in, out = f.InIf, f.OutIf
	}
	if in != 0 {
		f.InIf = in
		add(&f.Set, 1<<flow.FieldInIf&low, 1<<flow.FieldInIf>>64)
	}
	if out != 0 {
		f.OutIf = out
		add(&f.Set, 1<<flow.FieldOutIf&low, 1<<flow.FieldOutIf>>64)
	}
	if rate != 0 {
		f.SamplingRate = rate
		add(&f.Set, 1<<flow.FieldSamplingRate&low, 1<<flow.FieldSamplingRate>>64)
	}
	if source != 0 && in != out {
		if source == in {
			add(&f.Set, 1<<flow.FieldDirection&low, 1<<flow.FieldDirection>>64)
		} else if source == out {
			f.Direction = 1
			add(&f.Set, 1<<flow.FieldDirection&low, 1<<flow.FieldDirection>>64)
		}
	}

	var header, gateway []byte
	for ; n > 0; n-- {
		if len(r) < sflowTag+16 {
			return false
		}
		v := (*[sflowTag + 16]byte)(r)
		tag := binary.BigEndian.Uint64(v[:])
		switch tag {
		case sflow.ExtendedSwitch<<32 | 16:
			in, out := binary.BigEndian.Uint32(v[8:]), binary.BigEndian.Uint32(v[16:])
			if in|out >= 4096 || binary.BigEndian.Uint32(v[12:])|binary.BigEndian.Uint32(v[20:]) != 0 {
				return false
			}
			f.SrcVLAN, f.DstVLAN = uint16(in), uint16(out)
			add(&f.Set, switchColumns&low, switchColumns>>64)
			r = r[sflowTag+16:]
		case sflow.ExtendedRouter<<32 | 16: // its next hop is of IPv4
			if binary.BigEndian.Uint32(v[8:]) != 1 {
				return false
			}
			f.NextHop.SetIPv4(v[12:])
			f.SrcMask = uint8(min(binary.BigEndian.Uint32(v[16:]), 255))
			f.DstMask = uint8(min(binary.BigEndian.Uint32(v[20:]), 255))
			add(&f.Set, routerColumns&low, routerColumns>>64)
			r = r[sflowTag+16:]
		default:
			size := tag&(1<<32-1) + sflowTag
			if size > uint64(len(r)) {
				return false
			}
			switch {
			case tag>>32 == sflow.SampledHeader && header == nil:
				header = r[sflowTag:size:size]
			case tag>>32 == sflow.ExtendedGateway && gateway == nil:
				gateway = r[sflowTag:size:size]
			case tag>>32 == sflow.ExtendedRouter: // it is of IPv6
				if enterRouter(f, r[sflowTag:size]) == broken {
					return false
				}
			default:
				return false
			}
			r = r[size:]
		}
	}
	return len(header) >= 16 && d.close(b, f, header, gateway)
}

// close enters the sampled header and the gateway's record, if there is one.
func (d *Decoder) close(b *flow.Batch, f *flow.Flow, header, gateway []byte) bool {
	h := (*[16]byte)(header)
	header = header[16:]
	frame, sampled := binary.BigEndian.Uint32(h[4:]), binary.BigEndian.Uint32(h[12:])
	if binary.BigEndian.Uint32(h[:]) != headerEthernet {
		return false
	}
	if uint64(sampled) < uint64(len(header)) {
		header = header[:sampled]
	}
	if gateway != nil {
		if len(gateway) < 32 {
			return false
		}
		g := (*[32]byte)(gateway)
		path := uint64(binary.BigEndian.Uint32(g[28:])) * 4
		// Its next hop is of IPv4 and the way has one segment, as most have.
		if binary.BigEndian.Uint32(g[:]) == 1 && binary.BigEndian.Uint32(g[20:]) == 1 && path != 0 && path <= uint64(len(gateway)-32) {
			f.BGPNextHop.SetIPv4(g[4:])
			f.SrcAS, f.DstAS = binary.BigEndian.Uint32(g[12:]), word(gateway, int(28+path))
			add(&f.Set, gatewayColumns&low, gatewayColumns>>64)
		} else if enterGateway(f, gateway) == broken {
			return false
		}
		off, buf := b.Arena(flow.ExtraHeader + len(gateway))
		flow.PutExtraHeader(buf, flow.Element{PEN: sflow.PEN, ID: sflow.ExtendedGateway}, uint16(len(gateway)))
		copy(buf[flow.ExtraHeader:], gateway)
		n := uint32(len(buf))
		if f.HasExtra() { // an interface
			at, before := f.ExtraAt()
			off, n = at, before+n
		}
		f.SetExtra(off, n)
	}
	said := packet.Ethernet(f, header, d.SFlow.Packet)
	if said.Bytes != 0 && frame != 0 {
		f.Bytes, f.L2Bytes = uint64(said.Bytes), uint64(frame)
	} else {
		volume(f, said.Bytes, 0, frame, binary.BigEndian.Uint32(h[8:]), 0)
	}
	if said.CustomerVLAN != 0 || said.Tunnel() != packet.NoTunnel {
		var k kept
		k.off, k.n = f.ExtraAt()
		if k = d.keepInfo(b, k, said); k.n != 0 {
			f.SetExtra(k.off, k.n)
		}
	}
	return true
}

// word reads the four octets of d at i.
func word(d []byte, i int) uint32 {
	_ = d[i+3]
	return uint32(d[i])<<24 | uint32(d[i+1])<<16 | uint32(d[i+2])<<8 | uint32(d[i+3])
}

package packet

import (
	"encoding/binary"

	"github.com/weirflow/weir/shared/flow"
)

var (
	macSet  = flow.SetOf(flow.FieldSrcMAC, flow.FieldDstMAC)
	typeSet = flow.SetOf(flow.FieldEtherType)
	vlanSet = flow.SetOf(flow.FieldSrcVLAN)
	mplsSet = flow.SetOf(flow.FieldMPLSLabel)
)

func isVLAN(typ uint16) bool { return typ == typeVLAN || typ == typeQinQ || typ == typeQOld }

// ethernet enters the header of a frame and returns what follows it.
func ethernet(f *flow.Flow, d []byte, in *Info) (typ uint16, rest []byte) {
	if len(d) < 14 {
		in.flags |= isShort
		if len(d) >= 12 {
			enterMACs(f, (*[12]byte)(d))
		}
		return 0, nil
	}
	enterMACs(f, (*[12]byte)(d))
	typ, d = binary.BigEndian.Uint16(d[12:]), d[14:]
	for tags := 0; isVLAN(typ); tags++ {
		if len(d) < 4 {
			in.flags |= isShort
			return 0, nil
		}
		id := binary.BigEndian.Uint16(d) & 0xfff
		switch {
		case tags == 1:
			in.CustomerVLAN = id
		case tags == 0 && f.SrcVLAN == 0:
			f.SrcVLAN = id
			f.Set.AddAll(&vlanSet)
		}
		typ, d = binary.BigEndian.Uint16(d[2:]), d[4:]
	}
	if typ < minType {
		if typ, d = snap(d); d == nil {
			return 0, nil
		}
	}
	f.EtherType = typ
	f.Set.AddAll(&typeSet)
	return typ, d
}

// minType is the least EtherType: what is below is the length of an 802.3 frame.
const minType = 0x600

// snap returns what a frame of 802.3 carries, if it says so in SNAP of no
// organisation; nil if not.
func snap(d []byte) (typ uint16, rest []byte) {
	if len(d) < 8 || [6]byte(d) != [6]byte{0xaa, 0xaa, 3} {
		return 0, nil
	}
	return binary.BigEndian.Uint16(d[6:]), d[8:]
}

func enterMACs(f *flow.Flow, d *[12]byte) {
	f.DstMAC = flow.MAC(binary.BigEndian.Uint64(d[:]) >> 16)
	f.SrcMAC = flow.MAC(binary.BigEndian.Uint64(d[4:]) & (1<<48 - 1))
	f.Set.AddAll(&macSet)
}

// mpls enters the top of a label stack and returns what is below its bottom,
// which has no type: its first four bits tell IP from others (RFC 4928 §3).
func mpls(f *flow.Flow, d []byte, in *Info) (typ uint16, rest []byte) {
	if len(d) >= 4 && !f.Set.Has(flow.FieldMPLSLabel) {
		f.MPLSLabel = binary.BigEndian.Uint32(d) >> 8
		f.Set.AddAll(&mplsSet)
	}
	for len(d) >= 4 {
		bottom := d[2]&1 != 0
		d = d[4:]
		if bottom {
			return version(d), d
		}
	}
	in.flags |= isShort
	return 0, nil
}

// pppoe returns what a PPPoE session carries (RFC 2516 §4).
func pppoe(d []byte, in *Info) (typ uint16, rest []byte) {
	if len(d) < 6 {
		in.flags |= isShort
		return 0, nil
	}
	if d[0] != 0x11 || d[1] != 0 {
		return 0, nil
	}
	return ppp(d[6:], in)
}

func ppp(d []byte, in *Info) (typ uint16, rest []byte) {
	if len(d) < 2 {
		in.flags |= isShort
		return 0, nil
	}
	switch binary.BigEndian.Uint16(d) {
	case 0x0021:
		typ = typeIPv4
	case 0x0057:
		typ = typeIPv6
	case 0x0281:
		typ = typeMPLS
	}
	return typ, d[2:]
}

package encode

import (
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"

	"github.com/weirflow/weir/shared/flow"
)

// A Community ID is a hash of a flow's ends and protocol that other tools make as
// well, the same for both directions (Community ID Flow Hashing, version 1, seed
// 0).

// communityLen is how long one is as text.
const communityLen = 2 + 28

// communityFields are what a flow must have to get one.
var communityFields = flow.SetOf(flow.FieldSrcAddr, flow.FieldDstAddr, flow.FieldProto)

// putCommunityID writes f's to dst.
func putCommunityID(dst *[communityLen]byte, f *flow.Flow) {
	src, dst4 := ends(&f.SrcAddr), ends(&f.DstAddr)
	a, b := f.SrcPort, f.DstPort
	ports, oneWay := true, false
	switch f.Proto {
	case 1, 58:
		a, b = f.ICMPType>>8, f.ICMPType&0xff
		if other, ok := icmpPair(f.Proto, a); ok {
			b = other
		} else {
			oneWay = true
		}
	case 6, 17, 132:
	default:
		ports = false
	}
	if order := bytes.Compare(src, dst4); !oneWay && (order > 0 || order == 0 && a > b) {
		src, dst4, a, b = dst4, src, b, a
	}
	var buf [2 + 32 + 2 + 4]byte
	d := append(append(append(buf[:2], src...), dst4...), f.Proto, 0)
	if ports {
		d = binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(d, a), b)
	}
	sum := sha1.Sum(d)
	copy(dst[:], "1:")
	base64.StdEncoding.Encode(dst[2:], sum[:])
}

// ends returns an address as it is on the wire.
func ends(a *flow.Addr) []byte {
	if a.Is4() {
		return a[12:]
	}
	return a[:]
}

// icmpPair returns the type of the answer to a message of ICMP or ICMPv6, which
// stands for the other port.
func icmpPair(proto uint8, kind uint16) (uint16, bool) {
	pairs := [][2]uint16{{0, 8}, {13, 14}, {15, 16}, {17, 18}, {10, 9}}
	if proto == 58 {
		pairs = [][2]uint16{{128, 129}, {133, 134}, {135, 136}, {130, 131}, {144, 145}, {139, 140}}
	}
	for _, p := range pairs {
		switch kind {
		case p[0]:
			return p[1], true
		case p[1]:
			return p[0], true
		}
	}
	return 0, false
}

package encode

import (
	"encoding/binary"
	"math"
	"slices"

	"github.com/weirflow/weir/shared/flow"
)

// AppendProtobuf appends f as a Record of flow.proto. A protobuf message doesn't
// say where it ends: in a stream, see [Delimit].
func AppendProtobuf(dst []byte, b *flow.Batch, f *flow.Flow) []byte {
	dst, from := openMessage(dst, 1)
	n := len(dst)
	dst = slices.Grow(dst, protobufRoom)
	n += putColumns(dst[n:cap(dst)], f)
	dst = dst[:n]
	if f.Set[0]&stringColumns[0]|f.Set[1]&stringColumns[1] != 0 {
		dst = appendStrings(dst, b, f)
	}
	if f.HasExtra() {
		var c flow.Cursor
		for x, v, ok := b.NextExtra(f, &c); ok; x, v, ok = b.NextExtra(f, &c) {
			dst = appendElementProtobuf(dst, extraNumber, x, v)
		}
	}
	if f.Marks != 0 {
		dst = appendField(dst, marksNumber, uint64(f.Marks))
	}
	return closeMessage(dst, from)
}

// AppendOptionProtobuf appends o as a Record of flow.proto.
func AppendOptionProtobuf(dst []byte, b *flow.Batch, o *flow.Option) []byte {
	dst, from := openMessage(dst, 2)
	dst = appendOrigin(dst, o.Received, &o.Exporter, &o.Sender, o.Domain)
	dst = appendField(dst, 5, uint64(o.Template))
	dst = appendField(dst, 6, uint64(o.Version))
	dst = appendField(dst, 7, uint64(o.Scopes))
	var c flow.Cursor
	for x, v, ok := b.NextField(o, &c); ok; x, v, ok = b.NextField(o, &c) {
		dst = appendElementProtobuf(dst, 8, x, v)
	}
	return closeMessage(dst, from)
}

// AppendCounterProtobuf appends c as a Record of flow.proto.
func AppendCounterProtobuf(dst []byte, b *flow.Batch, c *flow.Counter) []byte {
	dst, from := openMessage(dst, 3)
	dst = appendOrigin(dst, c.Received, &c.Exporter, &c.Sender, c.Domain)
	dst = appendField(dst, 5, uint64(c.Sequence))
	dst = appendField(dst, 6, uint64(c.Class))
	dst = appendField(dst, 7, uint64(c.Index))
	if c.HasInterface {
		var from int
		dst, from = openMessage(dst, 8)
		dst = appendInterface(dst, &c.Interface)
		dst = closeMessage(dst, from)
	}
	var at flow.Cursor
	for x, v, ok := b.NextRecord(c, &at); ok; x, v, ok = b.NextRecord(c, &at) {
		dst = appendElementProtobuf(dst, 9, x, v)
	}
	return closeMessage(dst, from)
}

// Delimit puts the length of what stands in dst behind from before it, as a
// varint: so messages follow one another in a stream.
func Delimit(dst []byte, from int) []byte {
	size := len(dst) - from
	n := varintLen(uint64(size))
	dst = slices.Grow(dst, n)[:len(dst)+n]
	copy(dst[from+n:], dst[from:from+size])
	putVarint(dst, from, uint64(size))
	return dst
}

// openMessage begins a message in a field; from is where its content will
// stand, if it has at least 128 octets and less than 16,384.
func openMessage(dst []byte, number int) (out []byte, from int) {
	dst = append(dst, byte(number<<3|2), 0, 0)
	return dst, len(dst)
}

// closeMessage puts the length before the message that openMessage has begun.
func closeMessage(dst []byte, from int) []byte {
	size := len(dst) - from
	if n := varintLen(uint64(size)); n != 2 {
		dst = slices.Grow(dst, n)[:from-2+n+size]
		copy(dst[from-2+n:], dst[from:from+size])
	}
	putVarint(dst, from-2, uint64(size))
	return dst
}

func varintLen(v uint64) int {
	n := 1
	for ; v >= 1<<7; v >>= 7 {
		n++
	}
	return n
}

// putVarint writes v to buf at n and returns the n behind it.
func putVarint(buf []byte, n int, v uint64) int {
	for v >= 1<<7 {
		buf[n] = byte(v) | 1<<7
		v >>= 7
		n++
	}
	buf[n] = byte(v)
	return n + 1
}

// appendField appends a number in a field; 0 is left out, as it goes without
// saying.
func appendField(dst []byte, number int, v uint64) []byte {
	if v == 0 {
		return dst
	}
	return binary.AppendUvarint(binary.AppendUvarint(dst, uint64(number<<3)), v)
}

// putAddrOctets writes the octets of a, 4 or 16, with their number before them.
func putAddrOctets(buf []byte, n int, a *flow.Addr) int {
	if a.Is4() {
		buf[n] = 4
		copy(buf[n+1:n+5], a[12:])
		return n + 5
	}
	buf[n] = 16
	copy(buf[n+1:n+17], a[:])
	return n + 17
}

// putMACOctets writes the octets of m; it may write 2 more.
func putMACOctets(buf []byte, n int, m flow.MAC) int {
	buf[n] = 6
	binary.BigEndian.PutUint64(buf[n+1:], uint64(m)<<16)
	return n + 7
}

// appendString appends s with its length; octets that are not UTF-8, which
// protobuf doesn't allow, become U+FFFD.
func appendString(dst, s []byte) []byte {
	n := utf8Len(s)
	dst = binary.AppendUvarint(dst, uint64(n))
	at := len(dst)
	dst = slices.Grow(dst, n)[:at+n]
	putUTF8(dst[at:], s)
	return dst
}

func appendElementProtobuf(dst []byte, number int, x flow.Element, v []byte) []byte {
	size := 0
	for _, n := range [...]uint64{uint64(x.PEN), uint64(x.ID), uint64(x.Ord)} {
		if n != 0 {
			size += 1 + varintLen(n)
		}
	}
	size += 1 + varintLen(uint64(len(v))) + len(v)
	dst = binary.AppendUvarint(dst, uint64(number<<3|2))
	dst = binary.AppendUvarint(dst, uint64(size))
	dst = appendField(dst, 1, uint64(x.PEN))
	dst = appendField(dst, 2, uint64(x.ID))
	dst = appendField(dst, 3, uint64(x.Ord))
	dst = binary.AppendUvarint(append(dst, 4<<3|2), uint64(len(v)))
	return append(dst, v...)
}

// appendOrigin appends what options and counters begin with.
func appendOrigin(dst []byte, received int64, exporter, sender *flow.Addr, domain uint32) []byte {
	dst = binary.LittleEndian.AppendUint64(append(dst, 1<<3|1), uint64(received))
	for i, a := range [...]*flow.Addr{exporter, sender} {
		if *a != (flow.Addr{}) {
			var octets [17]byte
			dst = append(append(dst, byte((2+i)<<3|2)), octets[:putAddrOctets(octets[:], 0, a)]...)
		}
	}
	return appendField(dst, 4, uint64(domain))
}

// appendInterface appends the counters that the agent knows.
func appendInterface(dst []byte, i *flow.Interface) []byte {
	unknown := func(v uint32) uint64 {
		if v == math.MaxUint32 {
			return math.MaxUint64
		}
		return uint64(v)
	}
	for n, v := range [...]uint64{
		unknown(i.Index), unknown(i.Type), i.Speed, unknown(i.Direction), unknown(i.Status),
		i.InOctets, unknown(i.InUnicast), unknown(i.InMulticast), unknown(i.InBroadcast),
		unknown(i.InDiscards), unknown(i.InErrors), unknown(i.InUnknownProtos),
		i.OutOctets, unknown(i.OutUnicast), unknown(i.OutMulticast), unknown(i.OutBroadcast),
		unknown(i.OutDiscards), unknown(i.OutErrors), unknown(i.Promiscuous),
	} {
		if v != math.MaxUint64 {
			dst = binary.AppendUvarint(binary.AppendUvarint(dst, uint64((n+1)<<3)), v)
		}
	}
	return dst
}

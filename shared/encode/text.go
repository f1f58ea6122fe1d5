package encode

import (
	"encoding/binary"
	"strconv"

	"github.com/weirflow/weir/shared/flow"
)

// The put functions write to buf at n, where there is room, and return the n
// behind what they wrote.

// pairs holds "00" to "99".
var pairs = func() (t [200]byte) {
	for i := range 100 {
		t[2*i], t[2*i+1] = byte('0'+i/10), byte('0'+i%10)
	}
	return t
}()

// octets holds "0." to "255.", and their length less 1.
var octets = func() (t [256]struct{ text, n uint32 }) {
	for i := range t {
		var b [4]byte
		t[i].n = uint32(copy(b[:], strconv.Itoa(i)+".")) - 1
		t[i].text = binary.LittleEndian.Uint32(b[:])
	}
	return t
}()

func putAddr(buf []byte, n int, a *flow.Addr) int {
	if a.Is4() {
		return n + putIPv4((*[16]byte)(buf[n:]), binary.LittleEndian.Uint32(a[12:]))
	}
	return putIPv6(buf, n, a)
}

// putIPv4 writes the address whose octets v has, the first one lowest, and
// returns how long its text is. What it masks and adds tells the compiler that
// no bounds need to be checked.
func putIPv4(b *[16]byte, v uint32) int {
	o := &octets[uint8(v)]
	binary.LittleEndian.PutUint32(b[:], o.text)
	i := 1 + uint(o.n&3)
	o = &octets[uint8(v>>8)]
	binary.LittleEndian.PutUint32(b[i:], o.text)
	i += 1 + uint(o.n&3)
	o = &octets[uint8(v>>16)]
	binary.LittleEndian.PutUint32(b[i:], o.text)
	i += 1 + uint(o.n&3)
	o = &octets[v>>24]
	binary.LittleEndian.PutUint32(b[i:], o.text)
	return int(i + uint(o.n)) // without the last dot
}

// ipv4Len returns how long the text of the address is whose octets v has.
func ipv4Len(v uint32) uint32 {
	return 3 + octets[uint8(v)].n + octets[uint8(v>>8)].n + octets[uint8(v>>16)].n + octets[v>>24].n
}

// memoLen is room for an address as text, with a msgpack header.
const memoLen = 48

// An addrMemo is the text of an address that mostly is the one before.
type addrMemo struct {
	addr flow.Addr
	text [memoLen]byte
	n    int
}

func (m *addrMemo) put(buf []byte, n int, a *flow.Addr) int {
	if m.n == 0 || m.addr != *a {
		m.addr = *a
		m.n = putAddr(m.text[:], 0, a)
	}
	*(*[memoLen]byte)(buf[n:]) = m.text
	return n + m.n
}

func putIPv6(buf []byte, n int, a *flow.Addr) int {
	return len(a.Netip().AppendTo(buf[:n]))
}

func putUint(buf []byte, n int, v uint64) int {
	switch {
	case v < 10:
		buf[n] = byte('0' + v)
		return n + 1
	case v < 100:
		*(*[2]byte)(buf[n:]) = [2]byte(pairs[2*v:])
		return n + 2
	case v < 1000:
		put3(buf[n:], v)
		return n + 3
	case v < 10000:
		put4(buf[n:], v)
		return n + 4
	case v < 1e8:
		high := v / 10000
		n = putUint(buf, n, high)
		put4(buf[n:], v-high*10000)
		return n + 4
	}
	high := v / 1e8
	n = putUint(buf, n, high)
	v -= high * 1e8
	high = v / 10000
	put4(buf[n:], high)
	put4(buf[n+4:], v-high*10000)
	return n + 8
}

// put4 writes v, below 10,000, with four digits.
func put4(b []byte, v uint64) {
	_ = b[3]
	h := v / 100
	l := v - 100*h
	b[0], b[1], b[2], b[3] = pairs[2*h], pairs[2*h+1], pairs[2*l], pairs[2*l+1]
}

// put3 writes v, below 1000, with three digits.
func put3(b []byte, v uint64) {
	_ = b[2]
	h := v / 100
	p := 2 * (v - 100*h)
	b[0], b[1], b[2] = byte('0'+h), pairs[p], pairs[p+1]
}

const hexLower, hexUpper = "0123456789abcdef", "0123456789ABCDEF"

const macLen = len("00:00:5e:00:53:01")

func putMAC(b *[macLen]byte, m flow.MAC, sep byte, hex string) {
	for i := 0; i < macLen; i += 3 {
		x := uint8(m >> 40)
		b[i], b[i+1] = hex[x>>4], hex[x&15]
		if i+2 < macLen {
			b[i+2] = sep
		}
		m <<= 8
	}
}

// put writes the value as text without quotes: what isn't an address, a time,
// a number or a string of the batch.
func (v value) put(buf []byte, n int, f *flow.Flow) int {
	if v.how == asFamily {
		return n + copy(buf[n:], family(f.Addr(v.field).Is4()))
	}
	x := f.Uint(v.field)
	switch v.how {
	case asMAC:
		putMAC((*[macLen]byte)(buf[n:]), flow.MAC(x), ':', hexLower)
		return n + macLen
	case asDashedMAC:
		putMAC((*[macLen]byte)(buf[n:]), flow.MAC(x), '-', hexUpper)
		return n + macLen
	case asApp:
		n = putUint(buf, n, x>>56)
		buf[n] = ':'
		return putUint(buf, n+1, x&(1<<56-1))
	}
	return n + copy(buf[n:], shortText(v.how, uint8(x)))
}

// family is how an address's family is written.
func family(is4 bool) string {
	if is4 {
		return "ipv4"
	}
	return "ipv6"
}

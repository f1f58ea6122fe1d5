package encode

import (
	"encoding/binary"
	"math/bits"
	"strconv"
	"time"

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

// octets holds "0." to "255.", and the length.
var octets = func() (t [256]struct {
	text uint32
	n    int32
}) {
	for i := range t {
		var b [4]byte
		t[i].n = int32(copy(b[:], strconv.Itoa(i)+"."))
		t[i].text = binary.LittleEndian.Uint32(b[:])
	}
	return t
}()

func putAddr(buf []byte, n int, a *flow.Addr) int {
	if a.Is4() {
		return putIPv4(buf, n, a)
	}
	return putIPv6(buf, n, a)
}

func putIPv4(buf []byte, n int, a *flow.Addr) int {
	b := buf[n : n+16]
	o := &octets[a[12]]
	binary.LittleEndian.PutUint32(b, o.text)
	i := int(o.n)
	o = &octets[a[13]]
	binary.LittleEndian.PutUint32(b[i:], o.text)
	i += int(o.n)
	o = &octets[a[14]]
	binary.LittleEndian.PutUint32(b[i:], o.text)
	i += int(o.n)
	o = &octets[a[15]]
	binary.LittleEndian.PutUint32(b[i:], o.text)
	return n + i + int(o.n) - 1 // without the last dot
}

// An addrMemo writes an address that mostly is the one before.
type addrMemo struct {
	addr flow.Addr
	text [48]byte
	n    int
}

func (m *addrMemo) put(buf []byte, n int, a *flow.Addr) int {
	if m.n == 0 || m.addr != *a {
		m.addr = *a
		m.n = putAddr(m.text[:], 0, a)
	}
	*(*[48]byte)(buf[n:]) = m.text
	return n + m.n
}

func putIPv6(buf []byte, n int, a *flow.Addr) int {
	return len(a.Netip().AppendTo(buf[:n]))
}

var pow10 = [20]uint64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19}

// digits returns how many decimal digits v has.
func digits(v uint64) int {
	t := bits.Len64(v) * 1233 >> 12
	if t < 20 && v >= pow10[t] {
		t++
	}
	return max(t, 1)
}

func putUint(buf []byte, n int, v uint64) int {
	if v < 10 {
		buf[n] = byte('0' + v)
		return n + 1
	}
	end := n + digits(v)
	i := end
	for v >= 100 {
		q := v / 100
		r := (v - q*100) * 2
		v = q
		i -= 2
		buf[i+1], buf[i] = pairs[r+1], pairs[r]
	}
	if v >= 10 {
		buf[i-1], buf[i-2] = pairs[2*v+1], pairs[2*v]
	} else {
		buf[i-1] = byte('0' + v)
	}
	return end
}

// A clock writes times as RFC 3339 text and remembers the minutes that it wrote
// last: records that stand together have times that lie together.
type clock struct {
	last  int64 // the time in whole
	whole [32]byte
	n     int

	minute [16]int64
	text   [16][20]byte // 2026-11-24T01:02:
}

const minuteLen = 17

// minuteText returns the text of the minute that begins at Unix minute m.
func (c *clock) minuteText(m int64) *[20]byte {
	t := &c.text[m&15]
	if c.minute[m&15] != m || t[0] == 0 {
		c.minute[m&15] = m
		copy(t[:minuteLen], time.Unix(m*60, 0).UTC().Format("2006-01-02T15:04:"))
	}
	return t
}

// put writes t, Unix nanoseconds, with 3 digits of a second's fraction, or with
// 6 or 9 if t has them: 24 to 30 octets.
func (c *clock) put(buf []byte, n int, t int64) int {
	if t != c.last || c.n == 0 {
		c.last = t
		c.n = c.format(&c.whole, t)
	}
	*(*[32]byte)(buf[n:]) = c.whole
	return n + c.n
}

func (c *clock) format(b *[32]byte, t int64) int {
	sec := t / 1e9
	ns := t - sec*1e9
	if ns < 0 {
		sec, ns = sec-1, ns+1e9
	}
	min := sec / 60
	s := sec - min*60
	if s < 0 {
		min, s = min-1, s+60
	}
	*(*[20]byte)(b[:]) = *c.minuteText(min)
	*(*[2]byte)(b[17:]) = [2]byte(pairs[2*s:])
	b[19] = '.'
	ms := ns / 1e6
	b[20] = byte('0' + ms/100)
	*(*[2]byte)(b[21:]) = [2]byte(pairs[2*(ms%100):])
	end := 23
	if rest := ns - ms*1e6; rest != 0 {
		us := rest / 1e3
		b[23] = byte('0' + us/100)
		*(*[2]byte)(b[24:]) = [2]byte(pairs[2*(us%100):])
		end = 26
		if rest -= us * 1e3; rest != 0 {
			b[26] = byte('0' + rest/100)
			*(*[2]byte)(b[27:]) = [2]byte(pairs[2*(rest%100):])
			end = 29
		}
	}
	b[end] = 'Z'
	return end + 1
}

const hexLower, hexUpper = "0123456789abcdef", "0123456789ABCDEF"

func putMAC(buf []byte, n int, m flow.MAC, sep byte, hex string) int {
	var d [8]byte
	binary.BigEndian.PutUint64(d[:], uint64(m))
	for i, x := range d[2:] {
		if i > 0 {
			buf[n] = sep
			n++
		}
		buf[n], buf[n+1] = hex[x>>4], hex[x&15]
		n += 2
	}
	return n
}

// put writes the value as text without quotes: what isn't an address, a time,
// a number or a string of the batch.
func (v value) put(buf []byte, n int, f *flow.Flow) int {
	x := f.Uint(v.field)
	switch v.how {
	case asMAC:
		return putMAC(buf, n, flow.MAC(x), ':', hexLower)
	case asDashedMAC:
		return putMAC(buf, n, flow.MAC(x), '-', hexUpper)
	case asApp:
		n = putUint(buf, n, x>>56)
		buf[n] = ':'
		return putUint(buf, n+1, x&(1<<56-1))
	case asProto:
		if s := flow.ProtoName(uint8(x)); s != "" {
			return n + copy(buf[n:], s)
		}
	case asDirection:
		switch x {
		case 0:
			return n + copy(buf[n:], "inbound")
		case 1:
			return n + copy(buf[n:], "outbound")
		}
		return n + copy(buf[n:], "unknown")
	}
	return putUint(buf, n, x)
}

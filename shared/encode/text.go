package encode

import (
	"encoding/binary"
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

// A clock writes times and remembers the seconds that it wrote last: records
// that stand together have times that lie together.
type clock struct {
	seconds [256]second
	memo    [2]memo // by form: neighbours often have the same arrival

	arrived int64 // what stamp shows
	stamp   [24]byte
	whole   bool // to the millisecond
}

type second struct {
	unix int64
	ok   bool
	iso  [20]byte // 2026-11-24T01:02:03.
	dec  [20]byte // Unix seconds in decimal
	n    uint8    // digits in dec
}

type memo struct {
	t    int64
	text [32]byte
	n    int
}

// at returns the second that t, Unix nanoseconds, lies in, and the nanoseconds
// behind it.
func (c *clock) at(t int64) (*second, uint64) {
	sec := t / 1e9
	ns := t - sec*1e9
	if ns < 0 {
		sec, ns = sec-1, ns+1e9
	}
	s := &c.seconds[uint8(sec)]
	if s.unix != sec || !s.ok {
		s.unix, s.ok = sec, true
		copy(s.iso[:], time.Unix(sec, 0).UTC().Format("2006-01-02T15:04:05."))
		s.n = uint8(len(strconv.AppendInt(s.dec[:0], sec, 10)))
	}
	return s, uint64(ns)
}

// putMillis writes t as put does, if it has no more than milliseconds, in 24
// octets; else it returns false.
func (c *clock) putMillis(b *[24]byte, t int64) bool {
	s, ns := c.at(t)
	ms := ns / 1e6
	*(*[20]byte)(b[:]) = s.iso
	put3(b[20:], ms)
	b[23] = 'Z'
	return ns == ms*1e6
}

// arrival is putMillis for a time that mostly is the one before.
func (c *clock) arrival(b *[24]byte, t int64) bool {
	if t != c.arrived || c.stamp[0] == 0 {
		c.arrived = t
		c.whole = c.putMillis(&c.stamp, t)
	}
	*b = c.stamp
	return c.whole
}

// received writes the time of a column whose value is mostly the one before.
func (c *clock) received(buf []byte, n int, t int64, nanos bool) int {
	m := &c.memo[0]
	put := c.put
	if nanos {
		m, put = &c.memo[1], c.putNanos
	}
	if t != m.t || m.n == 0 {
		m.t = t
		m.n = put(m.text[:], 0, t)
	}
	*(*[32]byte)(buf[n:]) = m.text
	return n + m.n
}

// put writes t, Unix nanoseconds, as RFC 3339 text with 3 digits of a second's
// fraction, or with 6 or 9 if t has them: 24 to 30 octets.
func (c *clock) put(buf []byte, n int, t int64) int {
	s, ns := c.at(t)
	b := (*[32]byte)(buf[n:])
	*(*[20]byte)(b[:]) = s.iso
	ms := ns / 1e6
	put3(b[20:], ms)
	end := 23
	if rest := ns - ms*1e6; rest != 0 {
		us := rest / 1e3
		put3(b[23:], us)
		end = 26
		if rest -= us * 1e3; rest != 0 {
			put3(b[26:], rest)
			end = 29
		}
	}
	b[end] = 'Z'
	return n + end + 1
}

// putNanos writes t as a decimal number.
func (c *clock) putNanos(buf []byte, n int, t int64) int {
	if t < 1e9 {
		return n + len(strconv.AppendInt(buf[n:n], t, 10))
	}
	s, ns := c.at(t)
	b := (*[32]byte)(buf[n:])
	*(*[20]byte)(b[:]) = s.dec
	d := b[s.n : s.n+9]
	ms := ns / 1e6
	rest := ns - ms*1e6
	us := rest / 1e3
	put3(d, ms)
	put3(d[3:], us)
	put3(d[6:], rest-us*1e3)
	return n + int(s.n) + 9
}

// put3 writes v, below 1000, with three digits.
func put3(b []byte, v uint64) {
	_ = b[2]
	h := v / 100
	p := 2 * (v - 100*h)
	b[0], b[1], b[2] = byte('0'+h), pairs[p], pairs[p+1]
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
	}
	return n + copy(buf[n:], shortText(v.how, uint8(x)))
}

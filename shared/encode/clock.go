package encode

import (
	"encoding/binary"
	"strconv"
	"time"
)

// A clock writes times and remembers the minutes that it wrote last: records
// that stand together have times that lie together.
type clock struct {
	minutes [64]minute
	nanos   memo // the upper digits that putNanos wrote last
	arrived [2]memo
}

// A minute is the text of one, "2026-11-24T01:02"; all zero if it wasn't written
// yet.
type minute struct {
	unix int64 // minutes since 1970
	text [16]byte
}

// A memo is a number and its text.
type memo struct {
	t    int64
	text [32]byte
	n    int
}

// seconds holds ":00." to ":59.", millis "000Z" to "999Z".
var (
	seconds = [60]uint32(words(60, ":", 2, "."))
	millis  = [1000]uint32(words(1000, "", 3, "Z"))
)

// words returns the texts of the numbers below n, with that many digits and
// what stands before and behind them, as little-endian words.
func words(n int, before string, digits int, behind string) []uint32 {
	t := make([]uint32, n)
	for i := range t {
		number := strconv.Itoa(i + 1000)
		t[i] = binary.LittleEndian.Uint32([]byte(before + number[len(number)-digits:] + behind))
	}
	return t
}

// column writes times that are texts of n octets, and returns how many there are
// before the first that is not.
func (c *clock) column(dst []stamp, times []int64, n int) int {
	dst = dst[:len(times)]
	for i, t := range times {
		if i > 0 && t == times[i-1] {
			dst[i] = dst[i-1]
			continue
		}
		if n != stampLen || t < 0 {
			if c.put(dst[i][:], 0, t) != n {
				return i
			}
			continue
		}
		all := uint64(t) / 1e6
		if uint64(t) != all*1e6 {
			return i
		}
		unix := all / 60_000
		m := &c.minutes[unix%uint64(len(c.minutes))]
		if m.unix != int64(unix) || m.text[0] == 0 {
			m.set(int64(unix))
		}
		m.put((*[stampLen]byte)(dst[i][:]), all-unix*60_000)
	}
	return len(times)
}

// at returns the minute that t, Unix nanoseconds, lies in, the milliseconds
// behind it, and the nanoseconds behind those.
func (c *clock) at(t int64) (m *minute, ms, ns uint64) {
	all := t / 1e6
	rest := t - all*1e6
	if rest < 0 {
		all, rest = all-1, rest+1e6
	}
	unix := all / 60_000
	all -= unix * 60_000
	if all < 0 {
		unix, all = unix-1, all+60_000
	}
	m = &c.minutes[uint64(unix)%uint64(len(c.minutes))]
	if m.unix != unix || m.text[0] == 0 {
		m.set(unix)
	}
	return m, uint64(all), uint64(rest)
}

func (m *minute) set(unix int64) {
	m.unix = unix
	time.Unix(unix*60, 0).UTC().AppendFormat(m.text[:0], "2006-01-02T15:04")
}

const stampLen = len("2026-11-24T01:02:03.123Z")

// A stamp is the text of a time.
type stamp [32]byte

// put writes the minute m and the milliseconds behind it.
func (m *minute) put(b *[stampLen]byte, ms uint64) {
	s := ms / 1000
	*(*[16]byte)(b[:]) = m.text
	binary.LittleEndian.PutUint64(b[16:], uint64(seconds[s])|uint64(millis[ms-s*1000])<<32)
}

// put writes t as RFC 3339 text with 3 digits of a second's fraction, or with 6
// or 9 if t has them: 24 to 30 octets.
func (c *clock) put(buf []byte, n int, t int64) int {
	m, ms, ns := c.at(t)
	b := (*[32]byte)(buf[n:])
	m.put((*[stampLen]byte)(b[:]), ms)
	if ns == 0 {
		return n + stampLen
	}
	us := ns / 1e3
	put3(b[23:], us)
	end := 26
	if ns -= us * 1e3; ns != 0 {
		put3(b[26:], ns)
		end = 29
	}
	b[end] = 'Z'
	return n + end + 1
}

// arrival writes the time of a column whose value is mostly the one before, as
// text or as a number.
func (c *clock) arrival(buf []byte, n int, t int64, number bool) int {
	m := &c.arrived[0]
	put := c.put
	if number {
		m, put = &c.arrived[1], c.putNanos
	}
	if t != m.t || m.n == 0 {
		m.t = t
		m.n = put(m.text[:], 0, t)
	}
	*(*[32]byte)(buf[n:]) = m.text
	return n + m.n
}

// putNanos writes t as a decimal number. Its upper digits are mostly those of
// the time before.
func (c *clock) putNanos(buf []byte, n int, t int64) int {
	const low = 1e13 // nearly three hours
	if t < low {
		return n + len(strconv.AppendInt(buf[n:n], t, 10))
	}
	high := t / low
	m := &c.nanos
	if m.t != high {
		m.t = high
		m.n = putUint(m.text[:], 0, uint64(high))
	}
	b := (*[32]byte)(buf[n:])
	*(*[8]byte)(b[:]) = [8]byte(m.text[:])
	v := uint64(t - high*low)
	d := b[m.n : m.n+13]
	sec := v / 1e9
	put4(d, sec)
	v -= sec * 1e9
	ms := v / 1e6
	put3(d[4:], ms)
	v -= ms * 1e6
	us := v / 1e3
	put3(d[7:], us)
	put3(d[10:], v-us*1e3)
	return n + m.n + 13
}

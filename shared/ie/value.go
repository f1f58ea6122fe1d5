package ie

import (
	"encoding/binary"
	"encoding/hex"
	"math"
	"net/netip"
	"strconv"
	"time"
	"unicode"
	"unicode/utf8"
)

// AppendJSON appends the value v of type t to dst as one JSON value. v holds
// the octets of the wire, of any length; they are not kept.
//
//	integers        a number, for 1 to 8 octets
//	boolean         true for 1, false for 2; else as an integer
//	float           a number for 4 or 8 octets; "NaN", "+Inf", "-Inf"
//	macAddress      "00:00:5e:00:53:01"
//	ipv4Address     "192.0.2.1"
//	ipv6Address     "2001:db8::1"
//	string          trailing NULs cut; what isn't UTF-8 becomes U+FFFD
//	dateTime…       "2026-11-24T01:02:03.123Z": UTC with 0, 3, 6 or 9 digits
//	                of a second, as the type's name says
//	lists           {"semantic":"allOf","elements":[{"userName":"joe"}]}, from
//	                the form that ReadList reads
//	all else        octets as a string, "0x0a1b"
//
// All else is octetArray, a length that the type can't have, a list that is not
// of that form, and a date after the year 9999.
//
// The texts are those of RFC 7373 §4, but for two things that JSON wants: "0x"
// tells octets from a text of digits, and the Z says that a time is UTC, which
// the RFC takes for granted.
func AppendJSON(dst []byte, t Type, v []byte) []byte {
	switch t {
	case Unsigned8, Unsigned16, Unsigned32, Unsigned64, Unsigned256:
		if isInt(v) {
			return strconv.AppendUint(dst, unsigned(v), 10)
		}
	case Signed8, Signed16, Signed32, Signed64:
		if isInt(v) {
			return strconv.AppendInt(dst, signed(v), 10)
		}
	case Boolean: // RFC 7011 §6.1.5
		switch {
		case len(v) == 1 && v[0] == 1:
			return append(dst, "true"...)
		case len(v) == 1 && v[0] == 2:
			return append(dst, "false"...)
		case isInt(v):
			return strconv.AppendUint(dst, unsigned(v), 10)
		}
	case Float32, Float64: // float64 may come reduced to float32
		switch len(v) {
		case 4:
			return appendFloat(dst, float64(math.Float32frombits(binary.BigEndian.Uint32(v))), 32)
		case 8:
			return appendFloat(dst, math.Float64frombits(binary.BigEndian.Uint64(v)), 64)
		}
	case MACAddress:
		if len(v) == 6 {
			return appendMAC(dst, v)
		}
	case IPv4Address:
		if len(v) == 4 {
			return appendAddr(dst, netip.AddrFrom4([4]byte(v)))
		}
	case IPv6Address:
		if len(v) == 16 {
			return appendAddr(dst, netip.AddrFrom16([16]byte(v)))
		}
	case String:
		return appendString(dst, v)
	case DateTimeSeconds, DateTimeMilliseconds, DateTimeMicroseconds, DateTimeNanoseconds:
		if x, layout, ok := dateTime(t, v); ok {
			return append(x.AppendFormat(append(dst, '"'), layout), '"')
		}
	case BasicList, SubTemplateList, SubTemplateMultiList:
		return appendList(dst, v, 0)
	}
	return appendHex(dst, v)
}

// NTP returns the Unix time, in nanoseconds, of an NTP timestamp: seconds since
// 1900 in the upper 32 bits, their fraction in the lower ones. The seconds
// overflow in 2036; as RFC 4330 §3 has it, those whose highest bit is clear are
// counted from there, so times lie between 1968 and 2104. Only 0, which NTP
// uses for "unknown", stays in 1900. The fraction is rounded, not cut:
// otherwise a time that the exporter had cut would lose a digit again.
func NTP(v uint64) int64 {
	const to1970 = 2_208_988_800 // seconds from 1900
	s := int64(v>>32) - to1970
	if v>>63 == 0 && v != 0 {
		s += 1 << 32
	}
	fraction := v & math.MaxUint32
	return s*1e9 + int64((fraction*1e9+1<<31)>>32)
}

func dateTime(t Type, v []byte) (x time.Time, layout string, ok bool) {
	switch {
	case t == DateTimeSeconds && len(v) == 4:
		x = time.Unix(int64(binary.BigEndian.Uint32(v)), 0)
		layout = "2006-01-02T15:04:05Z"
	case t == DateTimeMilliseconds && len(v) == 8:
		ms := binary.BigEndian.Uint64(v)
		if ms >= 253_402_300_800_000 { // the year 10000
			return x, "", false
		}
		x = time.UnixMilli(int64(ms))
		layout = "2006-01-02T15:04:05.000Z"
	case t == DateTimeMicroseconds && len(v) == 8:
		// The lower 11 bits of the fraction mean nothing (RFC 7011 §6.1.9).
		ns := NTP(binary.BigEndian.Uint64(v) &^ (1<<11 - 1))
		x = time.Unix(0, ns).Round(time.Microsecond)
		layout = "2006-01-02T15:04:05.000000Z"
	case t == DateTimeNanoseconds && len(v) == 8:
		x = time.Unix(0, NTP(binary.BigEndian.Uint64(v)))
		layout = "2006-01-02T15:04:05.000000000Z"
	default:
		return x, "", false
	}
	return x.UTC(), layout, true
}

// Unsigned reads an integer of 1 to 8 octets.
func Unsigned(v []byte) (uint64, bool) { return unsigned(v), isInt(v) }

// Signed reads a signed integer of 1 to 8 octets.
func Signed(v []byte) (int64, bool) {
	if !isInt(v) {
		return 0, false
	}
	return signed(v), true
}

// Float reads a number of 4 or 8 octets.
func Float(v []byte) (float64, bool) {
	switch len(v) {
	case 4:
		return float64(math.Float32frombits(binary.BigEndian.Uint32(v))), true
	case 8:
		return math.Float64frombits(binary.BigEndian.Uint64(v)), true
	}
	return 0, false
}

// Time reads a value of one of the dateTime types as Unix nanoseconds. A time
// after the year 2261 has none.
func Time(t Type, v []byte) (int64, bool) {
	x, _, ok := dateTime(t, v)
	if !ok || x.Year() > 2261 {
		return 0, false
	}
	return x.UnixNano(), true
}

func isInt(v []byte) bool { return len(v) >= 1 && len(v) <= 8 }

func unsigned(v []byte) (u uint64) {
	for _, c := range v {
		u = u<<8 | uint64(c)
	}
	return u
}

func signed(v []byte) int64 {
	unused := 64 - 8*len(v)
	return int64(unsigned(v)<<unused) >> unused
}

// appendFloat writes like encoding/json: an exponent only for what is very
// large or very small.
func appendFloat(dst []byte, f float64, bits int) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return append(strconv.AppendFloat(append(dst, '"'), f, 'g', -1, bits), '"')
	}
	format := byte('f')
	if a := math.Abs(f); a != 0 && (a < 1e-6 || a >= 1e21) {
		format = 'e'
	}
	return strconv.AppendFloat(dst, f, format, -1, bits)
}

func appendMAC(dst, v []byte) []byte {
	sep := byte('"')
	for _, c := range v {
		dst = append(dst, sep, digits[c>>4], digits[c&15])
		sep = ':'
	}
	return append(dst, '"')
}

func appendAddr(dst []byte, a netip.Addr) []byte {
	return append(a.AppendTo(append(dst, '"')), '"')
}

func appendHex(dst, v []byte) []byte {
	return append(hex.AppendEncode(append(dst, `"0x`...), v), '"')
}

const digits = "0123456789abcdef"

// appendString escapes all control characters, not only those that JSON wants:
// what an exporter sent may end up on a terminal.
func appendString(dst, v []byte) []byte {
	for len(v) > 0 && v[len(v)-1] == 0 {
		v = v[:len(v)-1]
	}
	dst = append(dst, '"')
	for len(v) > 0 {
		r, n := rune(v[0]), 1
		if r >= utf8.RuneSelf {
			r, n = utf8.DecodeRune(v)
		}
		v = v[n:]
		switch {
		case r == '"' || r == '\\':
			dst = append(dst, '\\', byte(r))
		case unicode.IsControl(r): // all of them are below U+00A0
			dst = append(dst, `\u00`...)
			dst = append(dst, digits[r>>4], digits[r&15])
		default:
			dst = utf8.AppendRune(dst, r)
		}
	}
	return append(dst, '"')
}

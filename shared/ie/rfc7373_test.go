package ie

import "testing"

// The text of RFC 7373 §4 and where it stands in JSON. The texts are those that
// two other readers print, who say that they follow it: CESNET's ipfixcol2
// (converters.h) and NetGauze. JSON changes what stands around them, never the
// text itself, but for what the comments say.
func TestRFC7373(t *testing.T) {
	f := func(typ Type, octets, text, before, behind string) {
		t.Helper()
		if got, want := string(AppendJSON(nil, typ, unhex(t, octets))), before+text+behind; got != want {
			t.Errorf("%s % s = %s; want %s", typ, octets, got, want)
		}
	}
	// §4.1, octetArray: a string of pairs of hexadecimal digits, one pair an
	// octet, in the order of the wire. JSON's strings have one type only: the 0x
	// tells octets from a text of digits. It stands as well before what doesn't
	// fit its type, which the RFC has no text for.
	f(OctetArray, "0a1bff", `0a1bff`, `"0x`, `"`)
	f(IPv4Address, "0a1bff", `0a1bff`, `"0x`, `"`)
	// §4.2 and §4.3, integers: JSON's numbers, of 64 bits at least.
	f(Unsigned8, "ff", `255`, ``, ``)
	f(Unsigned16, "ffff", `65535`, ``, ``)
	f(Unsigned32, "ffffffff", `4294967295`, ``, ``)
	f(Unsigned64, "ffffffffffffffff", `18446744073709551615`, ``, ``)
	f(Signed8, "80", `-128`, ``, ``)
	f(Signed16, "8000", `-32768`, ``, ``)
	f(Signed32, "80000000", `-2147483648`, ``, ``)
	f(Signed64, "8000000000000000", `-9223372036854775808`, ``, ``)
	// §4.4, floats: JSON's numbers. What isn't a number isn't one in JSON, and
	// becomes a string.
	f(Float32, "3fc00000", `1.5`, ``, ``)
	f(Float64, "c0091eb851eb851f", `-3.14`, ``, ``)
	f(Float64, "7ff8000000000000", `NaN`, `"`, `"`)
	f(Float64, "fff0000000000000", `-Inf`, `"`, `"`)
	// §4.5, boolean: the words that JSON has for it.
	f(Boolean, "01", `true`, ``, ``)
	f(Boolean, "02", `false`, ``, ``)
	// §4.6, macAddress: pairs of hexadecimal digits, colons between them.
	f(MACAddress, "000abce01234", `00:0a:bc:e0:12:34`, `"`, `"`)
	// §4.7, string: UTF-8, escaped as the format that it stands in wants it.
	f(String, "c3a974c3a9", `été`, `"`, `"`)
	f(String, "226f6e6522", `\"one\"`, `"`, `"`)
	// §4.8, the dateTimes: always UTC, fractions as the type has them. The RFC
	// leaves the time zone out; RFC 3339 §5.6, by which JSON's readers go, does
	// not: without the Z they would take it for local time.
	f(DateTimeSeconds, "576a48bb", `2016-06-22T08:13:47`, `"`, `Z"`)
	f(DateTimeMilliseconds, "00000155772c1af3", `2016-06-22T08:13:47.123`, `"`, `Z"`)
	f(DateTimeMicroseconds, "db14c73b 1f7ce800", `2016-06-22T08:13:47.123000`, `"`, `Z"`)
	f(DateTimeNanoseconds, "db14c73b 1f7ced96", `2016-06-22T08:13:47.123000001`, `"`, `Z"`)
	// §4.9 and §4.10, addresses: dotted, and RFC 5952.
	f(IPv4Address, "c0000201", `192.0.2.1`, `"`, `"`)
	f(IPv6Address, "20010db8000000000000000000000001", `2001:db8::1`, `"`, `"`)
}

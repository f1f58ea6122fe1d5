package ie

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"
)

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	v, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestNumbers(t *testing.T) {
	if v, ok := Unsigned([]byte{1, 2}); v != 0x102 || !ok {
		t.Errorf("unsigned: %d, %v", v, ok)
	}
	if v, ok := Signed([]byte{0xff, 0xfe}); v != -2 || !ok {
		t.Errorf("signed: %d, %v", v, ok)
	}
	if v, ok := Float([]byte{0x3f, 0, 0, 0}); v != 0.5 || !ok {
		t.Errorf("float32: %v, %v", v, ok)
	}
	if v, ok := Float([]byte{0xbf, 0xe0, 0, 0, 0, 0, 0, 0}); v != -0.5 || !ok {
		t.Errorf("float64: %v, %v", v, ok)
	}
	for _, n := range []int{0, 9, 16} {
		v := make([]byte, n)
		_, unsigned := Unsigned(v)
		_, signed := Signed(v)
		_, float := Float(v)
		if unsigned || signed || float {
			t.Errorf("%d octets are a number: %v, %v, %v", n, unsigned, signed, float)
		}
	}
	if v, ok := Time(DateTimeSeconds, []byte{0x6a, 0xe8, 0x5f, 0x52}); v != 1793613650e9 || !ok {
		t.Errorf("time: %d, %v", v, ok)
	}
	// 2262-01-01T00:00:00Z is the first that has none.
	if _, ok := Time(DateTimeMilliseconds, binary.BigEndian.AppendUint64(nil, 9214646400000-1)); !ok {
		t.Error("the last millisecond of 2261 is no time")
	}
	if _, ok := Time(DateTimeMilliseconds, binary.BigEndian.AppendUint64(nil, 9214646400000)); ok {
		t.Error("2262 is a time")
	}
	if _, ok := Time(DateTimeMilliseconds, []byte{1, 2, 3, 4}); ok {
		t.Error("4 octets are milliseconds")
	}
}

func TestAppendJSON(t *testing.T) {
	f := func(typ Type, octets, want string) {
		t.Helper()
		if got := string(AppendJSON([]byte("x "), typ, unhex(t, octets))); got != "x "+want {
			t.Errorf("%s % s = %s; want x %s", typ, octets, got, want)
		}
	}
	f(Unsigned8, "ff", `255`)
	f(Unsigned8, "0102", `258`)
	f(Unsigned64, "010000", `65536`)
	f(Unsigned64, "ffffffffffffffff", `18446744073709551615`)
	f(Unsigned64, "000000000000000001", `"0x000000000000000001"`)
	f(Unsigned256, "0000000000000007", `7`)
	f(Unsigned256, strings.Repeat("ab", 32), `"0x`+strings.Repeat("ab", 32)+`"`)
	f(Unsigned32, "", `"0x"`)
	f(Signed32, "ff", `-1`)
	f(Signed32, "80000000", `-2147483648`)
	f(Signed64, "7fffff", `8388607`)
	f(Signed64, "8000000000000000", `-9223372036854775808`)
	f(Signed8, "ffffffffffffffffff", `"0xffffffffffffffffff"`)

	f(Boolean, "01", `true`)
	f(Boolean, "02", `false`)
	f(Boolean, "00", `0`)
	f(Boolean, "0001", `1`)
	f(Boolean, "", `"0x"`)

	f(Float32, "3f800000", `1`)
	f(Float64, "3dcccccd", `0.1`) // reduced to float32
	f(Float64, "3fb999999999999a", `0.1`)
	f(Float64, "7fefffffffffffff", `1.7976931348623157e+308`)
	f(Float64, "412e848000000000", `1000000`)
	f(Float64, "8000000000000000", `-0`)
	f(Float32, "7fc00000", `"NaN"`)
	f(Float64, "7ff0000000000000", `"+Inf"`)
	f(Float32, "ff800000", `"-Inf"`)
	f(Float32, "3f80", `"0x3f80"`)

	f(MACAddress, "00005e00530f", `"00:00:5e:00:53:0f"`)
	f(MACAddress, "00005e0053", `"0x00005e0053"`)
	f(IPv4Address, "c0000201", `"192.0.2.1"`)
	f(IPv4Address, "c00002", `"0xc00002"`)
	f(IPv6Address, "20010db8000000000000000000000001", `"2001:db8::1"`)
	f(IPv6Address, "00000000000000000000ffffc0000201", `"::ffff:192.0.2.1"`)
	f(IPv6Address, "c0000201", `"0xc0000201"`)

	f(String, "", `""`)
	f(String, "0000", `""`)
	f(String, "65746830 0000", `"eth0"`)
	f(String, "61006200", `"a\u0000b"`)
	f(String, "22 5c 0a 1b 7f", `"\"\\\u000a\u001b\u007f"`)
	f(String, "c3a9 e282ac f09f9880 c285", `"é€😀\u0085"`)
	f(String, "ff 61 c3", `"�a�"`)
	f(String, "eda080", `"���"`) // a surrogate

	f(DateTimeSeconds, "6923d22d", `"2025-11-24T03:34:05Z"`)
	f(DateTimeSeconds, "ffffffff", `"2106-02-07T06:28:15Z"`)
	f(DateTimeSeconds, "00006923d22d", `"0x00006923d22d"`)
	f(DateTimeMilliseconds, "0000000000000000", `"1970-01-01T00:00:00.000Z"`)
	f(DateTimeMilliseconds, "0000e677d21fdbff", `"9999-12-31T23:59:59.999Z"`)
	f(DateTimeMilliseconds, "0000e677d21fdc00", `"0x0000e677d21fdc00"`)
	f(DateTimeMilliseconds, "6923d22d", `"0x6923d22d"`)
	f(DateTimeMicroseconds, "00000000 00000000", `"1900-01-01T00:00:00.000000Z"`)
	f(DateTimeMicroseconds, "83aa7e80 00000000", `"1970-01-01T00:00:00.000000Z"`)
	f(DateTimeMicroseconds, "83aa7e80 800007ff", `"1970-01-01T00:00:00.500000Z"`)
	f(DateTimeMicroseconds, "83aa7e80 ffffffff", `"1970-01-01T00:00:01.000000Z"`)
	f(DateTimeNanoseconds, "83aa7e80 80000000", `"1970-01-01T00:00:00.500000000Z"`)
	f(DateTimeNanoseconds, "83aa7e80 00000005", `"1970-01-01T00:00:00.000000001Z"`)
	f(DateTimeNanoseconds, "ffffffff 00000000", `"2036-02-07T06:28:15.000000000Z"`)
	f(DateTimeNanoseconds, "00000001 00000000", `"2036-02-07T06:28:17.000000000Z"`)
	f(DateTimeNanoseconds, "83aa7e80", `"0x83aa7e80"`)

	f(OctetArray, "", `"0x"`)
	f(OctetArray, "0A1b", `"0x0a1b"`)
	f(BasicList, "ff0007", `"0xff0007"`)
	f(SubTemplateMultiList, "ff", `"0xff"`)
	f(Type(200), "01", `"0x01"`)
}

// A time that the exporter cut to the format's precision comes back whole.
func TestNTP(t *testing.T) {
	const to1970 = 2_208_988_800
	base := time.Date(2026, 11, 24, 1, 2, 3, 0, time.UTC)
	for ns := int64(0); ns < 1e9; ns += 999_983 {
		s := uint64(base.Unix()+to1970) << 32
		v := s | uint64(ns)<<32/1e9
		if got, want := NTP(v), base.UnixNano()+ns; got != want {
			t.Fatalf("NTP(%#x) = %d; want %d", v, got, want)
		}
		us := ns / 1000
		raw := binary.BigEndian.AppendUint64(nil, s|uint64(us)<<32/1e6&^(1<<11-1))
		want := base.Add(time.Duration(us) * time.Microsecond).Format(`"2006-01-02T15:04:05.000000Z"`)
		if got := string(AppendJSON(nil, DateTimeMicroseconds, raw)); got != want {
			t.Fatalf("%x = %s; want %s", raw, got, want)
		}
	}
}

func TestAppendJSONAllocs(t *testing.T) {
	dst := make([]byte, 0, 512)
	v := bytes.Repeat([]byte{0x83, 0xe9, 0x22, 0x0a}, 8)
	if n := testing.AllocsPerRun(100, func() {
		for typ := range Unsigned256 + 2 {
			for n := range len(v) + 1 {
				AppendJSON(dst, typ, v[:n])
			}
		}
	}); n != 0 {
		t.Errorf("%v allocations; want 0", n)
	}
}

func FuzzAppendJSON(f *testing.F) {
	for typ := range Unsigned256 + 2 {
		for _, n := range []int{0, 1, 2, 4, 6, 8, 9, 16} {
			f.Add(uint8(typ), bytes.Repeat([]byte{0xff}, n))
			f.Add(uint8(typ), bytes.Repeat([]byte{0x00}, n))
		}
	}
	f.Add(uint8(BasicList), []byte("\x01\x00\x00\x00\xd5\xd5\xd5\xd5\xd5\xff\xff"))
	f.Add(uint8(String), []byte("\"\\\x00\x1f\u2028\xed\xa0\x80\xf4\x90\x80\x80"))
	f.Fuzz(func(t *testing.T, typ uint8, v []byte) {
		before := bytes.Clone(v)
		out := AppendJSON(nil, Type(typ), v)
		if !json.Valid(out) {
			t.Fatalf("%s %x: not JSON: %q", Type(typ), v, out)
		}
		if !bytes.Equal(v, before) {
			t.Fatalf("%s %x: input changed to %x", Type(typ), before, v)
		}
		if list := Type(typ).IsList() && out[0] == '{'; out[0] != '"' && len(v) > 8 && !list {
			t.Fatalf("%s %x: %q; want a string", Type(typ), v, out)
		}
		// What JSON reads back is what the slow way makes of v.
		switch Type(typ) {
		case String:
			var got string
			if err := json.Unmarshal(out, &got); err != nil {
				t.Fatal(err)
			}
			if want := string([]rune(strings.TrimRight(string(v), "\x00"))); got != want {
				t.Fatalf("%q reads back as %q; want %q", v, got, want)
			}
		case Float64:
			var got float64
			if len(v) == 8 && out[0] != '"' {
				if err := json.Unmarshal(out, &got); err != nil {
					t.Fatal(err)
				}
				if want := math.Float64frombits(binary.BigEndian.Uint64(v)); got != want {
					t.Fatalf("%x reads back as %v; want %v", v, got, want)
				}
			}
		}
	})
}

func BenchmarkAppendJSON(b *testing.B) {
	dst := make([]byte, 0, 128)
	for _, x := range []struct {
		t Type
		v []byte
	}{
		{Unsigned64, make([]byte, 8)},
		{IPv4Address, []byte{192, 0, 2, 1}},
		{String, []byte("GigabitEthernet0/0/0")},
		{DateTimeMilliseconds, []byte{0, 0, 1, 0x93, 0, 0, 0, 0}},
	} {
		b.Run(x.t.String(), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				AppendJSON(dst, x.t, x.v)
			}
		})
	}
}

package enrich

import (
	"math/bits"
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/weirflow/weir/shared/flow"
)

// sampleKey is that of the sample trace in the authors' own distribution.
var sampleKey = []byte{
	21, 34, 23, 141, 51, 164, 207, 128, 19, 10, 91, 22, 73, 144, 125, 16,
	216, 152, 143, 131, 121, 121, 101, 39, 98, 87, 76, 45, 42, 132, 34, 2,
}

func sampleVeil(t *testing.T) *veil {
	t.Helper()
	c, err := newCryptopan(sampleKey)
	if err != nil {
		t.Fatal(err)
	}
	return c.veil()
}

// IPv4 is of the sample trace; of IPv6, which it lacks, several other
// implementations agree on these.
func TestCryptopan(t *testing.T) {
	v := sampleVeil(t)
	f := func(in, want string) {
		t.Helper()
		a := flow.AddrFrom(netip.MustParseAddr(in))
		for range 2 { // found, and remembered
			b := a
			if v.hide(&b); b.Netip() != netip.MustParseAddr(want) {
				t.Errorf("%s became %s, want %s", in, b, want)
			}
		}
	}
	f("128.11.68.132", "135.242.180.132")
	f("129.118.74.4", "134.136.186.123")
	f("130.132.252.244", "133.68.164.234")
	f("141.223.7.43", "141.167.8.160")
	f("141.233.145.108", "141.129.237.235")
	f("152.163.225.39", "151.140.114.167")
	f("156.29.3.236", "147.225.12.42")
	f("165.247.96.84", "162.9.99.234")
	f("166.107.77.190", "160.132.178.185")
	f("192.102.249.13", "252.138.62.131")
	f("192.215.32.125", "252.43.47.189")
	f("195.205.63.100", "255.186.223.5")
	f("199.217.79.101", "248.38.184.213")
	f("24.94.26.44", "100.88.228.35")
	f("38.15.67.68", "64.3.66.187")
	f("64.39.15.238", "0.219.7.41")
	f("10.185.25.118", "117.161.29.118")
	f("::1", "78ff:f001:9fc0:20df:8380:b1f1:704:ed")
	f("::2", "78ff:f001:9fc0:20df:8380:b1f1:704:ef")
	f("::ffff", "78ff:f001:9fc0:20df:8380:b1f1:704:f838")
	f("2001:db8::1", "4401:2bc:603f:d91d:27f:ff8e:e6f1:dc1e")
	f("2001:db8::2", "4401:2bc:603f:d91d:27f:ff8e:e6f1:dc1c")
}

// common returns how many leading bits two addresses share.
func common(a, b flow.Addr) int {
	for i := range a {
		if x := a[i] ^ b[i]; x != 0 {
			return 8*i + bits.LeadingZeros8(x)
		}
	}
	return 128
}

// Two addresses share as many leading bits hidden as they did before.
func TestCryptopanKeepsPrefixes(t *testing.T) {
	v := sampleVeil(t)
	rnd := rand.New(rand.NewPCG(5, 5))
	for _, four := range []bool{true, false} {
		for range 3000 {
			var a flow.Addr
			least := 0
			for i := range a {
				a[i] = byte(rnd.Uint32())
			}
			if four {
				a.SetIPv4(a[12:])
				least = 96
			}
			b := a
			n := least + rnd.IntN(128-least)
			b[n/8] ^= 0x80 >> (n % 8) // differs there
			for i := n + 1; i < 128; i++ {
				b[i/8] ^= byte(rnd.IntN(2)) << (7 - i%8)
			}
			x, y := a, b
			v.hide(&x)
			v.hide(&y)
			if common(a, b) != n || common(x, y) != n || x.Is4() != four {
				t.Fatalf("%s and %s share %d bits, %s and %s %d", a, b, n, x, y, common(x, y))
			}
		}
	}
}

func TestTruncate(t *testing.T) {
	f := func(in string, n int, want string) {
		t.Helper()
		a := flow.AddrFrom(netip.MustParseAddr(in))
		if truncate(&a, n); a.Netip() != netip.MustParseAddr(want) {
			t.Errorf("%s cut to %d is %s, want %s", in, n, a, want)
		}
	}
	f("192.0.2.255", 96+24, "192.0.2.0")
	f("192.0.2.255", 96+25, "192.0.2.128")
	f("192.0.2.255", 96+32, "192.0.2.255")
	f("192.0.2.255", 96, "0.0.0.0")
	f("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", 48, "2001:db8:ffff::")
	f("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", 64, "2001:db8:ffff:ffff::")
	f("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", 65, "2001:db8:ffff:ffff:8000::")
	f("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", 0, "::")
	f("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", 128, "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff")
}

package erase

import (
	"net/netip"
	"testing"
)

func TestAddressInText(t *testing.T) {
	for _, c := range []struct {
		address, text string
		want          bool
	}{
		{"10.0.0.1", "10.0.0.1", true},
		{"10.0.0.1", "10.0.0.1:443", true},
		{"10.0.0.1", "It was 10.0.0.1.", true},
		{"10.0.0.1", "::ffff:10.0.0.1", true},
		{"10.0.0.1", "via 10.0.0.11, 10.0.0.1", true},
		{"10.0.0.1", "10.0.0.12", false},
		{"10.0.0.1", "110.0.0.1", false},
		{"10.0.0.1", "1.10.0.0.1", false},
		{"10.0.0.1", "10.0.0.1.9", false},
		{"2001:db8::1", "[2001:DB8::1]:443", true},
		{"2001:db8::1", "It was 2001:db8::1.", true},
		{"2001:db8::1", "2001:db8::1a", false},
		{"2001:db8::1", "2001:db8::1:2", false},
		{"2001:db8::1", "a2001:db8::1", false},
		{"2001:db8::1", "", false},
	} {
		if got := NewText(netip.MustParseAddr(c.address)).In([]byte(c.text)); got != c.want {
			t.Errorf("%s in %q: %t", c.address, c.text, got)
		}
	}
}

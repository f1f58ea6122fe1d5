package enrich

import (
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"strings"
)

// A Prefix is a network or, with all bits, one address. IPv4 is not in its
// mapped form.
type Prefix struct{ netip.Prefix }

// UnmarshalText reads "192.0.2.0/24" or "192.0.2.1". Bits behind the prefix are an
// error: one of the two was not meant.
func (p *Prefix) UnmarshalText(text []byte) error {
	s := string(text)
	if a, err := netip.ParseAddr(s); err == nil && a.Zone() == "" {
		a = a.Unmap()
		p.Prefix = netip.PrefixFrom(a, a.BitLen())
		return nil
	}
	n, err := netip.ParsePrefix(s)
	if err != nil || n.Addr().Is4In6() {
		return fmt.Errorf("%q is not understood: write an address or a prefix, as 192.0.2.1 or 2001:db8::/32", s)
	}
	if m := n.Masked(); m != n {
		return fmt.Errorf("%q has bits behind its prefix: write the network, %s, or the address, %s", s, m, n.Addr())
	}
	p.Prefix = n
	return nil
}

// String returns what UnmarshalText reads, "" for the zero Prefix.
func (p Prefix) String() string {
	switch {
	case !p.IsValid():
		return ""
	case p.IsSingleIP():
		return p.Addr().String()
	}
	return p.Prefix.String()
}

// MarshalText writes p as String does.
func (p Prefix) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// Sampling takes the place of what an exporter says of its sampling: the N of 1
// in N. 0 leaves what it says.
type Sampling uint32

// UnmarshalText reads "1000", or "scaled" for an exporter that multiplies by
// itself: for us it is unsampled.
func (s *Sampling) UnmarshalText(text []byte) error {
	if string(text) == "scaled" {
		*s = 1
		return nil
	}
	n, err := strconv.ParseUint(string(text), 10, 32)
	if err != nil || n == 0 {
		return fmt.Errorf("%q is not understood: write the N of 1 in N, as 1000, or scaled if the exporter multiplies by itself", text)
	}
	*s = Sampling(n)
	return nil
}

// Speed is in bits a second.
type Speed uint64

var speedUnits = []struct {
	suffix string
	factor float64
}{{"k", 1e3}, {"M", 1e6}, {"G", 1e9}, {"T", 1e12}, {"", 1}}

// UnmarshalText reads "10G", "2.5G", "100 Mbit/s" or "10000000000".
func (s *Speed) UnmarshalText(text []byte) error {
	t := strings.TrimSuffix(strings.TrimSuffix(string(text), "bit/s"), "bps")
	for _, u := range speedUnits {
		number, ok := strings.CutSuffix(t, u.suffix)
		if !ok {
			continue
		}
		n, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		if err != nil || !(n > 0 && n*u.factor < 1e18) {
			break
		}
		*s = Speed(math.Round(n * u.factor))
		return nil
	}
	return fmt.Errorf("%q is not understood: write bits a second, or a number with a unit, as 10G", text)
}

// kbits returns s as flow.Flow has it; a slower one than 1 kbit/s counts as that.
func (s Speed) kbits() uint32 {
	return uint32(min((s+999)/1000, math.MaxUint32))
}

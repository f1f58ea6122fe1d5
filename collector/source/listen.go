package source

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// A Listen says where exporters may send to, what, and who they may be. In YAML
// it is a map, or only its address, in which options may stand as in a URL:
// "udp://:6343?protocol=sflow&allow=192.0.2.0/24".
type Listen struct {
	Address  string    `yaml:"address"`  // udp://:2055, tcp://:4739, tls://:4740 or dtls://:4740; without a scheme it is UDP
	Protocol Protocols `yaml:"protocol"` // auto, or some of netflow, netflow1 to netflow9, ipfix and sflow; others are refused
	Workers  int       `yaml:"workers"`  // at most so many share the work; 0: one per CPU over UDP, else 1
	Allow    Prefixes  `yaml:"allow"`    // only exporters in these may send; empty: all
	Deny     Prefixes  `yaml:"deny"`     // exporters in these may not, whatever allow says
	Socket   string    `yaml:"socket"`   // the name of a socket from systemd (LISTEN_FDNAMES), in place of an address
	TLS      TLS       `yaml:"tls"`      // of tls:// and dtls://
}

// Listens are the listeners of a program.
type Listens []Listen

// ParseListens reads a listener from each text.
func ParseListens(texts ...string) (Listens, error) {
	var all Listens
	for _, t := range texts {
		l, err := ParseListen(t)
		if err != nil {
			return nil, err
		}
		all = append(all, l)
	}
	return all, nil
}

// SplitListens reads listeners from one text, with commas between them.
func SplitListens(text string) (Listens, error) {
	var texts []string
	for t := range strings.SplitSeq(text, ",") {
		if t = strings.TrimSpace(t); t != "" {
			texts = append(texts, t)
		}
	}
	return ParseListens(texts...)
}

// Addresses returns the listeners' addresses, as they were written.
func (all Listens) Addresses() []string {
	texts := make([]string, len(all))
	for i, l := range all {
		texts[i] = l.Address
	}
	return texts
}

// Validate says what is wrong with the listeners, each and together.
func (all Listens) Validate() error {
	if len(all) == 0 {
		return errors.New("listen is empty: write at least one address, as :2055")
	}
	seen := map[string]bool{"": true}
	for _, l := range all {
		if err := l.Validate(); err != nil {
			return err
		}
		key := l.Key()
		if key != "" && seen[key] {
			return fmt.Errorf("listen has %s twice: remove one", cmp.Or(l.HostPort(), key))
		}
		seen[key] = true
	}
	return nil
}

// MaxWorkers bounds Listen.Workers.
const MaxWorkers = 256

// ParseListen reads a listener from one text: an address, and options behind
// "?".
func ParseListen(text string) (Listen, error) {
	l := Listen{Address: text}
	address, query, ok := strings.Cut(text, "?")
	if ok {
		l.Address = address
		values, err := url.ParseQuery(query)
		if err != nil {
			return l, fmt.Errorf("listen address %q: the options behind ? are not understood: %w", text, err)
		}
		for key, v := range values {
			if err := l.set(key, strings.Join(v, ",")); err != nil {
				return l, fmt.Errorf("listen address %q: %w", text, err)
			}
		}
	}
	return l, l.Validate()
}

// set sets an option of the text form.
func (l *Listen) set(key, value string) (err error) {
	switch key {
	case "protocol":
		err = l.Protocol.UnmarshalText([]byte(value))
	case "workers":
		if l.Workers, err = strconv.Atoi(value); err != nil {
			err = fmt.Errorf("workers is %q: write a whole number", value)
		}
	case "allow":
		err = l.Allow.add(value)
	case "deny":
		err = l.Deny.add(value)
	case "socket":
		l.Socket = value
	case "cert":
		l.TLS.Cert = value
	case "key":
		l.TLS.Key = value
	case "client_ca":
		l.TLS.ClientCA = value
	case "client_auth":
		l.TLS.ClientAuth = ClientAuth(value)
	case "names":
		l.TLS.Names = strings.Split(value, ",")
	default:
		err = fmt.Errorf("unknown option %q: the options are protocol, workers, allow, deny, socket, cert, key, client_ca, client_auth, names", key)
	}
	return err
}

// UnmarshalYAML reads either form.
func (l *Listen) UnmarshalYAML(unmarshal func(any) error) error {
	var text string
	if unmarshal(&text) == nil {
		var err error
		*l, err = ParseListen(text)
		return err
	}
	type fields Listen
	return unmarshal((*fields)(l))
}

// Validate says what is wrong with l, and what to write instead.
func (l Listen) Validate() error {
	scheme, _, err := l.split()
	switch {
	case err != nil:
		return err
	case l.Workers < 0 || l.Workers > MaxWorkers:
		return fmt.Errorf("listen address %q: workers is %d: write a number from 1 to %d, or 0 for one per CPU", l.Address, l.Workers, MaxWorkers)
	case scheme != "udp" && l.Protocol != 0 && l.Protocol != 1<<10:
		return fmt.Errorf("listen address %q: only IPFIX comes over %s: write protocol: ipfix, or nothing", l.Address, scheme)
	case scheme == "tls" || scheme == "dtls":
		if err := l.TLS.Validate(); err != nil {
			return fmt.Errorf("listen address %q: tls: %w", l.Address, err)
		}
	case !l.TLS.empty():
		return fmt.Errorf("listen address %q has tls settings: write %s", l.Address, map[string]string{"udp": "dtls://", "tcp": "tls://"}[scheme])
	}
	return nil
}

// Key returns what two listeners can't both have: the transport and the
// address, all of them in whatever way that is written, or the name of a socket. It
// is empty where the system chooses the port.
func (l Listen) Key() string {
	scheme, hostport, err := l.split()
	switch {
	case err != nil:
		return l.Address
	case l.Socket != "":
		return "socket " + l.Socket
	case strings.HasSuffix(hostport, ":0"):
		return ""
	}
	host, port, _ := net.SplitHostPort(hostport)
	if a, err := netip.ParseAddr(host); err == nil {
		if host = a.Unmap().String(); a.Unmap().IsUnspecified() {
			host = ""
		}
	}
	return network(scheme) + "://" + net.JoinHostPort(host, port)
}

// Clashes tells whether l and m can't both be open: one port of one transport, at
// one address, or at all of them for one of the two.
func (l Listen) Clashes(m Listen) bool {
	if l.Socket != "" || m.Socket != "" {
		return l.Key() == m.Key()
	}
	a, b := l.resolve(), m.resolve()
	if a.Port() == 0 || a.Port() != b.Port() || network(l.Scheme()) != network(m.Scheme()) {
		return false
	}
	return a.Addr() == b.Addr() || a.Addr().IsUnspecified() || b.Addr().IsUnspecified()
}

// String returns a valid listener in its text form, the shortest one.
func (l Listen) String() string {
	scheme, hostport, _ := l.split()
	q := url.Values{}
	put := func(key, value string) {
		if value != "" {
			q.Set(key, value)
		}
	}
	if l.Protocol != 0 {
		put("protocol", l.Protocol.String())
	}
	if l.Workers != 0 {
		put("workers", strconv.Itoa(l.Workers))
	}
	for _, p := range l.Allow {
		q.Add("allow", p.String())
	}
	for _, p := range l.Deny {
		q.Add("deny", p.String())
	}
	put("socket", l.Socket)
	put("cert", l.TLS.Cert)
	put("key", l.TLS.Key)
	put("client_ca", l.TLS.ClientCA)
	put("client_auth", string(l.TLS.ClientAuth))
	for _, n := range l.TLS.Names {
		q.Add("names", n)
	}
	switch {
	case len(q) > 0:
		return scheme + "://" + hostport + "?" + q.Encode()
	case scheme != "udp":
		return scheme + "://" + hostport
	}
	return hostport
}

// Hear tells whether what this machine sends to an address comes to one of the
// UDP listeners.
func (all Listens) Hear(to netip.AddrPort) bool {
	a := to.Addr().Unmap()
	for _, l := range all {
		host, port, err := net.SplitHostPort(l.HostPort())
		if err != nil || l.Scheme() != "udp" || port != strconv.Itoa(int(to.Port())) {
			continue
		}
		at, err := netip.ParseAddr(host)
		switch {
		case err == nil && !at.IsUnspecified():
			if at.Unmap() == a || a.IsUnspecified() && at.IsLoopback() {
				return true
			}
		case err != nil && host != "": // a name
		case a.IsLoopback() || a.IsUnspecified() || ours(a):
			return true
		}
	}
	return false
}

// ours tells whether an address is of this machine.
func ours(a netip.Addr) bool {
	all, err := net.InterfaceAddrs()
	return err == nil && slices.ContainsFunc(all, func(x net.Addr) bool {
		n, ok := x.(*net.IPNet)
		return ok && n.IP.Equal(net.IP(a.WithZone("").AsSlice()))
	})
}

// HostPort returns the address without its scheme, as host:port.
func (l Listen) HostPort() string {
	_, hostport, _ := l.split()
	return hostport
}

// Scheme returns udp, tcp, tls or dtls.
func (l Listen) Scheme() string {
	scheme, _, _ := l.split()
	return scheme
}

// network returns what the scheme's messages travel in.
func network(scheme string) string {
	if scheme == "udp" || scheme == "dtls" {
		return "udp"
	}
	return "tcp"
}

// split takes the address apart.
func (l Listen) split() (scheme, hostport string, err error) {
	scheme, hostport = "udp", l.Address
	if s, rest, ok := strings.Cut(l.Address, "://"); ok {
		scheme, hostport = s, rest
	}
	if !slices.Contains([]string{"udp", "tcp", "tls", "dtls"}, scheme) {
		return "", "", fmt.Errorf("listen address %q: %s is not supported: write udp://host:port, tcp://, tls:// or dtls://", l.Address, scheme)
	}
	if hostport == "" && l.Socket != "" {
		return scheme, "", nil
	}
	host, port, err := net.SplitHostPort(hostport)
	if err != nil || port == "" {
		return "", "", fmt.Errorf("listen address %q is not understood: write host:port, or :port for all addresses", l.Address)
	}
	if _, err := net.LookupPort(network(scheme), port); err != nil {
		return "", "", fmt.Errorf("listen address %q: port %q is not a number from 0 to 65535", l.Address, port)
	}
	return scheme, net.JoinHostPort(host, port), nil
}

// Protocols is a set of export protocols: bit v for version v of NetFlow, 10
// for IPFIX, 0 for sFlow. The empty set is auto: all.
type Protocols uint16

const netflow Protocols = 1<<1 | 1<<5 | 1<<6 | 1<<7 | 1<<8 | 1<<9

var protocolNames = []struct {
	name string
	set  Protocols
}{
	{"netflow", netflow},
	{"netflow1", 1 << 1}, {"netflow5", 1 << 5}, {"netflow6", 1 << 6}, {"netflow7", 1 << 7}, {"netflow8", 1 << 8}, {"netflow9", 1 << 9},
	{"ipfix", 1 << 10}, {"sflow", 1 << 0},
}

// UnmarshalText reads "auto", or names with commas between them.
func (p *Protocols) UnmarshalText(text []byte) error {
	*p = 0
	if t := string(text); t == "" || t == "auto" {
		return nil
	}
next:
	for name := range strings.SplitSeq(string(text), ",") {
		for _, n := range protocolNames {
			if n.name == strings.TrimSpace(name) {
				*p |= n.set
				continue next
			}
		}
		return fmt.Errorf("protocol %q is not known: write auto, netflow, netflow1, netflow5 to netflow9, ipfix or sflow", name)
	}
	return nil
}

// MarshalText is the opposite of UnmarshalText.
func (p Protocols) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// String returns the names of the set's protocols.
func (p Protocols) String() string {
	if p == 0 {
		return "auto"
	}
	var names []string
	for _, n := range protocolNames {
		if p&n.set == n.set {
			names = append(names, n.name)
			p &^= n.set
		}
	}
	return strings.Join(names, ",")
}

// Has tells whether a version of NetFlow, 10 for IPFIX or 0 for sFlow, is in the
// set.
func (p Protocols) Has(version uint16) bool {
	return p == 0 || version < 16 && p>>version&1 == 1
}

// has tells whether a datagram that begins with d is of one of the protocols.
// What none of them begins with is for the decoder to judge.
func (p Protocols) has(d []byte) bool {
	if p == 0 || len(d) < 2 {
		return true
	}
	v := uint16(d[0])<<8 | uint16(d[1])
	return v > 15 || p.Has(v)
}

// Prefixes is a list of networks. As text, an address alone is a network of
// itself.
type Prefixes []Prefix

// A Prefix is a network.
type Prefix struct{ netip.Prefix }

// UnmarshalText reads "192.0.2.0/24", "2001:db8::/32" or an address.
func (p *Prefix) UnmarshalText(text []byte) error {
	t := string(text)
	a, bits, ok := strings.Cut(t, "/")
	addr, err := netip.ParseAddr(a)
	if err != nil || addr.Zone() != "" {
		return fmt.Errorf("%q is not a network: write an address, or one with a length, as 192.0.2.0/24", t)
	}
	n := addr.BitLen()
	if ok {
		if n, err = strconv.Atoi(bits); err != nil || n < 0 || n > addr.BitLen() {
			return fmt.Errorf("%q is not a network: its length goes from 0 to %d", t, addr.BitLen())
		}
	}
	if addr.Is4In6() && n >= 96 {
		addr, n = addr.Unmap(), n-96
	}
	p.Prefix = netip.PrefixFrom(addr, n).Masked()
	return nil
}

// add reads networks with commas between them.
func (p *Prefixes) add(text string) error {
	for t := range strings.SplitSeq(text, ",") {
		var x Prefix
		if err := x.UnmarshalText([]byte(strings.TrimSpace(t))); err != nil {
			return err
		}
		*p = append(*p, x)
	}
	return nil
}

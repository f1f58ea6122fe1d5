package enrich

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

func file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// parse reads a configuration as the YAML file's section enrich.
func parse(t *testing.T, text string) Config {
	t.Helper()
	c := Default()
	if err := yaml.Unmarshal([]byte(text), &c); err != nil {
		t.Fatal(err)
	}
	return c
}

// The same rows in CSV, in YAML and in the configuration make the same tables.
func TestTables(t *testing.T) {
	const exporters = `
- {address: 192.0.2.1, name: edge1, sampling: scaled}
- address: 192.0.2.0/24
  site: Berlin
  sampling: 1000
  clock_shift: -1h
`
	const interfaces = `
- {exporter: 192.0.2.1, index: 3, name: Gi0/3, description: "Transit, 10G", speed: 10G, role: external}
- {exporter: "2001:db8::/32", index: 3, name: all}
- {exporter: "2001:db8::/48", index: 3, name: some, sampling: 7}
`
	const networks = `
- {prefix: 10.0.0.0/8, site: home, role: servers}
- {prefix: 10.1.0.0/16, name: "true"}
`
	indent := func(s string) string { return strings.ReplaceAll(s, "\n", "\n  ") }
	for name, c := range map[string]Config{
		"configuration": parse(t, "exporters:"+indent(exporters)+"\ninterfaces:"+indent(interfaces)+"\nnetworks:"+indent(networks)),
		"yaml": {Files: Files{
			Exporters: []string{file(t, "e.yaml", exporters)}, Interfaces: []string{file(t, "i.yml", interfaces)}, Networks: []string{file(t, "n.YAML", networks)},
		}},
		"csv": {Files: Files{
			Exporters: []string{
				file(t, "1.csv", "address,name,sampling\n192.0.2.1,edge1,scaled\n"),
				file(t, "2.csv", "\xef\xbb\xbfAddress, site, sampling, clock_shift\n# all of them\n192.0.2.0/24, Berlin, 1000, -1h\n"),
			},
			Interfaces: []string{file(t, "i.csv", "exporter,index,name,description,speed,role,sampling\r\n"+
				"192.0.2.1,3,Gi0/3,\"Transit, 10G\",10G,external,\r\n2001:db8::/32,3,all,,,,\r\n2001:db8::/48,3,some,,,,7\r\n")},
			Networks: []string{file(t, "n.csv", "prefix,name,site,role\n10.0.0.0/8,,home,servers\n10.1.0.0/16,true,,\n")},
		}},
	} {
		tab, err := c.build(nil)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		e, _ := tab.exporters.Lookup(netip.MustParseAddr("192.0.2.1"))
		if e.Name != "edge1" || e.Site != "Berlin" || e.Sampling != 1 || e.ClockShift != -time.Hour {
			t.Errorf("%s: 192.0.2.1 is %+v", name, e)
		}
		e, _ = tab.exporters.Lookup(netip.MustParseAddr("192.0.2.2"))
		if e.Name != "" || e.Site != "Berlin" || e.Sampling != 1000 {
			t.Errorf("%s: 192.0.2.2 is %+v", name, e)
		}
		n := tab.iface(netip.MustParseAddr("192.0.2.1"), 3)
		if n.Name != "Gi0/3" || n.Description != "Transit, 10G" || n.Speed != 10e9 || n.Role != "external" {
			t.Errorf("%s: interface is %+v", name, n)
		}
		for addr, want := range map[string]string{"2001:db8::1": "some", "2001:db8:1::1": "all", "2001:db9::1": ""} {
			if n := tab.iface(netip.MustParseAddr(addr), 3); n.Name != want || (n.Sampling == 7) != (want == "some") {
				t.Errorf("%s: interface of %s is %+v", name, addr, n)
			}
		}
		if n := tab.iface(netip.MustParseAddr("192.0.2.1"), 4); n.Name != "" {
			t.Errorf("%s: another interface is %+v", name, n)
		}
		for addr, want := range map[string]string{"10.1.255.255": "true home servers", "10.2.0.1": " home servers", "11.0.0.1": "  "} {
			n, _ := tab.networks.Lookup(netip.MustParseAddr(addr))
			if got := n.Name + " " + n.Site + " " + n.Role; got != want {
				t.Errorf("%s: %s is in %q, want %q", name, addr, got, want)
			}
		}
		if tab.rows != 7 {
			t.Errorf("%s: %d rows, want 7", name, tab.rows)
		}
	}
}

func TestNestedInterfaces(t *testing.T) {
	c := parse(t, `
exporters:
- address: 192.0.2.1
  interfaces:
  - {index: 3, name: up}
  - {index: 4, name: down, speed: 100 Mbit/s}
`)
	tab, err := c.build(nil)
	if err != nil {
		t.Fatal(err)
	}
	if n := tab.iface(netip.MustParseAddr("192.0.2.1"), 4); n.Name != "down" || n.Speed != 100e6 {
		t.Errorf("got %+v", n)
	}
}

// Errors say where, what, and what to write.
func TestTableErrors(t *testing.T) {
	f := func(name, text string, want ...string) {
		t.Helper()
		c := Default()
		path := file(t, name, text)
		switch name[0] {
		case 'e':
			c.Files.Exporters = []string{path}
		case 'i':
			c.Files.Interfaces = []string{path}
		case 'n':
			c.Files.Networks = []string{path}
		case 'a':
			c.Files.Applications = []string{path}
		}
		_, err := New(c, Deps{})
		for _, w := range append(want, path) {
			if err == nil || !strings.Contains(err.Error(), w) {
				t.Errorf("%s %q: got error %v, want one with %q", name, text, err, w)
			}
		}
	}
	f("e.csv", "address,nam\n", `line 1: unknown key "nam": the keys are address, name, site`)
	f("e.csv", "address,name,Name\n", "line 1: name is there twice")
	f("e.yaml", "- address: 192.0.2.1\n---\n- address: x\n", "line 2: another document")
	f("e.csv", "", "line 1: write the keys, as address,name")
	f("e.csv", "address,name\n192.0.2.1\n", "line 2", "wrong number of fields")
	f("e.csv", "address\n192.0.2\n", `line 2: address: "192.0.2" is not understood: write an address or a prefix`)
	f("e.csv", "address,sampling\n192.0.2.1,1:1000\n", `line 2: sampling: "1:1000" is not understood: write the N of 1 in N`, "scaled")
	f("e.csv", "address,clock_shift\n192.0.2.1,5\n", `line 2: clock_shift: "5" is not a duration: write a number with a unit`)
	f("e.csv", "name\nedge\n", "line 2: an exporter has no address: write one")
	f("e.csv", "address\n\n192.0.2.1\n192.0.2.1\n", "line 4: 192.0.2.1 is in ", "line 3 already: remove one")
	f("e.yaml", "- address: 192.0.2.1\n  nane: x\n", `line 2: unknown key "nane"`)
	f("e.yaml", "- 192.0.2.1\n", "line 1: write keys and values, as address: …")
	f("e.yaml", "- address: 192.0.2.1\n  interfaces:\n  - speed: fast\n", `line 3: speed: "fast" is not understood: write bits a second`)
	f("e.yaml", "- address: 192.0.2.1\n  interfaces:\n  - name: x\n", "line 1: an interface of exporter 192.0.2.1 has no index: write its ifIndex")
	f("e.yaml", "- address: 192.0.2.1\n  interfaces:\n  - {index: 1, exporter: 192.0.2.2}\n", "names the exporter 192.0.2.2: leave that out")
	f("e.yaml", "a: [", "line 1")
	f("e.txt", "", "a table's name ends in .csv, .yaml or .yml")
	f("i.csv", "exporter,index\n192.0.2.1,x\n", `line 2: index: "x" is not a number`)
	f("i.csv", "exporter,index\n192.0.2.1,0\n", "line 2: an interface of exporter 192.0.2.1 has no index")
	f("i.csv", "exporter,index\n,1\n", "line 2: an interface has no exporter")
	f("i.csv", "exporter,index\n192.0.2.1,1\n192.0.2.1,1\n", "line 3: interface 1 of exporter 192.0.2.1 is in ", "line 2 already")
	f("n.csv", "prefix\n10.0.0.0/33\n", `line 2: prefix: "10.0.0.0/33" is not understood`)
	f("n.csv", "name\nx\n", "line 2: a network has no prefix")
	f("n.csv", "prefix\n10.0.0.0/8\n10.0.0.0/8\n", "line 3: 10.0.0.0/8 is in ")
	f("n.csv", "prefix\n10.0.0.1/8\n", `line 2: prefix: "10.0.0.1/8" has bits behind its prefix: write the network, 10.0.0.0/8, or the address, 10.0.0.1`)
	f("n.yaml", "- prefix: 2001:db8::1/32\n", "write the network, 2001:db8::/32, or the address")
	f("n.csv", "prefix,name\n10.0.0.0/8,caf\xe9\n", `line 2: name: "caf\xe9" is not UTF-8: save the table as UTF-8`)
	f("n.yaml", "- prefix: 10.0.0.0/8\n  name: caf\xe9\n", "UTF-8")
	f("a.csv", "port,name,proto\n7,x,t\xe9\n", "is not UTF-8")
	f("a.csv", "port,name\n70000,x\n", `line 2: port: "70000" is not a number`)
	f("a.csv", "port,name,proto\n7,x,icmp\n", `line 2: proto is "icmp": write tcp, udp, sctp or dccp`)
	f("a.csv", "port,name,proto\n7,,tcp\n", "line 2: port 7 has no name")
	f("a.csv", "port,name,proto\n,x,tcp\n", "line 2: an application has no port")
	f("a.csv", "port,name,proto\n7,x,tcp\n7,y,\n", "line 3: port 7 of tcp is in ")
}

func TestConfigErrors(t *testing.T) {
	f := func(text string, want ...string) {
		t.Helper()
		c := Default()
		err := yaml.Unmarshal([]byte(text), &c)
		if err == nil {
			_, err = New(c, Deps{})
		}
		for _, w := range want {
			if err == nil || !strings.Contains(err.Error(), w) {
				t.Errorf("%q: got error %v, want one with %q", text, err, w)
			}
		}
	}
	f("poll: 1ms", "poll is 1ms: write a duration from 100ms to 24h")
	f("home: ['']", "is not understood: write an address or a prefix")
	f("networks:\n- {name: x}", "line 2: a network has no prefix")
	f("exporters:\n- {address: 192.0.2.1, clock_shift: 500000h}", "line 2: clock_shift is 500000h0m0s: write less than 20 years")
	f("files: {networks: [/does/not/exist.csv]}", "/does/not/exist.csv: no such file")
	f("maxmind: [/does/not/exist.mmdb]", "maxmind: ", "/does/not/exist.mmdb: no such file")
	f("anonymise: {mode: hash}", `anonymise: mode is "hash": write none, cryptopan or truncate`)
	f("anonymise: {mode: cryptopan}", "cryptopan needs a key or a key_file", "openssl rand -hex 32")
	f("anonymise: {mode: cryptopan, key: secret0}", "anonymise: key has 7 characters that are not 64 hexadecimal digits")
	f("anonymise: {mode: cryptopan, key_file: /does/not/exist}", "anonymise: ", "no such file")
	f("anonymise: {mode: cryptopan, key_file: "+file(t, "key", "12\n")+"}", "key has 2 characters that are not 64")
	f("anonymise: {mode: truncate, ipv4: 33}", "ipv4 is 33: write the bits to keep, from 0 to 32")
	f("anonymise: {mode: truncate, ipv6: 129}", "ipv6 is 129: write the bits to keep, from 0 to 128")
	f("anonymise: {mode: truncate, columns: []}", "columns is empty: write some of src, dst, nat, next_hop, mac, user")
	f("anonymise: {mode: truncate, columns: [all]}", `columns has "all": write some of src`)
	f("anonymise: {mode: truncate, home_only: true}", "home_only needs home: write your networks there")
	f("anonymise: {mode: cryptopan, key: secret0}", "anonymise")
}

// A key is a secret: no error shows it.
func TestKeyIsNotShown(t *testing.T) {
	c := Default()
	c.Anonymise.Mode, c.Anonymise.Key = Cryptopan, "0123456789secret"
	if _, err := New(c, Deps{}); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("error %v", err)
	}
}

func TestSpeed(t *testing.T) {
	f := func(text string, want Speed, kbits uint32) {
		t.Helper()
		var s Speed
		if err := s.UnmarshalText([]byte(text)); err != nil || s != want || s.kbits() != kbits {
			t.Errorf("%q is %d, %d kbit/s, %v; want %d, %d", text, s, s.kbits(), err, want, kbits)
		}
	}
	f("10G", 10e9, 10e6)
	f("2.5G", 25e8, 25e5)
	f("100 Mbit/s", 1e8, 1e5)
	f("56kbps", 56000, 56)
	f("1", 1, 1)
	f("800G", 8e11, 8e8)
	f("5T", 5e12, 1<<32-1)
	for _, bad := range []string{"", "0", "-1G", "fast", "G", "NaN", "Inf", "1e30"} {
		if s := Speed(0); s.UnmarshalText([]byte(bad)) == nil {
			t.Errorf("%q is %d", bad, s)
		}
	}
}

package enrich

import (
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// Config is what an operator may set of a Stage.
type Config struct {
	Options  bool `yaml:"options"`  // names from exporters' options: of interfaces, applications, VRFs
	Counters bool `yaml:"counters"` // interface speeds from sFlow's counters
	Ports    bool `yaml:"ports"`    // where an exporter names no application, IANA's name of the port

	Exporters    []Exporter    `yaml:"exporters"`
	Interfaces   []Interface   `yaml:"interfaces"`
	Networks     []Network     `yaml:"networks"`
	Applications []Application `yaml:"applications"` // before IANA's

	Files   Files    `yaml:"files"`   // more of those, in CSV or YAML
	Maxmind []string `yaml:"maxmind"` // country and AS databases in MaxMind's format; of two that know an address the first is believed
	Home    []Prefix `yaml:"home"`    // your networks; what leaves them is outbound

	Poll time.Duration `yaml:"poll"` // look so often whether files have changed; 0: never

	Anonymise Anonymise `yaml:"anonymise"`
}

// Files are tables, with the keys of the configuration. The first line of a CSV
// file has the keys; a YAML file is a list.
type Files struct {
	Exporters    []string `yaml:"exporters"`
	Interfaces   []string `yaml:"interfaces"`
	Networks     []string `yaml:"networks"`
	Applications []string `yaml:"applications"`
}

// Anonymise hides addresses, after all that needs them.
type Anonymise struct {
	Mode     string   `yaml:"mode"`      // none, cryptopan (prefixes are preserved), or truncate
	Key      string   `yaml:"key"`       // for cryptopan: 64 hexadecimal digits
	KeyFile  string   `yaml:"key_file"`  // or the file that has them
	IPv4     int      `yaml:"ipv4"`      // for truncate: bits that are kept
	IPv6     int      `yaml:"ipv6"`      // likewise
	Columns  []string `yaml:"columns"`   // of src, dst, nat, next_hop; mac and user are removed whatever the mode
	HomeOnly bool     `yaml:"home_only"` // only addresses of the home networks
}

// Modes of Anonymise.
const (
	None      = "none"
	Cryptopan = "cryptopan"
	Truncate  = "truncate"
)

// Default fills what exporters tell in other records. It guesses nothing.
func Default() Config {
	return Config{
		Options: true, Counters: true, Poll: 5 * time.Second,
		Anonymise: Anonymise{Mode: None, IPv4: 24, IPv6: 48, Columns: []string{"src", "dst", "nat"}},
	}
}

// Validate says what is wrong with c. What is wrong in files, New says.
func (c Config) Validate() error {
	if c.Poll != 0 && c.Poll < 100*time.Millisecond || c.Poll > 24*time.Hour {
		return fmt.Errorf("poll is %s: write a duration from 100ms to 24h, or 0s for never", c.Poll)
	}
	for _, p := range c.Home {
		if !p.IsValid() {
			return errors.New("home has an empty prefix: write your networks, as 10.0.0.0/8")
		}
	}
	bare := c
	bare.Files = Files{}
	if _, err := bare.build(nil); err != nil {
		return err
	}
	a := c.Anonymise
	if err := a.validate(); err != nil {
		return fmt.Errorf("anonymise: %w", err)
	}
	if a.HomeOnly && len(c.Home) == 0 {
		return errors.New("anonymise: home_only needs home: write your networks there, as 10.0.0.0/8")
	}
	return nil
}

func (a *Anonymise) validate() error {
	switch a.Mode {
	case None, "":
		return nil
	case Cryptopan:
		if (a.Key == "") == (a.KeyFile == "") {
			return errors.New("cryptopan needs a key or a key_file: write one of them; openssl rand -hex 32 makes a key")
		}
		if a.Key != "" {
			if _, err := parseKey(a.Key); err != nil {
				return fmt.Errorf("key %w", err)
			}
		}
	case Truncate:
		if a.IPv4 < 0 || a.IPv4 > 32 {
			return fmt.Errorf("ipv4 is %d: write the bits to keep, from 0 to 32", a.IPv4)
		}
		if a.IPv6 < 0 || a.IPv6 > 128 {
			return fmt.Errorf("ipv6 is %d: write the bits to keep, from 0 to 128", a.IPv6)
		}
	default:
		return fmt.Errorf("mode is %q: write none, cryptopan or truncate", a.Mode)
	}
	if len(a.Columns) == 0 {
		return fmt.Errorf("columns is empty: write some of %s", strings.Join(columnNames[:], ", "))
	}
	for _, x := range a.Columns {
		if !slices.Contains(columnNames[:], x) {
			return fmt.Errorf("columns has %q: write some of %s", x, strings.Join(columnNames[:], ", "))
		}
	}
	return nil
}

// key returns the key of cryptopan.
func (a *Anonymise) key() ([]byte, error) {
	if a.KeyFile == "" {
		return parseKey(a.Key)
	}
	text, err := os.ReadFile(a.KeyFile)
	if err != nil {
		return nil, err
	}
	key, err := parseKey(strings.TrimSpace(string(text)))
	if err != nil {
		return nil, fmt.Errorf("%s %w", a.KeyFile, err)
	}
	return key, nil
}

// parseKey says what is wrong without showing the key.
func parseKey(s string) ([]byte, error) {
	key, err := hex.DecodeString(s)
	if err != nil || len(key) != keyLen {
		return nil, fmt.Errorf("has %d characters that are not %d hexadecimal digits: openssl rand -hex %d makes some", len(s), 2*keyLen, keyLen)
	}
	return key, nil
}

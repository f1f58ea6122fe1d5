package api

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
)

// Config is what an operator may set of the API.
type Config struct {
	Listen      string   `yaml:"listen"`      // host:port; empty: no API
	Hosts       []string `yaml:"hosts"`       // names that clients call us by, beside localhost and the address that they reach
	Cert        string   `yaml:"cert"`        // PEM file: our certificate, then those that vouch for it; empty: no TLS
	Key         string   `yaml:"key"`         // PEM file: its private key
	Tokens      []Token  `yaml:"tokens"`      // beside DATA/token
	Connections int      `yaml:"connections"` // at once
	Streams     int      `yaml:"streams"`     // of flows, at once
}

// A Token lets who knows it in.
type Token struct {
	Name   string `yaml:"name"`   // for messages
	Role   Role   `yaml:"role"`   // viewer, operator, approver or admin
	SHA256 string `yaml:"sha256"` // of the token: printf %s TOKEN | sha256sum
	File   string `yaml:"file"`   // or the file that holds the token
}

// Default listens on loopback.
func Default() Config { return Config{Listen: "127.0.0.1:8085", Connections: 256, Streams: 16} }

// Validate says what is wrong with c, and what to write instead.
func (c Config) Validate() error {
	if c.Listen == "" {
		return nil
	}
	_, port, err := net.SplitHostPort(c.Listen)
	if err == nil {
		_, err = net.LookupPort("tcp", port)
	}
	if err != nil || port == "" {
		return fmt.Errorf("listen is %q: write host:port, as %s, or \"\" for no API", c.Listen, Default().Listen)
	}
	for _, h := range c.Hosts {
		if h == "" || strings.ContainsAny(h, ":/ ") && !isAddr(h) {
			return fmt.Errorf("hosts: %q is no name: write it as in https://NAME/, without scheme and port", h)
		}
	}
	switch {
	case (c.Cert == "") != (c.Key == ""):
		return errors.New("cert and key go together: write both, or neither")
	case c.Connections < 1 || c.Connections > 65536:
		return fmt.Errorf("connections is %d: write a number from 1 to 65536", c.Connections)
	case c.Streams < 0 || c.Streams > 1024:
		return fmt.Errorf("streams is %d: write a number from 0 to 1024", c.Streams)
	}
	for i, t := range c.Tokens {
		if err := t.validate(); err != nil {
			return fmt.Errorf("tokens: %d: %w", i+1, err)
		}
	}
	return nil
}

func (t Token) validate() error {
	switch {
	case t.Name == "":
		return errors.New("name is empty: write who has the token")
	case t.Role == 0:
		return fmt.Errorf("%s: role is empty: write one of %s", t.Name, roleList)
	case (t.SHA256 == "") == (t.File == ""):
		return fmt.Errorf("%s: write either sha256 or file", t.Name)
	}
	if t.SHA256 != "" {
		if b, err := hex.DecodeString(t.SHA256); err != nil || len(b) != 32 {
			return fmt.Errorf("%s: sha256 is not 64 hexadecimal digits: write what this prints: printf %%s TOKEN | sha256sum", t.Name)
		}
	}
	return nil
}

// local tells whether only this machine reaches us.
func (c Config) local() bool {
	host, _, err := net.SplitHostPort(c.Listen)
	return err == nil && loopback(host)
}

// loopback tells whether a host is this machine's own.
func loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.Unmap().IsLoopback()
}

func isAddr(s string) bool {
	_, err := netip.ParseAddr(s)
	return err == nil
}

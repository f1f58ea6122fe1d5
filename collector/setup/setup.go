package setup

import (
	"cmp"
	"embed"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"text/template"
)

//go:embed platforms/*.txt
var files embed.FS

// A Platform is a kind of exporter.
type Platform struct {
	Name     string
	Title    string // in a line
	Protocol string // that it will speak
	Port     uint16 // of the collector, by default
	text     *template.Template
}

// Values are what the texts leave open.
type Values struct {
	Collector netip.Addr // where flows go
	Port      uint16     // 0: the platform's
	Interface string     // that is to be watched; "": the platform's usual name
	Source    string     // address or interface that datagrams come from; "": left to the reader
	Sampling  int        // 1 packet in so many
}

// platforms are read from their files once.
var platforms = func() (all []Platform) {
	entries, err := files.ReadDir("platforms")
	if err != nil {
		panic("setup: bug: " + err.Error())
	}
	for _, e := range entries {
		p, err := read(e.Name())
		if err != nil {
			panic(fmt.Sprintf("setup: bug: %s: %v", e.Name(), err))
		}
		all = append(all, p)
	}
	return all
}()

// read reads a platform's file: lines of "key: value", an empty line, the text.
func read(name string) (Platform, error) {
	d, err := files.ReadFile("platforms/" + name)
	if err != nil {
		return Platform{}, err
	}
	head, text, ok := strings.Cut(string(d), "\n\n")
	if !ok {
		return Platform{}, errors.New("it has no text")
	}
	p := Platform{Name: strings.TrimSuffix(name, ".txt")}
	for line := range strings.SplitSeq(head, "\n") {
		key, value, _ := strings.Cut(line, ": ")
		switch key {
		case "title":
			p.Title = value
		case "protocol":
			p.Protocol = value
		case "port":
			if _, err := fmt.Sscan(value, &p.Port); err != nil {
				return p, fmt.Errorf("port %q: %w", value, err)
			}
		default:
			return p, fmt.Errorf("unknown key %q", key)
		}
	}
	p.text, err = template.New(p.Name).Option("missingkey=error").Parse(text)
	return p, err
}

// Platforms returns all platforms, by name.
func Platforms() []Platform { return slices.Clone(platforms) }

// Find returns the platform of this name.
func Find(name string) (Platform, bool) {
	i := slices.IndexFunc(platforms, func(p Platform) bool { return p.Name == name })
	if i < 0 {
		return Platform{}, false
	}
	return platforms[i], true
}

// Write writes the configuration.
func (p Platform) Write(w io.Writer, v Values) error {
	if !v.Collector.IsValid() {
		return errors.New("the collector's address is not known")
	}
	if v.Sampling < 0 || v.Sampling > 65535 {
		return fmt.Errorf("sampling is 1 in %d: write a number from 1 to 65535", v.Sampling)
	}
	for _, s := range []string{v.Interface, v.Source} {
		if strings.ContainsAny(s, "\n\r'\"`;|&$<>") {
			return fmt.Errorf("%q is no name of an interface", s)
		}
	}
	v.Port, v.Sampling = cmp.Or(v.Port, p.Port), cmp.Or(v.Sampling, 1)
	return p.text.Execute(w, v)
}

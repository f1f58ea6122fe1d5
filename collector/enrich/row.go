package enrich

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// An Exporter is what an operator says of an exporter, or of all in a prefix.
// What it leaves empty a shorter prefix around it may say.
type Exporter struct {
	Address    Prefix        `yaml:"address"`     // of the exporter as records name it, or a prefix of several
	Name       string        `yaml:"name"`        //
	Site       string        `yaml:"site"`        //
	Sampling   Sampling      `yaml:"sampling"`    // 1000 for 1 in 1000, or scaled; in place of what it says
	ClockShift time.Duration `yaml:"clock_shift"` // added to its flows' start and end
	Interfaces []Interface   `yaml:"interfaces"`  // of it; they need no exporter

	origin `yaml:"-"`
}

// An Interface is what an operator says of an interface.
type Interface struct {
	Exporter    Prefix   `yaml:"exporter"`    // whose it is: an address, or a prefix of several
	Index       uint32   `yaml:"index"`       // ifIndex
	Name        string   `yaml:"name"`        //
	Description string   `yaml:"description"` //
	Speed       Speed    `yaml:"speed"`       // bits a second, as 10G
	Role        string   `yaml:"role"`        // your word, as external
	Sampling    Sampling `yaml:"sampling"`    // of what it observed

	origin `yaml:"-"`
}

// A Network is what an operator says of a network. What it leaves empty a
// shorter prefix around it may say.
type Network struct {
	Prefix Prefix `yaml:"prefix"`
	Name   string `yaml:"name"`
	Site   string `yaml:"site"`
	Role   string `yaml:"role"` // your word, as servers

	origin `yaml:"-"`
}

// An Application is what an operator calls what is at a port.
type Application struct {
	Port  uint16 `yaml:"port"`
	Proto string `yaml:"proto"` // tcp, udp, sctp or dccp; tcp and udp if it is empty
	Name  string `yaml:"name"`

	origin `yaml:"-"`
}

// An origin is where a row is written.
type origin struct {
	file string // "" for the configuration itself
	line int
}

func (o *origin) at() *origin { return o }

func (o origin) String() string {
	if o.file == "" {
		return fmt.Sprintf("line %d", o.line)
	}
	return fmt.Sprintf("%s: line %d", o.file, o.line)
}

// A row is a line of a table.
type row interface {
	at() *origin
	check() error // says what is wrong or missing
}

func (e *Exporter) check() error {
	if !e.Address.IsValid() {
		return errors.New("an exporter has no address: write one, as 192.0.2.1")
	}
	if d := e.ClockShift.Abs(); d > 20*366*24*time.Hour {
		return fmt.Errorf("clock_shift is %s: write less than 20 years, as -1h", e.ClockShift)
	}
	for i := range e.Interfaces {
		n := &e.Interfaces[i]
		if n.Exporter.IsValid() && n.Exporter != e.Address {
			return fmt.Errorf("interface %d of exporter %s names the exporter %s: leave that out", n.Index, e.Address, n.Exporter)
		}
		if n.Index == 0 {
			return fmt.Errorf("an interface of exporter %s has no index: write its ifIndex, as 3", e.Address)
		}
	}
	return nil
}

func (n *Interface) check() error {
	switch {
	case !n.Exporter.IsValid():
		return errors.New("an interface has no exporter: write its address, as 192.0.2.1")
	case n.Index == 0:
		return fmt.Errorf("an interface of exporter %s has no index: write its ifIndex, as 3", n.Exporter)
	}
	return nil
}

func (n *Network) check() error {
	if !n.Prefix.IsValid() {
		return errors.New("a network has no prefix: write one, as 10.0.0.0/8")
	}
	return nil
}

func (a *Application) check() error {
	switch {
	case a.Port == 0:
		return errors.New("an application has no port: write one, as 8443")
	case a.Name == "":
		return fmt.Errorf("port %d has no name: write one, as intranet", a.Port)
	case a.Proto != "" && transport(a.Proto) < 0:
		return fmt.Errorf("proto is %q: write tcp, udp, sctp or dccp", a.Proto)
	}
	return nil
}

func (e *Exporter) UnmarshalYAML(n *yaml.Node) error    { return unmarshal(n, e) }
func (n *Interface) UnmarshalYAML(x *yaml.Node) error   { return unmarshal(x, n) }
func (n *Network) UnmarshalYAML(x *yaml.Node) error     { return unmarshal(x, n) }
func (a *Application) UnmarshalYAML(n *yaml.Node) error { return unmarshal(n, a) }

// unmarshal reads a mapping into a row. Unlike yaml's own it says in which line
// an error is, whatever the error, and knows no unknown keys.
func unmarshal(n *yaml.Node, r row) error {
	if n.Kind != yaml.MappingNode {
		return fmt.Errorf("line %d: write keys and values, as %s: …", n.Line, keys(r)[0])
	}
	r.at().line = n.Line
	for i := 0; i+1 < len(n.Content); i += 2 {
		if err := set(r, n.Content[i].Value, n.Content[i+1]); err != nil {
			return err
		}
	}
	return nil
}

// set sets the field of r that has the key.
func set(r row, key string, n *yaml.Node) error {
	v := reflect.ValueOf(r).Elem()
	for i := range v.NumField() {
		if v.Type().Field(i).Tag.Get("yaml") != key || key == "-" {
			continue
		}
		f := v.Field(i)
		if !utf8.ValidString(n.Value) {
			return fmt.Errorf("line %d: %s: %q is not UTF-8: save the table as UTF-8", n.Line, key, n.Value)
		}
		if f.Kind() == reflect.String && n.Kind == yaml.ScalarNode {
			f.SetString(n.Value)
			return nil
		}
		err := n.Decode(f.Addr().Interface())
		switch {
		case err == nil:
			return nil
		case f.Kind() == reflect.Slice:
			return err // of a row in it, which has said where
		case f.Type() == reflect.TypeFor[time.Duration]():
			return fmt.Errorf("line %d: %s: %q is not a duration: write a number with a unit, as 500ms or -1h", n.Line, key, n.Value)
		case f.CanUint() && n.Kind == yaml.ScalarNode && strings.Contains(err.Error(), "cannot unmarshal"):
			return fmt.Errorf("line %d: %s: %q is not a number that can be one", n.Line, key, n.Value)
		}
		if errors.As(err, new(*yaml.TypeError)) {
			return fmt.Errorf("line %d: %s: write a single value", n.Line, key)
		}
		return fmt.Errorf("line %d: %s: %w", n.Line, key, err)
	}
	return unknown(r, key, n.Line)
}

func unknown(r row, key string, line int) error {
	return fmt.Errorf("line %d: unknown key %q: the keys are %s", line, key, strings.Join(keys(r), ", "))
}

// keys returns the keys that a row may have.
func keys(r row) (all []string) {
	for f := range reflect.TypeOf(r).Elem().Fields() {
		if k := f.Tag.Get("yaml"); k != "-" {
			all = append(all, k)
		}
	}
	return all
}

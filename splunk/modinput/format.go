package modinput

import "fmt"

// A Format is the way an event's data is laid out.
type Format uint8

const (
	PSV  Format = iota // the values of all columns, '|' between them
	JSON               // an object of the columns that have a value
	KV                 // name=value of the columns that have one, blanks between
)

var formats = [...]struct{ name, sourcetype string }{
	PSV:  {"psv", "weir:flow"},
	JSON: {"json", "weir:flow:json"},
	KV:   {"kv", "weir:flow:kv"},
}

// ParseFormat returns the Format of that name.
func ParseFormat(name string) (Format, error) {
	for i, f := range formats {
		if f.name == name {
			return Format(i), nil
		}
	}
	return 0, fmt.Errorf("no format %q: write psv, kv or json", name)
}

func (f Format) String() string { return formats[f].name }

// Sourcetype returns the source type that props.conf has for f.
func (f Format) Sourcetype() string { return formats[f].sourcetype }

// A Layout says what stands in an event. The zero Layout is the default.
type Layout struct {
	Format Format
	// AllColumns writes what an event's time, duration and host say already, and
	// when the datagram arrived.
	AllColumns bool
	// Turned makes bytes_out, packets_out and l2_bytes what a flow's source has
	// got, and bytes_in, packets_in and l2_bytes_in what it has sent.
	Turned bool
}

// ParseColumns reads the setting columns: tight or all.
func (l *Layout) ParseColumns(v string) error {
	switch v {
	case "tight", "all":
		l.AllColumns = v == "all"
		return nil
	}
	return fmt.Errorf("columns is %q: write tight or all", v)
}

// ParseBytesOut reads the setting bytes_out: sent or received, by a flow's
// source.
func (l *Layout) ParseBytesOut(v string) error {
	switch v {
	case "sent", "received":
		l.Turned = v == "received"
		return nil
	}
	return fmt.Errorf("bytes_out is %q: write sent or received", v)
}

package modinput

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/weirflow/weir/collector/config"
	"github.com/weirflow/weir/collector/pipeline"
	"github.com/weirflow/weir/collector/source"
	"github.com/weirflow/weir/shared/query"
)

// A Config is what a stanza sets.
type Config struct {
	Stanza     string // "weir://core"
	Sourcetype string // "": that of Format
	Layout
	Stitch StitchConfig
	Types  Types
	// MetricsIndex gets sums of each minute; "": there are none.
	MetricsIndex string
	Filter       *query.Filter // flows that there are to be; nil: all
	Output       Output
	Index        string // of flows that go to HTTP Event Collectors; "": their token's
	HEC          HECConfig
	// Spill is how many octets of flows may wait on disk for event collectors; 0: none.
	Spill source.Size
	// BufferLimit is how many octets of events may wait while Splunk doesn't read.
	BufferLimit source.Size
	Collector   config.Config // its Data is the stanza's state
}

// An Output says which way events go.
type Output string

const (
	Stdout Output = "stdout" // to splunkd, which reads it
	HEC    Output = "hec"    // to HTTP Event Collectors
)

// ParseOutput returns the Output of that name.
func ParseOutput(name string) (Output, error) {
	switch o := Output(name); o {
	case Stdout, HEC:
		return o, nil
	}
	return "", fmt.Errorf("no output %q: write stdout or hec", name)
}

// Default holds the defaults of the collector, but it stops within splunkd's
// patience.
func Default() Config {
	c := Config{Stitch: DefaultStitch(), Types: allTypes, Output: Stdout, HEC: defaultHEC(), Spill: defaultSpill, BufferLimit: 64 << 20, Collector: config.Default()}
	c.Collector.Pipeline.Drain = drainTime
	return c
}

// Scheme is the name of the input, and what comes before "://" in a stanza: that
// of the binary.
const Scheme = "weir"

// Parse returns the Config of a stanza and says what is wrong with it. Settings
// that are not weir's (index, interval and whatever else splunkd knows) are
// left alone, and so are empty ones.
func Parse(s Stanza) (Config, error) {
	c := Default()
	c.Stanza = s.Name
	if !strings.Contains(c.Stanza, "://") {
		c.Stanza = Scheme + "://" + c.Stanza
	}
	// Without a setting, splunkd may hand over the scheme's name.
	if t := s.Get("sourcetype"); t != Scheme {
		c.Sourcetype = t
	}
	// splunkd calls the index that events go to without a setting so.
	if x := s.Get("index"); x != "default" {
		c.Index = x
	}
	for _, a := range args { // config_file is the first
		v := s.Get(a.name)
		if v == "" {
			continue
		}
		set := a.set
		if set == nil {
			set = func(c *Config, v string) error { return c.Collector.Set(a.name, v) }
		}
		if err := set(&c, v); err != nil {
			return c, err
		}
	}
	if err := c.Validate(); err != nil {
		return c, err
	}
	return c, c.readable()
}

// readable says which file that c names can't be read, before anything is begun.
func (c Config) readable() error {
	type file struct{ key, path string }
	var all []file
	for _, l := range c.Collector.Listen {
		all = append(all, file{"cert", l.TLS.Cert}, file{"key", l.TLS.Key}, file{"client_ca", l.TLS.ClientCA})
	}
	if c.Output == HEC {
		all = append(all, file{"hec_ca", c.HEC.CA}, file{"splunkd_ca", c.HEC.SplunkdCA})
	}
	for _, x := range all {
		if x.path == "" {
			continue
		}
		f, err := os.Open(os.ExpandEnv(x.path))
		if err != nil {
			return fmt.Errorf("%s: %w: write the path of a PEM file that splunkd's user can read", x.key, err)
		}
		f.Close()
	}
	return nil
}

// defaultSpill is a few minutes of what made it necessary.
const defaultSpill source.Size = 1 << 30

// queue is what waits in front of s, and which flows come to it.
func (c *Config) queue(s *Stream) pipeline.Output {
	q := pipeline.Queue{Size: c.Collector.Pipeline.Queue, Overflow: c.Collector.Pipeline.Overflow}
	if c.Output == HEC && c.Spill > 0 && c.Collector.Data != "" {
		q.Overflow, q.Dir, q.Disk = pipeline.Spill, c.Collector.Data, int64(c.Spill)
	}
	return pipeline.Output{Name: "splunk", Sink: s, Queue: q, Filter: c.Filter}
}

// leastBuffer holds what some batches become.
const leastBuffer = 1 << 20

// Validate says what is wrong with c, and what to write instead.
func (c Config) Validate() error {
	if c.BufferLimit < leastBuffer {
		return fmt.Errorf("buffer_limit is %s: write %s or more", c.BufferLimit, source.Size(leastBuffer))
	}
	if err := c.Stitch.Validate(); err != nil {
		return err
	}
	if c.Output == HEC {
		if err := c.HEC.Validate(); err != nil {
			return err
		}
	}
	if c.Collector.Source.Share {
		for _, l := range c.Collector.Listen {
			if l.Scheme() != "udp" {
				return fmt.Errorf("share_port is true, and %s is no UDP listener: give it a stanza of its own", l.Address)
			}
		}
	}
	// A batch waits for Flush, and as long again until its source has looked.
	if c.Collector.Pipeline.Flush > 100*time.Millisecond {
		return fmt.Errorf("flush is %s: events wait at most 200ms", c.Collector.Pipeline.Flush)
	}
	return c.Collector.Validate()
}

func (c Config) sourcetype() string {
	if c.Sourcetype != "" {
		return c.Sourcetype
	}
	return c.Format.Sourcetype()
}

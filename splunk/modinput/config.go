package modinput

import (
	"fmt"
	"strings"
	"time"

	"github.com/weirflow/weir/collector/config"
)

// A Config is what a stanza sets.
type Config struct {
	Stanza     string // "weir://core"
	Sourcetype string // "": that of Format
	Format     Format
	Collector  config.Config
}

// Default holds the defaults of the collector, but it stops within splunkd's
// patience.
func Default() Config {
	c := Config{Collector: config.Default()}
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
	for _, a := range args {
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
	return c, c.Validate()
}

// Validate says what is wrong with c.
func (c Config) Validate() error {
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

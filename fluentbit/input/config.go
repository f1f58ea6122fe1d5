package input

import (
	"fmt"
	"strings"

	"github.com/weirflow/weir/collector/config"
	"github.com/weirflow/weir/shared/encode"
)

// Config is what an Instance needs to know.
type Config struct {
	Collector   config.Config  // sockets, decoding, queues
	Schema      encode.Profile // names of a record's keys
	BufferLimit int            // octets of events that wait for Fluent Bit
	MaxBatch    int            // octets of events handed over in one call
}

// Default listens where the collector listens by default.
func Default() Config {
	return Config{
		Collector:   config.Default(),
		Schema:      encode.ECS,
		BufferLimit: 64e6,
		MaxBatch:    32e6,
	}
}

// A Property is a key of an input's section in Fluent Bit's configuration.
type Property struct {
	Name string
	Doc  string
	set  func(c *Config, value string) error
}

// Properties lists all that there are. Each is given as text; an empty one
// counts as not given. The README's table is this one.
var Properties = []Property{
	{"config_file", "weir's own YAML file, for all that has no property here; properties win over it", func(c *Config, v string) (err error) {
		c.Collector, err = config.Load(v)
		return err
	}},
	{"listeners", "where exporters send to, comma list: udp://:2055,udp://[::1]:4739", func(c *Config, v string) error {
		return c.Collector.Set("listeners", v)
	}},
	{"schema", "names of a record's keys: ecs, ipfix, flat, cim or otel", func(c *Config, v string) (err error) {
		c.Schema, err = encode.ParseProfile(strings.ToLower(v))
		return err
	}},
	{"buffer_limit", "most that waits for Fluent Bit, as 64m; a full buffer drops its oldest events", func(c *Config, v string) (err error) {
		c.BufferLimit, err = parseSize(v)
		return err
	}},
	{"max_batch", "most that Fluent Bit gets in one call, which is once a second, as 32m", func(c *Config, v string) (err error) {
		c.MaxBatch, err = parseSize(v)
		return err
	}},
}

// Read makes a Config of the properties that get returns, "" for those that
// aren't given. An error is one sentence that names the property.
func Read(get func(name string) string) (Config, error) {
	c := Default()
	if err := findMistake(get); err != nil {
		return c, err
	}
	for _, p := range Properties {
		v := strings.TrimSpace(get(p.Name))
		if v == "" {
			continue
		}
		if err := p.set(&c, v); err != nil {
			return c, fmt.Errorf("property %q: %w", p.Name, err)
		}
	}
	return c, c.Validate()
}

// leastSize holds a chunk and an event of any length that a datagram can bring.
const leastSize = 1e6

func (c Config) Validate() error {
	if c.BufferLimit < leastSize {
		return fmt.Errorf("property \"buffer_limit\": %d is less than 1m", c.BufferLimit)
	}
	if c.MaxBatch < leastSize {
		return fmt.Errorf("property \"max_batch\": %d is less than 1m", c.MaxBatch)
	}
	return c.Collector.Validate()
}

package input

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/weirflow/weir/collector/config"
	"github.com/weirflow/weir/shared/encode"
)

// Config is what an Instance needs to know.
type Config struct {
	Collector   config.Config // sockets, decoding, queues, names
	Schema      encode.Profile
	Options     encode.Options
	Types       Types
	BufferLimit int // octets of events that wait for Fluent Bit
	MaxBatch    int // octets of events handed over in one call
	Direct      bool
	SpillPath   string // "": what doesn't fit is dropped
	SpillLimit  int    // octets
	StatsEvery  time.Duration
}

// Default listens where the collector listens by default.
func Default() Config {
	return Config{
		Collector:   config.Default(),
		Schema:      encode.ECS,
		Options:     encode.Options{Typed: true, Meta: true},
		Types:       allTypes,
		BufferLimit: 64e6,
		MaxBatch:    32e6,
		SpillLimit:  1e9,
		StatsEvery:  time.Minute,
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
	{"fields", "which columns, a comma list of names in any schema, and extras for elements without a column; all by default", func(c *Config, v string) error {
		return parseFields(v, &c.Options)
	}},
	{"keys", "nested, or dotted: source.ip as one key; of the schema ecs", func(c *Config, v string) error {
		return oneOf(v, map[string]func(){"nested": func() { c.Options.Dotted = false }, "dotted": func() { c.Options.Dotted = true }})
	}},
	{"types", "which events, a comma list: flows, options, counters, stats, findings; all by default", func(c *Config, v string) (err error) {
		c.Types, err = parseTypes(v)
		return err
	}},
	{"event_time", "the time of a flow's event: end, start or received", func(c *Config, v string) error {
		return oneOf(v, map[string]func(){
			"end": func() { c.Options.Time = encode.End }, "start": func() { c.Options.Time = encode.Start }, "received": func() { c.Options.Time = encode.Received },
		})
	}},
	{"community_id", "on: each flow gets its Community ID, at the cost of a SHA-1", func(c *Config, v string) (err error) {
		c.Options.CommunityID, err = parseBool(v)
		return err
	}},
	{"append", "how Fluent Bit gets events: callback, once a second, or direct, as they come", func(c *Config, v string) error {
		return oneOf(v, map[string]func(){"callback": func() { c.Direct = false }, "direct": func() { c.Direct = true }})
	}},
	{"buffer_limit", "most that waits for Fluent Bit, as 64m; a full buffer drops its oldest events", func(c *Config, v string) (err error) {
		c.BufferLimit, err = parseSize(v)
		return err
	}},
	{"max_batch", "most that Fluent Bit gets in one call, which is once a second, as 32m", func(c *Config, v string) (err error) {
		c.MaxBatch, err = parseSize(v)
		return err
	}},
	{"spill_path", "directory for what the buffer has no room for, instead of dropping it", func(c *Config, v string) error {
		c.SpillPath = v
		return nil
	}},
	{"spill_limit", "most that is kept there, as 1g", func(c *Config, v string) (err error) {
		c.SpillLimit, err = parseSize(v)
		return err
	}},
	{"state_path", "directory for templates, sampling rates and names, which survive a restart then", func(c *Config, v string) error {
		c.Collector.Data = v
		return nil
	}},
	{"stats_interval", "how often the ledger of losses is an event, and in the log, as 60s; 0: never", func(c *Config, v string) (err error) {
		c.StatsEvery, err = parseInterval(v)
		return err
	}},
}

// oneOf calls what choices have for v.
func oneOf(v string, choices map[string]func()) error {
	f := choices[strings.ToLower(v)]
	if f == nil {
		return fmt.Errorf("%q is none of %s", v, strings.Join(slices.Sorted(maps.Keys(choices)), ", "))
	}
	f()
	return nil
}

// parseBool reads a boolean as Fluent Bit writes it.
func parseBool(v string) (bool, error) {
	switch strings.ToLower(v) {
	case "on", "true", "yes", "1":
		return true, nil
	case "off", "false", "no", "0":
		return false, nil
	}
	return false, fmt.Errorf("%q is neither on nor off", v)
}

// parseInterval reads a duration; a number alone is of seconds, as in Fluent Bit.
func parseInterval(v string) (time.Duration, error) {
	d, err := time.ParseDuration(v)
	if n, e := strconv.Atoi(v); e == nil {
		d, err = time.Duration(n)*time.Second, nil
	}
	if err != nil || d < 0 || d > 24*time.Hour {
		return 0, fmt.Errorf("%q is not a duration up to 24h, as 60s", v)
	}
	return d, nil
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
	if c.SpillPath != "" && c.SpillLimit < leastSize {
		return fmt.Errorf("property \"spill_limit\": %d is less than 1m", c.SpillLimit)
	}
	if c.StatsEvery != 0 && c.StatsEvery < time.Second {
		return fmt.Errorf("property \"stats_interval\": %s is less than 1s", c.StatsEvery)
	}
	return c.Collector.Validate()
}

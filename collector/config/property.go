package config

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/weirflow/weir/collector/pipeline"
	"github.com/weirflow/weir/collector/source"
)

// A property is a setting under the name that hosts give it: they have flat
// lists of names and texts where the YAML file nests.
type property struct {
	name string
	doc  string
	set  func(c *Config, value string) error
}

// properties is the one table of them; each is a key of the YAML file.
var properties = []property{
	{"listeners", "listen: addresses, separated by commas", func(c *Config, v string) (err error) {
		c.Listen, err = source.SplitListens(v)
		return err
	}},
	{"buffer", "source.buffer: octets that the kernel may hold for a socket, as 8MiB", func(c *Config, v string) error {
		return c.Source.Buffer.UnmarshalText([]byte(v))
	}},
	{"batch", "pipeline.batch: flows in a batch", func(c *Config, v string) error { return number(&c.Pipeline.Batch, v) }},
	{"flush", "pipeline.flush: a batch waits this long to become full, as 100ms", func(c *Config, v string) error { return duration(&c.Pipeline.Flush, v) }},
	{"queue", "pipeline.queue: batches that may wait", func(c *Config, v string) error { return number(&c.Pipeline.Queue, v) }},
	{"overflow", "pipeline.overflow: drop-oldest or block", func(c *Config, v string) error {
		c.Pipeline.Overflow = pipeline.Overflow(v)
		return nil
	}},
	{"drain", "pipeline.drain: at the end, the sink has this long for what is queued, as 5s", func(c *Config, v string) error { return duration(&c.Pipeline.Drain, v) }},
	{"exporters", "limits.exporters: exporters that are remembered", func(c *Config, v string) error { return number(&c.Limits.Sessions, v) }},
	{"templates", "limits.templates: templates of one exporter", func(c *Config, v string) error { return number(&c.Limits.Templates, v) }},
	{"template_timeout", "limits.template_timeout: over UDP, a template that is not announced again for so long is forgotten, as 24h", func(c *Config, v string) error {
		return duration(&c.Limits.Timeout, v)
	}},
}

// Set sets a property. Case and the difference between - and _ don't matter in
// key. Whether the values fit together Validate says.
func (c *Config) Set(key, value string) error {
	name := strings.ReplaceAll(strings.ToLower(key), "-", "_")
	value = strings.TrimSpace(value)
	for _, p := range properties {
		if p.name == name {
			if err := p.set(c, value); err != nil {
				return fmt.Errorf("%s: %w", key, err)
			}
			return nil
		}
	}
	return fmt.Errorf("unknown key %q%s", key, meant(name, propertyNames()))
}

func propertyNames() (names []string) {
	for _, p := range properties {
		names = append(names, p.name)
	}
	return names
}

func number(dst *int, v string) error {
	n, err := strconv.Atoi(v)
	if err != nil {
		return fmt.Errorf("%q is not a whole number", v)
	}
	*dst = n
	return nil
}

func duration(dst *time.Duration, v string) error {
	d, err := time.ParseDuration(v)
	if err != nil {
		return fmt.Errorf("%q is not a duration: write a number with a unit, as 100ms or 5s", v)
	}
	*dst = d
	return nil
}

// meant names the key that was perhaps meant, or all that there are.
func meant(key string, keys []string) string {
	best, least := "", 0
	for _, k := range keys {
		if d := distance(key, k); best == "" || d < least {
			best, least = k, d
		}
	}
	if 3*least > len(key)+1 {
		return ": the keys are " + strings.Join(keys, ", ")
	}
	return fmt.Sprintf(": did you mean %q?", best)
}

// distance is Levenshtein's.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range a {
		diagonal := row[0]
		row[0] = i + 1
		for j := range b {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

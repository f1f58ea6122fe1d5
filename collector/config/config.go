package config

import (
	"fmt"
	"time"

	"github.com/weirflow/weir/collector/enrich"
	"github.com/weirflow/weir/collector/pipeline"
	"github.com/weirflow/weir/collector/source"
	"github.com/weirflow/weir/shared/template"
)

// Config is the YAML file.
type Config struct {
	Listen   source.Listens  `yaml:"listen"`   // addresses, as ":2055" or "udp://127.0.0.1:2055?protocol=sflow", or maps
	Source   source.Config   `yaml:"source"`   // how datagrams and connections are taken
	Pipeline pipeline.Config `yaml:"pipeline"` // from decoding to the sinks; queue and overflow are for sinks that say nothing else
	Enrich   enrich.Config   `yaml:"enrich"`   // names, countries, directions; overrides; anonymisation
	Limits   template.Limits `yaml:"limits"`   // what exporters can make us hold
	Data     string          `yaml:"data"`     // directory of what survives a restart; "": nothing does
	Elements []string        `yaml:"elements"` // CSV files of your own information elements, as 9-cisco.csv
}

// Default listens on the ports that exporters are set to: 2055 for NetFlow,
// 4739 for IPFIX, 6343 for sFlow (each takes all).
func Default() Config {
	return Config{
		Listen:   source.Listens{{Address: ":2055"}, {Address: ":4739"}, {Address: ":6343"}},
		Source:   source.Default(),
		Pipeline: pipeline.Default(),
		Enrich:   enrich.Default(),
		Limits:   template.DefaultLimits(),
	}
}

// Validate says what is wrong with c, and what to write instead.
func (c Config) Validate() error {
	if err := c.Listen.Validate(); err != nil {
		return err
	}
	if err := c.Source.Validate(); err != nil {
		return fmt.Errorf("source: %w", err)
	}
	if err := c.Pipeline.Validate(); err != nil {
		return fmt.Errorf("pipeline: %w", err)
	}
	if err := c.Enrich.Validate(); err != nil {
		return fmt.Errorf("enrich: %w", err)
	}
	for _, l := range []struct {
		name  string
		value int
	}{{"exporters", c.Limits.Sessions}, {"templates", c.Limits.Templates}} {
		if l.value < 0 || l.value > 1<<24 {
			return fmt.Errorf("limits: %s is %d: write a number from 1 to %d, or 0 for the default", l.name, l.value, 1<<24)
		}
	}
	for _, l := range []struct {
		name  string
		value int64
	}{{"octets", c.Limits.Octets}, {"waiting", c.Limits.Waiting}, {"fields", int64(c.Limits.Fields)}, {"names", int64(c.Limits.Names)}} {
		if l.value < 0 {
			return fmt.Errorf("limits: %s is %d: write a number above 0, or 0 for the default", l.name, l.value)
		}
	}
	if d := c.Limits.Timeout; d > 0 && d < time.Minute {
		return fmt.Errorf("limits: template_timeout is %s: write a duration of 1m or more, 0s for the default, or -1s for never", d)
	}
	return nil
}

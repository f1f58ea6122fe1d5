package daemon

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/weirflow/weir/collector/api"
	"github.com/weirflow/weir/collector/config"
	"github.com/weirflow/weir/collector/findings"
	"github.com/weirflow/weir/collector/sink"
	"github.com/weirflow/weir/shared/query"
)

// Config is the YAML file of the collector.
type Config struct {
	config.Config `yaml:",inline"`
	Store         config.Store    `yaml:"store"`    // what keeps flows, and answers questions about them; without a data directory there is none
	Sinks         sink.List       `yaml:"sinks"`    // where flows go
	API           api.Config      `yaml:"api"`      // exporters, flows, metrics over HTTP
	Findings      findings.Config `yaml:"findings"` // of detectors, as the API is told of them; without a data directory none are kept
	Relay         []Relay         `yaml:"relay"`    // datagrams passed on as they came
}

// A Relay is another collector that gets the datagrams too.
type Relay struct {
	sink.Relay `yaml:",inline"`
	Filter     string `yaml:"filter"` // datagrams with a flow that it lets through; empty: all
}

// UnmarshalYAML reads over the defaults.
func (r *Relay) UnmarshalYAML(unmarshal func(any) error) error {
	type plain Relay
	p := plain{Relay: sink.DefaultRelay()}
	if err := unmarshal(&p); err != nil {
		return err
	}
	*r = Relay(p)
	return nil
}

// Default is a collector that looks after itself: applications by their ports, the
// store, and the API on loopback.
func Default() Config {
	c := Config{Config: config.Default(), Store: config.DefaultStore(), API: api.Default(), Findings: findings.Default()}
	c.Enrich.Ports = true
	return c
}

// Read reads a YAML file over the defaults. What the file leaves open may still
// be set: Validate is the caller's.
func Read(path string) (Config, error) {
	c := Default()
	err := config.Read(path, &c)
	return c, err
}

// Validate says what is wrong with c, and what to write instead.
func (c Config) Validate() error {
	if err := c.Config.Validate(); err != nil {
		return err
	}
	if err := c.Store.Validate(); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	if err := c.API.Validate(); err != nil {
		return fmt.Errorf("api: %w", err)
	}
	if err := c.Findings.Validate(); err != nil {
		return fmt.Errorf("findings: %w", err)
	}
	if err := c.Sinks.Validate(); err != nil {
		return fmt.Errorf("sinks: %w", err)
	}
	for _, s := range c.Sinks {
		switch s.Name {
		case api.TailOutput:
			return fmt.Errorf("sinks: %s is the name of what the API shows: write another", s.Name)
		case storeOutput:
			return fmt.Errorf("sinks: %s is the name of the embedded store: write another", s.Name)
		}
	}
	for i, r := range c.Relay {
		if err := r.Validate(); err != nil {
			return fmt.Errorf("relay %d: %w", i+1, err)
		}
		if r.Loops(c.Listen) {
			return fmt.Errorf("relay %d: to is %s, where this weir listens itself: write another collector's address", i+1, r.To)
		}
		if _, err := query.Parse(r.Filter); err != nil && r.Filter != "" {
			return fmt.Errorf("relay %d: filter: %w", i+1, err)
		}
	}
	if c.API.Listen != "" && c.Data == "" && len(c.API.Tokens) == 0 {
		return errors.New("api has no token: write one under api.tokens, or a directory as data, where one is made")
	}
	return nil
}

// keeps tells whether there is a store, and where it is.
func (c Config) keeps() (dir string, ok bool) {
	switch {
	case c.Store.Off:
		return "", false
	case c.Store.Dir != "":
		return c.Store.Dir, true
	}
	return filepath.Join(c.Data, "store"), c.Data != ""
}

// FindingsDir returns where findings are kept, "" if they are not.
func (c Config) FindingsDir() string {
	if c.Data == "" {
		return ""
	}
	return filepath.Join(c.Data, "findings")
}

// token returns the file of the API's token.
func (c Config) token() string {
	if c.Data == "" {
		return ""
	}
	return filepath.Join(c.Data, "token")
}

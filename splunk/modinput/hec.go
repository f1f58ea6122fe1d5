package modinput

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"strings"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/splunk/hec"
)

// A HECConfig sets how flows go to HTTP Event Collectors.
type HECConfig struct {
	hec.Config
	Secret      string // realm:name of the token in Splunk's credential storage
	SplunkdCA   string
	SplunkdName string

	stored *hec.Secret // where the token was read; nil: the stanza has it
}

func defaultHEC() HECConfig {
	c := HECConfig{Config: hec.Default(), Secret: "weir:hec"}
	c.Drain = drainTime
	return c
}

// Set sets an argument of a stanza: hec_url and the like.
func (c *HECConfig) Set(name, value string) (err error) {
	switch name {
	case "hec_url":
		c.URLs = nil
		for u := range strings.SplitSeq(value, ",") {
			if u = strings.TrimSpace(u); u != "" {
				c.URLs = append(c.URLs, u)
			}
		}
	case "hec_secret":
		c.Secret = value
	case "hec_token":
		c.Token = value
	case "hec_ca":
		c.CA = value
	case "hec_name":
		c.Name = value
	case "hec_gzip":
		c.Gzip, err = parseBool(name, value)
	case "hec_ack":
		c.Ack, err = parseBool(name, value)
	case "hec_batch":
		if c.Events, err = strconv.Atoi(value); err != nil {
			return fmt.Errorf("hec_batch is %q: write a number", value)
		}
	case "splunkd_ca":
		c.SplunkdCA = value
	case "splunkd_name":
		c.SplunkdName = value
	default:
		panic("modinput: bug: no setting " + name)
	}
	return err
}

// Validate says what is wrong with c. The token may still be in Splunk's
// credential storage.
func (c HECConfig) Validate() error {
	if c.Token == "" {
		_, user, ok := strings.Cut(c.Secret, ":")
		if !ok || user == "" {
			return fmt.Errorf("hec_secret is %q: write realm:name", c.Secret)
		}
		c.Token = "later"
	}
	return c.Config.Validate()
}

// A hecSink is where flows go with the output HEC. A Stitcher hands flows on
// beside the pipeline as well, without a context of its: until what is sent
// ends.
type hecSink struct {
	*hec.Sink
	sending context.Context
}

// newHEC makes the sink of cfg. It waits for event collectors until sending ends.
func newHEC(sending context.Context, cfg *Config, log *slog.Logger) (*hecSink, error) {
	c := cfg.HEC.Config
	c.Source, c.Sourcetype, c.Index = cfg.Stanza, cfg.sourcetype(), cfg.Index
	s, err := hec.New(c, cfg.NewRaw(), log)
	if err != nil {
		return nil, err
	}
	return &hecSink{s, sending}, nil
}

func (s *hecSink) Take(_ context.Context, b *flow.Batch, r Receipt) error {
	return s.Sink.Take(s.sending, b, r)
}

func (s *hecSink) Write(_ context.Context, b *flow.Batch) error { return s.Sink.Write(s.sending, b) }

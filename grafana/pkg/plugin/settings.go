package plugin

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/grafana/grafana-plugin-sdk-go/backend"

	"github.com/weirflow/weir/collector/config"
	"github.com/weirflow/weir/collector/source"
	"github.com/weirflow/weir/shared/query/engine"
)

// Settings is what the operator sets of a datasource: Grafana's jsonData.
type Settings struct {
	Mode     string `json:"mode"`      // direct (default): it listens itself; collector: it asks one
	URL      string `json:"url"`       // of the collector
	Listen   string `json:"listen"`    // UDP addresses, separated by commas: udp://127.0.0.1:2055
	WindowMB int    `json:"window_mb"` // memory for flows, in MiB

	token        string // for the collector: Grafana's secureJsonData
	administered string // where the process listens anyhow; "": nowhere
}

// The ways to flows.
const (
	modeDirect    = "direct"
	modeCollector = "collector"
)

// DefaultSettings listens on loopback only: what is reachable from the network
// is the operator's choice.
func DefaultSettings() Settings {
	return Settings{Mode: modeDirect, URL: "http://127.0.0.1:8085", Listen: "udp://127.0.0.1:2055,udp://127.0.0.1:4739,udp://127.0.0.1:6343", WindowMB: 64}
}

// ParseSettings reads what is set of a datasource over the defaults: jsonData, the
// URL that Grafana has for all kinds, and the token of secureJsonData. Keys that it
// doesn't know are Grafana's.
func ParseSettings(d backend.DataSourceInstanceSettings) (Settings, error) {
	return parseSettings(d, DefaultSettings())
}

func parseSettings(d backend.DataSourceInstanceSettings, s Settings) (Settings, error) {
	if d.URL != "" {
		s.URL = d.URL
	}
	s.token = d.DecryptedSecureJSONData["token"]
	if len(d.JSONData) > 0 {
		if err := json.Unmarshal(d.JSONData, &s); err != nil {
			return s, fmt.Errorf("settings: %w", err)
		}
	}
	if strings.TrimSpace(s.Listen) == "" && s.administered != "" {
		s.Listen = s.administered
	}
	return s, s.Validate()
}

// Validate says what is wrong with s, and what to write instead.
func (s Settings) Validate() error {
	switch s.Mode {
	case modeDirect:
	case modeCollector:
		u, err := url.Parse(s.URL)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.User != nil {
			return fmt.Errorf("url is %q: write one as %s", s.URL, DefaultSettings().URL)
		}
		return nil
	default:
		return fmt.Errorf("mode is %q: write direct or collector", s.Mode)
	}
	const least, most = engine.MinLimit >> 20, 64 << 10
	if s.WindowMB < least || s.WindowMB > most {
		return fmt.Errorf("window_mb is %d: write a number of MiB from %d to %d", s.WindowMB, least, most)
	}
	if strings.Trim(s.Listen, ", ") == "" {
		return errors.New("listen is empty: write at least one address, as " + DefaultSettings().Listen)
	}
	c, err := s.config()
	if err != nil {
		return err
	}
	return c.Validate()
}

func (s Settings) config() (c config.Config, err error) {
	c = config.Default()
	if c.Listen, err = source.SplitListens(s.Listen); err != nil {
		return c, err
	}
	for _, l := range c.Listen {
		// A plug-in doesn't touch files, as those of certificates.
		if scheme := l.Scheme(); scheme == "tls" || scheme == "dtls" {
			return c, fmt.Errorf("listen address %q: %s is for weir run: write udp:// or tcp://, or point the datasource at a collector", l.Address, scheme)
		}
	}
	return c, nil
}

// addresses returns the addresses of valid settings in one form and order.
func (s Settings) addresses() []string {
	var all []string
	listens, _ := source.SplitListens(s.Listen)
	for _, l := range listens {
		all = append(all, l.String())
	}
	slices.Sort(all)
	return all
}

func (s Settings) limit() int64 { return int64(s.WindowMB) << 20 }

package hec

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// A Config says where events are sent to, and how.
type Config struct {
	URLs  []string // of the indexers: https://host:8088
	Token string   // of the event collector

	Source     string // of all events; "": the token's
	Sourcetype string // of all events
	Index      string // of all events; "": the token's

	Events int           // a request is sent when it has so many events
	Octets int           // or about so many octets; Splunk Cloud takes 1,000,000
	Age    time.Duration // or when its first event has waited so long
	Memory int           // octets of events that are not written yet, in all

	Connections int  // requests that an indexer may have at once
	Gzip        bool // compress requests: more CPU time on both sides, about a sixth of the octets

	Ack        bool          // wait for the indexers' acknowledgement: the token must have it (useACK = 1)
	Channel    string        // of acknowledgements, a GUID; "": a new one for each run and indexer
	Poll       time.Duration // acknowledgements are asked for so often
	AckTimeout time.Duration // what is not acknowledged within this is sent again

	Timeout time.Duration // for an answer
	Backoff time.Duration // before an indexer is tried again; doubled each time
	Longest time.Duration // and never more than this, unless it asks for more
	Drain   time.Duration // at the end, for what is on its way, if the pipeline leaves so much

	CA   string // PEM file of those that vouch for the indexers; "": the system's
	Name string // that their certificates must have; "": the host's in URLs
}

// Default lacks URLs and Token.
func Default() Config {
	return Config{
		Sourcetype: "weir:flow",
		Events:     2000, Octets: 900_000, Age: time.Second, Memory: 32 << 20,
		Connections: 2,
		Poll:        500 * time.Millisecond, AckTimeout: 2 * time.Minute,
		Timeout: 30 * time.Second, Backoff: 500 * time.Millisecond, Longest: 30 * time.Second, Drain: 3 * time.Second,
	}
}

// maxIndexers is how many bits a request has for those that refused it.
const maxIndexers = 64

// Validate says what is wrong with c, and what to write instead. The file CA is
// read later.
func (c Config) Validate() error {
	switch {
	case len(c.URLs) == 0:
		return errors.New("hec_url is empty: write where the event collector listens, as https://indexer.example.net:8088; commas between several")
	case len(c.URLs) > maxIndexers:
		return fmt.Errorf("hec_url has %d addresses: write at most %d, or a load balancer's", len(c.URLs), maxIndexers)
	}
	secure := false
	for _, text := range c.URLs {
		u, err := parseURL(text)
		if err != nil {
			return err
		}
		secure = secure || u.Scheme == "https"
	}
	if (c.CA != "" || c.Name != "") && !secure {
		return errors.New("hec_ca or hec_name is set, and no address of hec_url begins with https://: leave them out, or write https://")
	}
	if c.Token == "" {
		return errors.New("the token is empty: copy it from Splunk's Settings, Data inputs, HTTP Event Collector")
	}
	for _, x := range []struct{ key, value string }{{"the token", c.Token}, {"hec_channel", c.Channel}} {
		if strings.ContainsFunc(x.value, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return fmt.Errorf("%s has a character that it can't have: copy it again, without spaces", x.key) // which isn't shown: it is a secret
		}
	}
	between := func(key string, v, least, most int) error {
		if v < least || v > most {
			return fmt.Errorf("%s is %d: write a number from %d to %d", key, v, least, most)
		}
		return nil
	}
	during := func(key string, v, least, most time.Duration) error {
		if v < least || v > most {
			return fmt.Errorf("%s is %s: write a duration from %s to %s", key, v, least, most)
		}
		return nil
	}
	if err := errors.Join(
		between("hec_batch", c.Events, 1, 100_000),
		between("hec_batch_bytes", c.Octets, 1024, 500_000_000),
		between("hec_memory", c.Memory, 1<<20, 1<<40),
		between("hec_connections", c.Connections, 1, 64),
		during("hec_batch_age", c.Age, time.Millisecond, time.Minute),
		during("hec_ack_poll", c.Poll, time.Millisecond, time.Minute),
		during("hec_ack_timeout", c.AckTimeout, time.Millisecond, time.Hour),
		during("hec_timeout", c.Timeout, time.Millisecond, 10*time.Minute),
		during("hec_backoff", c.Backoff, time.Millisecond, time.Hour),
		during("hec_backoff_longest", c.Longest, c.Backoff, time.Hour),
		during("hec_drain", c.Drain, 0, time.Minute),
	); err != nil {
		return err
	}
	if c.Memory < 2*c.Octets {
		return fmt.Errorf("hec_memory is %d and hec_batch_bytes %d: memory for two requests is the least", c.Memory, c.Octets)
	}
	return nil
}

// collector is the event collector's path.
const collector = "/services/collector"

// parseURL returns the base of an indexer's address: what comes before
// /services/collector.
func parseURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "":
		return nil, fmt.Errorf("hec_url: %q is not understood: write it as https://indexer.example.net:8088", text)
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, fmt.Errorf("hec_url: %q begins with %s://: write https://", text, u.Scheme)
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return nil, fmt.Errorf("hec_url: %q has more than a host, a port and a path: the token is a setting of its own", u.Redacted())
	}
	u.Path = strings.TrimSuffix(strings.TrimSuffix(strings.TrimRight(u.Path, "/"), "/event"), collector)
	u.RawPath = ""
	return u, nil
}

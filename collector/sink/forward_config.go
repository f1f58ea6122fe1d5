package sink

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/weirflow/weir/shared/encode"
)

// Forward says how flows are sent to Fluent Bit or Fluentd (the Forward
// protocol, version 1).
type Forward struct {
	Servers       []string      `yaml:"servers"`         // host, host:port, tcp://host:port, tls://host:port or unix:///path; without a port 24224
	Balance       string        `yaml:"balance"`         // failover, one that works, the first is tried first; or round-robin, one after the other
	Tag           string        `yaml:"tag"`             // of the events
	Profile       string        `yaml:"profile"`         // names of the fields: ipfix, ecs, flat, cim or otel
	Compress      string        `yaml:"compress"`        // none, gzip, or zstd (Fluentd from 1.19, newer Fluent Bit)
	Ack           bool          `yaml:"ack"`             // a batch counts as written when the server has acknowledged it; without, what is on its way when a connection breaks is lost
	Window        int           `yaml:"window"`          // of ack: messages that may still wait for it when their batch counts as written; 0 is exact, more is faster over long distances
	Timeout       time.Duration `yaml:"timeout"`         // for a connection, a message, and an acknowledgement
	Backoff       time.Duration `yaml:"backoff"`         // before a server is tried again; doubled each time
	Longest       time.Duration `yaml:"longest"`         // and never more than this
	GiveUp        time.Duration `yaml:"give_up"`         // a batch that isn't delivered within this counts as failed; 0: it is tried until it is, and the queue holds the others
	SharedKey     string        `yaml:"shared_key"`      // as the server's; better in a file:
	SharedKeyFile string        `yaml:"shared_key_file"` // its first line is the key
	User          string        `yaml:"user"`            // where the server asks for one
	PasswordFile  string        `yaml:"password_file"`   // its first line is the password
	Hostname      string        `yaml:"hostname"`        // what we call ourselves; empty: the system's name
	TLS           ForwardTLS    `yaml:"tls"`             //
}

// ForwardTLS is for servers that begin with tls://.
type ForwardTLS struct {
	CA   string `yaml:"ca"`   // PEM file of those that vouch for the server; empty: the system's
	Name string `yaml:"name"` // that the server's certificate must have; empty: the host's in servers
	Cert string `yaml:"cert"` // PEM file of our certificate, where the server asks for one
	Key  string `yaml:"key"`  // and of its private key
}

const (
	failover   = "failover"
	roundRobin = "round-robin"
)

// DefaultForward waits for acknowledgements; Servers are still to be set.
func DefaultForward() Forward {
	return Forward{
		Balance: failover, Tag: "weir", Profile: encode.ECS.String(), Compress: compressNone, Ack: true,
		Timeout: 10 * time.Second, Backoff: 500 * time.Millisecond, Longest: 30 * time.Second,
	}
}

// Validate says what is wrong with c, and what to write instead. Files are read
// later.
func (c Forward) Validate() error {
	if len(c.Servers) == 0 {
		return errors.New("servers is empty: write where Fluent Bit or Fluentd listens, as [127.0.0.1:24224]")
	}
	secure := false
	for _, s := range c.Servers {
		a, err := parseServer(s)
		if err != nil {
			return err
		}
		secure = secure || a.tls
	}
	if _, err := encode.ParseProfile(c.Profile); err != nil {
		return fmt.Errorf("profile: %w", err)
	}
	if err := oneOf("balance", c.Balance, []string{failover, roundRobin}); err != nil {
		return err
	}
	if err := oneOf("compress", c.Compress, compressions); err != nil {
		return err
	}
	switch {
	case c.Tag == "" || len(c.Tag) > 255:
		return fmt.Errorf("tag has %d octets: write a name of 1 to 255, as weir", len(c.Tag))
	case c.Window < 0 || c.Window > 1024:
		return fmt.Errorf("window is %d: write a number of messages from 0 to 1024", c.Window)
	case c.Window > 0 && !c.Ack:
		return errors.New("window is of acknowledgements, and ack is false: leave one out")
	case c.Timeout < time.Millisecond || c.Timeout > 10*time.Minute:
		return fmt.Errorf("timeout is %s: write a duration from 1ms to 10m", c.Timeout)
	case c.Backoff < time.Millisecond || c.Longest < c.Backoff || c.Longest > time.Hour:
		return fmt.Errorf("backoff is %s and longest %s: write durations from 1ms to 1h, longest not below backoff", c.Backoff, c.Longest)
	case c.GiveUp < 0:
		return fmt.Errorf("give_up is %s: write a duration, or 0s for never", c.GiveUp)
	case c.SharedKey != "" && c.SharedKeyFile != "":
		return errors.New("there are shared_key and shared_key_file: leave one out")
	case c.User != "" && c.SharedKey == "" && c.SharedKeyFile == "":
		return errors.New("there is a user and no shared key, without which servers ask for none: write shared_key_file")
	case (c.User == "") != (c.PasswordFile == ""):
		return errors.New("user and password_file go together: write both or none")
	case len(c.User) > 255 || len(c.Hostname) > 255:
		return errors.New("user or hostname has more than 255 octets")
	case (c.TLS.Cert == "") != (c.TLS.Key == ""):
		return errors.New("tls: cert and key go together: write both or none")
	case c.TLS != (ForwardTLS{}) && !secure:
		return errors.New("tls is set, and no server begins with tls://: write tls:// before the servers that speak it")
	}
	return nil
}

// A server is an address in parts.
type server struct {
	text    string // as it was written
	network string // tcp or unix
	address string // for net.Dial
	host    string
	tls     bool
}

// forwardPort is the Forward protocol's.
const forwardPort = "24224"

func parseServer(text string) (server, error) {
	s := server{text: text, network: "tcp"}
	scheme, rest, ok := strings.Cut(text, "://")
	if !ok {
		scheme, rest = "tcp", text
	}
	switch scheme {
	case "unix":
		s.network, s.address = "unix", rest
		if !strings.HasPrefix(rest, "/") {
			return s, fmt.Errorf("servers: %q has no absolute path: write it as unix:///run/fluent.sock", text)
		}
		return s, nil
	case "tls":
		s.tls = true
	case "tcp":
	default:
		return s, fmt.Errorf("servers: %q begins with %s://: write tcp://, tls:// or unix://", text, scheme)
	}
	host, port, err := net.SplitHostPort(rest)
	if err != nil { // no port
		host, port = strings.Trim(rest, "[]"), forwardPort
	}
	if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 || host == "" || strings.ContainsAny(host, "/ ") {
		return s, fmt.Errorf("servers: %q is not understood: write host:port, as logs.example.net:24224", text)
	}
	s.host, s.address = host, net.JoinHostPort(host, port)
	return s, nil
}

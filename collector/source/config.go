package source

import (
	"cmp"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"
)

// Config is what an operator may set for all listeners.
type Config struct {
	Buffer  Size `yaml:"buffer"`  // octets that the kernel may hold for a socket (SO_RCVBUF); 0: its default
	Unknown int  `yaml:"unknown"` // datagrams a second that a listener takes from all exporters together that have not delivered anything decodable yet; 0: no limit

	Connections int           `yaml:"connections"`              // TCP, TLS and DTLS: of a listener, at once
	PerExporter int           `yaml:"connections_per_exporter"` // of one address
	Message     time.Duration `yaml:"message_timeout"`          // a message that has begun must be whole after this
	Silence     time.Duration `yaml:"silence_timeout"`          // a connection on which nothing comes for so long is ended

	Idle  time.Duration `yaml:"-"` // Read comes back after so long without a datagram; 0: 100 ms
	Known Known         `yaml:"-"` // who has delivered; nil: Unknown is no limit
	Log   *slog.Logger  `yaml:"-"` // nil: nothing is logged

	// Share lets other processes of this user listen on the same UDP ports; the
	// kernel spreads exporters over them, anew when one comes or goes. One that goes
	// in order loses nothing. A listener is one socket then, whatever Listen.Workers
	// says. Linux only.
	Share bool `yaml:"-"`

	Sockets *Sockets `yaml:"-"` // what systemd has opened; nil: nothing
}

// Default asks for 32 MiB, about 0.3 s of 100,000 datagrams a second while
// others have the CPU; the kernel takes no more than waits. To decode 20,000 spoofed datagrams costs a
// few hundredths of a CPU.
func Default() Config {
	return Config{
		Buffer: 32 << 20, Unknown: 20000,
		Connections: 1024, PerExporter: 16, Message: 30 * time.Second, Silence: 30 * time.Minute,
	}
}

// Settings returns what of c an operator sets.
func (c Config) Settings() Config {
	c.Idle, c.Known, c.Log, c.Sockets, c.Share = 0, nil, nil, nil, false
	return c
}

// complete puts defaults where c has none.
func (c *Config) complete() {
	d := Default()
	c.Connections = cmp.Or(c.Connections, d.Connections)
	c.PerExporter = cmp.Or(c.PerExporter, d.PerExporter)
	c.Message = cmp.Or(c.Message, d.Message)
	c.Silence = cmp.Or(c.Silence, d.Silence)
	c.Idle = cmp.Or(c.Idle, 100*time.Millisecond)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
}

// Validate says what is wrong with c.
func (c Config) Validate() error {
	switch {
	case c.Buffer < 0 || c.Buffer > 1<<30:
		return fmt.Errorf("buffer is %d: write a size from 0 to 1GiB, as 8MiB", c.Buffer)
	case c.Unknown < 0 || c.Unknown > 1e9:
		return fmt.Errorf("unknown is %d: write a number of datagrams a second, or 0 for no limit", c.Unknown)
	case c.Connections < 0 || c.Connections > 1<<20:
		return fmt.Errorf("connections is %d: write a number from 1 to %d, or 0 for the default", c.Connections, 1<<20)
	case c.PerExporter < 0:
		return fmt.Errorf("connections_per_exporter is %d: write a number above 0, or 0 for the default", c.PerExporter)
	case c.Message < 0:
		return fmt.Errorf("message_timeout is %s: write a duration as 30s, or 0s for the default", c.Message)
	case c.Silence < 0:
		return fmt.Errorf("silence_timeout is %s: write a duration as 30m, or 0s for the default", c.Silence)
	}
	return nil
}

// A Size is a number of octets. As text it may have a unit: k, M, G (powers of
// 1000), or KiB, MiB, GiB (powers of 1024).
type Size int

var units = []struct {
	suffix string
	factor int
}{
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30},
	{"kB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"k", 1e3}, {"M", 1e6}, {"G", 1e9}, {"B", 1}, {"", 1},
}

// UnmarshalText reads "8388608", "8MiB" or "8 MB".
func (s *Size) UnmarshalText(text []byte) error {
	t := string(text)
	for _, u := range units {
		number, ok := strings.CutSuffix(t, u.suffix)
		if !ok {
			continue
		}
		n, err := strconv.Atoi(strings.TrimSpace(number))
		if err != nil || n < 0 || n > (1<<50)/u.factor {
			break
		}
		*s = Size(n * u.factor)
		return nil
	}
	return fmt.Errorf("size %q is not understood: write octets, or a number with a unit, as 8MiB", t)
}

// String returns s with the largest unit that it is a multiple of.
func (s Size) String() string {
	for _, u := range []string{"GiB", "MiB", "KiB"} {
		for _, x := range units {
			if x.suffix == u && s != 0 && int(s)%x.factor == 0 {
				return strconv.Itoa(int(s)/x.factor) + u
			}
		}
	}
	return strconv.Itoa(int(s))
}

// MarshalText writes s as String does.
func (s Size) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

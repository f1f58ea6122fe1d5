package harness

import (
	"bytes"
	"errors"
	"net/netip"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"testing"

	"github.com/weirflow/weir/fluentbit/internal/same"
)

// output gathers what a process writes.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(b)
}

func (o *output) bytes() []byte {
	o.mu.Lock()
	defer o.mu.Unlock()
	return bytes.Clone(o.buf.Bytes())
}

// The same through Fluent Bit itself, where there is one: FLUENT_BIT is its
// path.
func TestFluentBit(t *testing.T) {
	fluentBit := os.Getenv("FLUENT_BIT")
	if fluentBit == "" {
		t.Skip("FLUENT_BIT doesn't say where Fluent Bit is")
	}
	_, plugin := build(t)
	for _, schema := range []string{"ecs", "ipfix"} {
		t.Run(schema, func(t *testing.T) {
			var stdout, stderr output
			cmd := exec.Command(fluentBit, "-f", "1", "-e", plugin,
				"-i", "weir", "-p", "listeners=127.0.0.1:0", "-p", "schema="+schema, "-p", "types=flows",
				"-o", "stdout", "-p", "match=*", "-p", "format=json_lines", "-p", "json_date_format=iso8601")
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			defer cmd.Process.Kill()
			var m [][]byte
			until(t, "the listener", func() bool {
				m = listening.FindSubmatch(stderr.bytes())
				return m != nil
			})
			same.Send(t, netip.MustParseAddrPort(string(m[1])))
			n := same.Records(t)
			until(t, "the events", func() bool { return bytes.Count(stdout.bytes(), []byte("\n{")) >= n-1 })
			if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			var exit *exec.ExitError
			if err := cmd.Wait(); errors.As(err, &exit) {
				t.Errorf("%v: %s", err, stderr.bytes())
			}
			lines := stdout.bytes()
			events, err := same.JSONEvents(lines[bytes.IndexByte(lines, '{'):])
			if err != nil {
				t.Fatal(err)
			}
			same.Compare(t, schema, events)
		})
	}
}

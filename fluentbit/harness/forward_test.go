package harness

import (
	"bytes"
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/weirflow/weir/collector/config"
	"github.com/weirflow/weir/collector/sink"
	"github.com/weirflow/weir/collector/source"
	"github.com/weirflow/weir/fluentbit/internal/same"
)

// The capture by the other way into Fluent Bit: its own input forward, fed by
// weir's sink of that name.
func TestFluentBitForward(t *testing.T) {
	fluentBit := os.Getenv("FLUENT_BIT")
	if fluentBit == "" {
		t.Skip("FLUENT_BIT doesn't say where Fluent Bit is")
	}
	port := freePort(t)
	socket := filepath.Join(t.TempDir(), "s")
	for _, x := range []struct {
		name   string
		args   []string
		change func(*sink.Forward)
	}{
		{"tcp", []string{"-p", "listen=127.0.0.1", "-p", "port=" + port}, func(c *sink.Forward) { c.Servers = []string{"127.0.0.1:" + port} }},
		{"shared key", []string{"-p", "listen=127.0.0.1", "-p", "port=" + port, "-p", "shared_key=secret", "-p", "self_hostname=fluent"}, func(c *sink.Forward) {
			c.Servers, c.SharedKey, c.Compress = []string{"127.0.0.1:" + port}, "secret", "gzip"
		}},
		{"unix", []string{"-p", "unix_path=" + socket}, func(c *sink.Forward) { c.Servers = []string{"unix://" + socket} }},
	} {
		t.Run(x.name, func(t *testing.T) {
			var stdout, stderr output
			cmd := exec.Command(fluentBit, append(append([]string{"-f", "1", "-i", "forward"}, x.args...),
				"-o", "stdout", "-p", "match=*", "-p", "format=json_lines", "-p", "json_date_format=iso8601")...)
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			defer func() {
				cmd.Process.Kill()
				cmd.Wait()
			}()
			c := sink.DefaultForward()
			c.Backoff = 50 * time.Millisecond
			x.change(&c)
			w, err := sink.NewForward(c, sink.Deps{})
			if err != nil {
				t.Fatal(err)
			}
			cfg := config.Default()
			cfg.Listen = source.Listens{{Address: "127.0.0.1:0"}}
			r, err := cfg.Start(w, nil)
			if err != nil {
				t.Fatal(err)
			}
			same.Send(t, r.Addrs()[0])
			n := same.Records(t)
			until(t, "the events", func() bool { return bytes.Count(stdout.bytes(), []byte("\n{")) >= n-1 })
			if err := r.Stop(context.Background()); err != nil {
				t.Error(err)
			}
			lines := stdout.bytes()
			events, err := same.JSONEvents(lines[bytes.IndexByte(lines, '{'):])
			if err != nil {
				t.Fatalf("%v; Fluent Bit says %s", err, stderr.bytes())
			}
			same.Compare(t, "ecs", events)
		})
	}
}

// freePort returns a TCP port that nobody listened on a moment ago.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

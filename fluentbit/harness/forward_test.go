package harness

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/weirflow/weir/collector/config"
	"github.com/weirflow/weir/collector/sink"
	"github.com/weirflow/weir/collector/source"
	"github.com/weirflow/weir/fluentbit/internal/same"
	"github.com/weirflow/weir/shared/flow"
)

// The capture by the other way into Fluent Bit: its own input forward, fed by
// weir's sink of that name.
func TestFluentBitForward(t *testing.T) {
	fluentBit := os.Getenv("FLUENT_BIT")
	if fluentBit == "" {
		t.Skip("FLUENT_BIT doesn't say where Fluent Bit is")
	}
	port := freePort(t)
	dir := t.TempDir()
	socket := filepath.Join(dir, "s")
	cert, key := certificate(t, dir)
	password := filepath.Join(dir, "password")
	if err := os.WriteFile(password, []byte("tell nobody\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		name   string
		args   []string
		change func(*sink.Forward)
	}{
		{"tcp", []string{"-p", "listen=127.0.0.1", "-p", "port=" + port}, func(c *sink.Forward) { c.Servers = []string{"127.0.0.1:" + port} }},
		{"shared key", []string{"-p", "listen=127.0.0.1", "-p", "port=" + port, "-p", "shared_key=secret", "-p", "self_hostname=fluent"}, func(c *sink.Forward) {
			c.Servers, c.SharedKey, c.Compress = []string{"127.0.0.1:" + port}, "secret", "gzip"
		}},
		{"user", []string{"-p", "listen=127.0.0.1", "-p", "port=" + port, "-p", "shared_key=secret", "-p", "security.users=weir tell nobody"}, func(c *sink.Forward) {
			c.Servers, c.SharedKey, c.User, c.PasswordFile, c.Compress = []string{"127.0.0.1:" + port}, "secret", "weir", password, "zstd"
		}},
		{"tls", []string{"-p", "listen=127.0.0.1", "-p", "port=" + port, "-p", "shared_key=secret", "-p", "tls=on", "-p", "tls.verify=off", "-p", "tls.crt_file=" + cert, "-p", "tls.key_file=" + key}, func(c *sink.Forward) {
			c.Servers, c.SharedKey, c.TLS.CA, c.Window = []string{"tls://127.0.0.1:" + port}, "secret", cert, 8
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

// Fluent Bit is stopped, and killed, and started again while flows come: each
// that the sink counted as written is there in the end.
func TestFluentBitForwardRestart(t *testing.T) {
	fluentBit := os.Getenv("FLUENT_BIT")
	if fluentBit == "" {
		t.Skip("FLUENT_BIT doesn't say where Fluent Bit is")
	}
	for _, x := range []struct {
		name   string
		signal os.Signal
		window int
	}{{"stopped", syscall.SIGTERM, 0}, {"stopped, with a window", syscall.SIGTERM, 20}, {"killed", syscall.SIGKILL, 0}} {
		t.Run(x.name, func(t *testing.T) {
			dir, port := t.TempDir(), freePort(t)
			var stderr output
			start := func() *exec.Cmd {
				cmd := exec.Command(fluentBit, "-f", "1", "-b", filepath.Join(dir, "storage"),
					"-i", "forward", "-p", "listen=127.0.0.1", "-p", "port="+port, "-p", "storage.type=filesystem",
					"-o", "file", "-p", "match=*", "-p", "path="+dir, "-p", "file=flows", "-p", "format=plain")
				cmd.Stdout, cmd.Stderr = &stderr, &stderr
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { cmd.Process.Kill() })
				return cmd
			}
			end := func(cmd *exec.Cmd, s os.Signal) {
				if err := cmd.Process.Signal(s); err != nil {
					t.Fatal(err)
				}
				_ = cmd.Wait() // a killed one says so
			}
			c := sink.DefaultForward()
			c.Servers, c.Profile, c.Window = []string{"127.0.0.1:" + port}, "flat", x.window
			c.Backoff, c.Longest = 20*time.Millisecond, 200*time.Millisecond
			w, err := sink.NewForward(c, sink.Deps{})
			if err != nil {
				t.Fatal(err)
			}
			const batches, each = 600, 50
			written := make(chan error, 1)
			go func() {
				defer close(written)
				for i := range batches {
					b := &flow.Batch{}
					fl := b.Grow(each)
					for n := range fl {
						fl[n] = flow.Flow{SrcPort: uint16(i*each + n), End: time.Now().UnixNano()}
						fl[n].Set.Add(flow.FieldSrcPort)
						fl[n].Set.Add(flow.FieldEnd)
					}
					if err := w.Write(context.Background(), b); err != nil {
						written <- err
						return
					}
					time.Sleep(5 * time.Millisecond)
				}
				written <- w.Close()
			}()
			cmd := start()
			for range 2 {
				time.Sleep(1500 * time.Millisecond)
				end(cmd, x.signal)
				time.Sleep(100 * time.Millisecond)
				cmd = start()
			}
			if err := <-written; err != nil {
				t.Fatal(err)
			}
			got := map[int]bool{}
			file := filepath.Join(dir, "flows")
			until(t, "the flows", func() bool {
				data, err := os.ReadFile(file)
				if err != nil {
					return false
				}
				clear(got)
				for line := range bytes.Lines(data) {
					var f struct {
						Port int `json:"src_port"`
					}
					if json.Unmarshal(line, &f) == nil {
						got[f.Port] = true
					}
				}
				return len(got) == batches*each
			})
			end(cmd, syscall.SIGTERM)
		})
	}
}

// A shared key that isn't Fluent Bit's.
func TestFluentBitForwardWrongKey(t *testing.T) {
	fluentBit := os.Getenv("FLUENT_BIT")
	if fluentBit == "" {
		t.Skip("FLUENT_BIT doesn't say where Fluent Bit is")
	}
	port := freePort(t)
	cmd := exec.Command(fluentBit, "-i", "forward", "-p", "listen=127.0.0.1", "-p", "port="+port, "-p", "shared_key=secret", "-o", "null", "-p", "match=*")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		cmd.Process.Kill()
		cmd.Wait()
	}()
	until(t, "the port", func() bool {
		conn, err := net.Dial("tcp4", "127.0.0.1:"+port)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	for key, want := range map[string]string{"other": "its shared key, or user and password, are others than here", "": "the server asks for a shared key"} {
		c := sink.DefaultForward()
		c.Servers, c.SharedKey, c.GiveUp = []string{"127.0.0.1:" + port}, key, 300*time.Millisecond
		w, err := sink.NewForward(c, sink.Deps{})
		if err != nil {
			t.Fatal(err)
		}
		b := &flow.Batch{}
		b.Grow(1)
		if err := w.Write(context.Background(), b); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("key %q: error %v, want %q", key, err, want)
		}
		w.Close()
	}
}

// certificate writes one for 127.0.0.1 that vouches for itself, and its key, to
// files in PEM.
func certificate(t *testing.T, dir string) (cert, key string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	x := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, x, x, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, kind string, der []byte) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	return write("cert.pem", "CERTIFICATE", der), write("key.pem", "PRIVATE KEY", private)
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

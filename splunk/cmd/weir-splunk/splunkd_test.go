//go:build unix

package main

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weirflow/weir/splunk/modinput"
)

// build returns the program's path.
var build = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "weir-splunk")
	if err != nil {
		return "", err
	}
	weir := filepath.Join(dir, "weir")
	c := exec.Command("go", "build", "-trimpath", "-o", weir, ".")
	c.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := c.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return weir, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if weir, err := build(); err == nil {
		os.RemoveAll(filepath.Dir(weir))
	}
	os.Exit(code)
}

// A splunkd stands in for Splunk's daemon: it starts weir as that does, tells it
// what to run, and leaves stdin open.
type splunkd struct {
	t      *testing.T
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stdout *os.File
	stderr *console
	exited chan error
}

type console struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (c *console) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.text.Write(p)
}

func (c *console) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.text.String()
}

// launch starts weir, or wrapper with weir as its last argument.
func launch(t *testing.T, document string, args []string, wrapper ...string) *splunkd {
	t.Helper()
	weir, err := build()
	if err != nil {
		t.Fatal(err)
	}
	argv := append(append(wrapper, weir), args...)
	s := &splunkd{t: t, cmd: exec.Command(argv[0], argv[1:]...), stderr: new(console), exited: make(chan error, 1)}
	s.cmd.Env = []string{"SPLUNK_HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH")}
	s.cmd.Stderr = s.stderr
	if s.stdin, err = s.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	s.stdout, s.cmd.Stdout = r, w
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	t.Cleanup(func() {
		s.cmd.Process.Kill()
		s.stdin.Close()
		r.Close()
	})
	go func() { s.exited <- s.cmd.Wait() }()
	io.WriteString(s.stdin, document)
	return s
}

// stanza is the document of weir://core.
func stanza(t *testing.T, params ...string) string {
	return document("weir://core", t.TempDir(), append([]string{"listeners=127.0.0.1:0", "types=flows", "stitch=false"}, params...)...)
}

// document is what splunkd writes to run a stanza. Of two parameters of a name,
// the last one counts.
func document(name, checkpoints string, params ...string) string {
	doc := `<?xml version="1.0" encoding="UTF-8"?>
<input>
  <server_host>splunk</server_host>
  <server_uri>https://127.0.0.1:8089</server_uri>
  <session_key>k</session_key>
  <checkpoint_dir>` + checkpoints + `</checkpoint_dir>
  <configuration>
    <stanza name="` + name + `" app="TA-weir">
      <param name="host">$decideOnStartup</param>
      <param name="index">net</param>
      <param name="interval">10</param>
`
	for i, p := range params {
		k, v, _ := strings.Cut(p, "=")
		if slices.ContainsFunc(params[i+1:], func(q string) bool { return strings.HasPrefix(q, k+"=") }) {
			continue
		}
		doc += `      <param name="` + k + `">` + v + "</param>\n"
	}
	return doc + "    </stanza>\n  </configuration>\n</input>\n"
}

// find waits for a line on stderr and returns what the pattern's group is there.
func (s *splunkd) find(pattern string) string {
	s.t.Helper()
	re := regexp.MustCompile(pattern)
	for end := time.Now().Add(15 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if m := re.FindStringSubmatch(s.stderr.String()); m != nil {
			return m[1]
		}
	}
	s.t.Fatalf("no %q in %q", pattern, s.stderr)
	return ""
}

func (s *splunkd) number(pattern string) int {
	s.t.Helper()
	n, err := strconv.Atoi(s.find(pattern))
	if err != nil {
		s.t.Fatal(err)
	}
	return n
}

// exit waits for weir's end and returns its exit code.
func (s *splunkd) exit(within time.Duration) int {
	s.t.Helper()
	select {
	case <-s.exited:
		return s.cmd.ProcessState.ExitCode()
	case <-time.After(within):
		s.t.Fatalf("still there after %s: %s", within, s.stderr)
		return 0
	}
}

// connect waits until weir listens.
func (s *splunkd) connect() net.Conn {
	s.t.Helper()
	c, err := net.Dial("udp4", s.find(`INFO listening .*address=(\S+)`))
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { c.Close() })
	return c
}

// await reads until n events are there and returns what it read. From then on
// a stream that doesn't end is an error of reading.
func (s *splunkd) await(n int) io.Reader {
	s.t.Helper()
	s.stdout.SetReadDeadline(time.Now().Add(20 * time.Second))
	var got bytes.Buffer
	for buf := make([]byte, 4096); bytes.Count(got.Bytes(), []byte("</event>")) < n; {
		k, err := s.stdout.Read(buf)
		if err != nil {
			s.t.Fatalf("%v after %q: %s", err, &got, s.stderr)
		}
		got.Write(buf[:k])
	}
	return &got
}

// A slow reader takes only so much at a time.
type slow struct {
	r     io.Reader
	pause time.Duration
}

func (s slow) Read(p []byte) (int, error) {
	time.Sleep(s.pause)
	return s.r.Read(p[:min(len(p), 4096)])
}

// events parses a stream as it comes and returns how many events it has; an
// error if it isn't one whole document.
func events(r io.Reader) (n int, err error) {
	d := xml.NewDecoder(r)
	root, err := d.Token()
	if e, ok := root.(xml.StartElement); err != nil || !ok || e.Name.Local != "stream" {
		return 0, fmt.Errorf("stream begins with %v, %v", root, err)
	}
	for {
		token, err := d.Token()
		if err != nil {
			return n, err
		}
		switch e := token.(type) {
		case xml.EndElement: // of stream
			for {
				token, err := d.Token()
				if text, ok := token.(xml.CharData); ok && strings.TrimSpace(string(text)) == "" {
					continue
				}
				if err == io.EOF {
					return n, nil
				}
				return n, fmt.Errorf("behind the stream: %v, %v", token, err)
			}
		case xml.StartElement:
			var event struct {
				Time string `xml:"time"`
				Host string `xml:"host"`
				Data string `xml:"data"`
			}
			if err := d.DecodeElement(&event, &e); err != nil {
				return n, err
			}
			if got, want := strings.Count(event.Data, "|")+1, len(modinput.Columns()); e.Name.Local != "event" || got > want || event.Host != "127.0.0.1" {
				return n, fmt.Errorf("%v: %d values for %d columns: %+v", e, got, want, event)
			}
			n++
		}
	}
}

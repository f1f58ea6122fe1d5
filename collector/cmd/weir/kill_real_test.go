//go:build real && linux

package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A collector that is killed 20 times at full rate has each flow that it had
// acknowledged, and none twice.
func TestRealKill(t *testing.T) {
	dir := t.TempDir()
	port, http := freePort(t), freePort(t)
	flows := &numbered{stop: make(chan struct{}), done: make(chan struct{})}
	go flows.send(t, port)
	acknowledged := 0.0
	for range 20 {
		p := launch(t, inTop(t, "bin", "weir"), "run", "--data", dir, "--listen", "127.0.0.1:"+port, "--http", "127.0.0.1:"+http)
		p.errs.shows(t, "listening")
		time.Sleep(time.Duration(300+rand.IntN(900)) * time.Millisecond)
		before := metricsOf(t, http)
		if err := p.cmd.Process.Signal(syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		p.cmd.Wait()
		acknowledged += before.of(t, `weir_output_flows_total{fate="written",output="store"}`) - before.of(t, "weir_store_unacknowledged_flows")
	}
	close(flows.stop)
	<-flows.done
	p := launch(t, inTop(t, "bin", "weir"), "run", "--data", dir, "--listen", "127.0.0.1:"+port, "--http", "127.0.0.1:"+http)
	p.errs.shows(t, "listening")
	ask := func(question string) float64 {
		t.Helper()
		out, err := exec.Command(inTop(t, "bin", "weir"), "query", "--http", "127.0.0.1:"+http, "--format", "json", question).Output()
		var x struct{ Rows [][]float64 }
		if err == nil {
			err = json.Unmarshal(out, &x)
		}
		if err != nil || len(x.Rows) != 1 {
			t.Fatalf("%s: %v: %s", question, err, out)
		}
		return x.Rows[0][0]
	}
	stored, distinct := ask("top by flows last 1h"), ask("top by distinct src last 1h")
	t.Logf("%d flows sent, %.0f acknowledged, %.0f stored", flows.n, acknowledged, stored)
	if stored < acknowledged || acknowledged < 100_000 {
		t.Errorf("%.0f flows were acknowledged, %.0f are stored", acknowledged, stored)
	}
	if distinct != stored {
		t.Errorf("%.0f flows are stored, %.0f different ones", stored, distinct)
	}
	if bad := metricsOf(t, http).of(t, `weir_store_files{what="bad"}`); bad != 0 {
		t.Errorf("%.0f files are broken", bad)
	}
	p.end(t, syscall.SIGTERM)
}

// numbered sends flows of NetFlow v5 as fast as it goes, each from an address of
// its own.
type numbered struct {
	n          int // flows sent; valid once done is closed
	stop, done chan struct{}
}

func (x *numbered) send(t *testing.T, port string) {
	defer close(x.done)
	c, err := net.Dial("udp4", "127.0.0.1:"+port)
	if err != nil {
		t.Error(err)
		return
	}
	defer c.Close()
	for {
		select {
		case <-x.stop:
			return
		default:
		}
		d := make([]byte, 24, 24+30*48)
		binary.BigEndian.PutUint16(d, 5)
		binary.BigEndian.PutUint16(d[2:], 30)
		binary.BigEndian.PutUint32(d[4:], 60_000)
		binary.BigEndian.PutUint32(d[8:], uint32(time.Now().Unix()))
		binary.BigEndian.PutUint32(d[16:], uint32(x.n))
		for range 30 {
			r := make([]byte, 48)
			binary.BigEndian.PutUint32(r, 10<<24+uint32(x.n))
			binary.BigEndian.PutUint32(r[4:], 192<<24+2<<8+1)
			binary.BigEndian.PutUint32(r[16:], 1)
			binary.BigEndian.PutUint32(r[20:], 100)
			binary.BigEndian.PutUint32(r[24:], 58_000)
			binary.BigEndian.PutUint32(r[28:], 59_000)
			r[38] = 17
			d = append(d, r...)
			x.n++
		}
		if _, err := c.Write(d); err != nil { // nobody listens now
			time.Sleep(time.Millisecond)
		}
	}
}

// A scrape is what /metrics said.
type scrape string

func metricsOf(t *testing.T, port string) scrape {
	t.Helper()
	asked, err := http.Get("http://127.0.0.1:" + port + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer asked.Body.Close()
	text, err := io.ReadAll(asked.Body)
	if err != nil {
		t.Fatal(err)
	}
	return scrape(text)
}

// of returns a metric's value.
func (s scrape) of(t *testing.T, name string) float64 {
	t.Helper()
	m := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(name) + ` (\S+)$`).FindStringSubmatch(string(s))
	if m == nil {
		t.Fatalf("no %s in %s", name, strings.TrimSpace(string(s[:min(len(s), 2000)])))
	}
	v, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		t.Fatal(fmt.Errorf("%s: %w", name, err))
	}
	return v
}

//go:build linux

// Command bench measures the modular input as splunkd runs it: a process that is
// told on stdin what to do, gets datagrams on loopback, and writes events to a
// pipe. It prints a line for each figure:
//
//	figure<TAB>name<TAB>value<TAB>unit<TAB>goal<TAB>met|missed
//
// It builds the program. Flows are of 20 fields of NetFlow v9. SCALE=small runs
// shorter.
package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/weirflow/weir/shared/flowtest"
)

func main() {
	seconds, stall := 60, 10
	if os.Getenv("SCALE") == "small" {
		seconds, stall = 5, 3
	}
	if err := run(seconds, stall); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// rate is in flows a second.
const rate = 100_000

func run(seconds, stall int) error {
	dir, err := os.MkdirTemp("", "weir-bench-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b := bench{dir: dir, program: filepath.Join(dir, "weir")}
	build := exec.Command("go", "build", "-trimpath", "-o", b.program, "./splunk/cmd/weir-splunk")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", build, err, out)
	}

	o, err := b.measure(seconds, 0)
	if err != nil {
		return err
	}
	name := fmt.Sprintf("splunk/%d flows/s for %d s", int(float64(o.sent)/o.took.Seconds()+500)/1000*1000, seconds)
	flowtest.Figure(name+": lost", float64(o.sent-o.read), "flows", "<=0", o.sent == o.read)
	flowtest.Figure(name+": dropped because the reader was slow", float64(o.dropped), "flows", "-", true)
	flowtest.Figure(name+": CPU", o.cpu.Seconds()/float64(o.read)*1e6, "CPU-s/million events", "-", true)
	flowtest.Figure(name+": most memory", float64(o.memory)/1e6, "MB", "-", true)

	if o, err = b.measure(stall, time.Duration(stall)*time.Second, "buffer_limit=16MB"); err != nil {
		return err
	}
	name = fmt.Sprintf("splunk/nobody reads for %d s", stall)
	flowtest.Figure(name+": neither read nor counted as dropped", float64(o.received-o.read-o.dropped), "flows", "<=0", o.received == o.read+o.dropped && o.dropped > 0)
	flowtest.Figure(name+": the sockets lost", float64(o.sent-o.received), "flows", "<=0", o.sent == o.received)
	flowtest.Figure(name+": most memory above rest, buffer_limit 16MB", float64(o.memory-o.rest)/1e6, "MB", "<=64", o.memory-o.rest <= 64e6)
	return nil
}

type bench struct{ dir, program string }

// An outcome is what became of a load.
type outcome struct {
	sent, received, read, dropped int // flows
	took                          time.Duration
	cpu                           time.Duration
	rest, memory                  int64 // octets: before the load, and the most
}

var (
	listening = regexp.MustCompile(`INFO listening .*address=(\S+)`)
	stopped   = regexp.MustCompile(`INFO stopped .*flows=(\d+) written=(\d+) dropped=(\d+)`)
)

// measure sends a load for so many seconds to a stanza. The reader of its events
// begins after stall.
func (b *bench) measure(seconds int, stall time.Duration, params ...string) (o outcome, err error) {
	cmd := exec.Command(b.program)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return o, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return o, err
	}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return o, err
	}
	if err := cmd.Start(); err != nil {
		return o, err
	}
	defer cmd.Process.Kill()
	doc := `<input><checkpoint_dir>` + filepath.Join(b.dir, "checkpoints") + `</checkpoint_dir><configuration><stanza name="weir://bench">`
	for _, p := range append([]string{"listeners=127.0.0.1:0", "types=flows", "stitch=false"}, params...) {
		k, v, _ := strings.Cut(p, "=")
		doc += `<param name="` + k + `">` + v + `</param>`
	}
	if _, err := io.WriteString(stdin, doc+"</stanza></configuration></input>"); err != nil {
		return o, err
	}
	lines := bufio.NewReader(stderr)
	m, err := flowtest.Await(lines, listening)
	if err != nil {
		return o, err
	}
	to, err := netip.ParseAddrPort(m[1])
	if err != nil {
		return o, err
	}
	var read atomic.Int64
	ended := make(chan error, 1)
	go func() {
		time.Sleep(stall)
		ended <- count(stdout, &read)
	}()
	if o.rest, err = flowtest.Memory(cmd.Process.Pid, "VmRSS"); err != nil {
		return o, err
	}
	load := flowtest.Load{Exporters: 50, Rate: rate / flowtest.LoadRecords, Seconds: seconds}
	datagrams, took, err := load.Send(to)
	if err != nil {
		return o, err
	}
	o.sent, o.took = datagrams*flowtest.LoadRecords, took
	time.Sleep(500 * time.Millisecond)
	if o.memory, err = flowtest.Memory(cmd.Process.Pid, "VmHWM"); err != nil {
		return o, err
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return o, err
	}
	if m, err = flowtest.Await(lines, stopped); err != nil {
		return o, err
	}
	if err := <-ended; err != nil {
		return o, err
	}
	if err := cmd.Wait(); err != nil {
		return o, err
	}
	o.read, o.cpu = int(read.Load()), cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime()
	_, err = fmt.Sscan(m[1]+" "+m[3], &o.received, &o.dropped)
	return o, err
}

// count counts events until the stream ends.
func count(r io.Reader, n *atomic.Int64) error {
	end := []byte("</event>")
	buf := make([]byte, 256<<10)
	kept := 0
	var last []byte // octets, enough for the stream's end
	for {
		got, err := r.Read(buf[kept:])
		last = append(last, buf[kept+max(0, got-16):kept+got]...)
		last = append(last[:0], last[max(0, len(last)-16):]...)
		d := buf[:kept+got]
		n.Add(int64(bytes.Count(d, end)))
		if err != nil {
			if !bytes.HasSuffix(last, []byte("</stream>\n")) {
				return errors.New("the stream isn't closed")
			}
			return nil
		}
		// An end that is there in part; a whole one is longer.
		kept = copy(buf, d[max(0, len(d)-len(end)+1):])
	}
}

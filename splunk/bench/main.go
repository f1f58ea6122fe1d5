//go:build linux

// Command bench measures the modular input as splunkd runs it: a process that is
// told on stdin what to do, gets datagrams on loopback, and writes events to a
// pipe, or sends them to an event collector. It prints a line for each figure:
//
//	figure<TAB>name<TAB>value<TAB>unit<TAB>goal<TAB>met|missed
//
// It builds the program. Flows are of 20 fields of NetFlow v9; what is stitched has
// an answer for half of them. SCALE=small runs shorter.
package main

import (
	"bufio"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
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

	o, err := b.measure(load{seconds: seconds})
	if err != nil {
		return err
	}
	o.print(fmt.Sprintf("splunk/%d flows/s for %d s", o.rate(), seconds))

	stitched := conversations(lap)
	if o, err = b.measure(load{seconds: seconds, data: stitched}, "stitch=true"); err != nil {
		return err
	}
	name := fmt.Sprintf("splunk/stitched, %d flows/s for %d s", o.rate(), seconds)
	o.print(name)
	flowtest.Figure(name+": flows that have an answer", 100*float64(2*o.pairs)/float64(o.read), "%", "-", true)

	c, err := newCollector(dir)
	if err != nil {
		return err
	}
	defer c.Close()
	if o, err = b.measure(load{seconds: seconds, data: stitched, hec: c}, "stitch=true", "output=hec", "hec_url="+c.URL, "hec_ca="+c.ca, "hec_token="+token); err != nil {
		return err
	}
	o.print(fmt.Sprintf("splunk/stitched, to an event collector over TLS, %d flows/s for %d s", o.rate(), seconds))

	if o, err = b.measure(load{seconds: stall, stall: time.Duration(stall) * time.Second}, "buffer_limit=16MB"); err != nil {
		return err
	}
	name = fmt.Sprintf("splunk/nobody reads for %d s", stall)
	flowtest.Figure(name+": neither read nor counted as dropped", float64(o.received-o.read-o.dropped), "flows", "<=0", o.received == o.read+o.dropped && o.dropped > 0)
	flowtest.Figure(name+": the sockets lost", float64(o.sent-o.received), "flows", "<=0", o.sent == o.received)
	flowtest.Figure(name+": most memory above rest, buffer_limit 16MB", float64(o.memory-o.rest)/1e6, "MB", "<=64", o.memory-o.rest <= 64e6)
	return nil
}

type bench struct{ dir, program string }

// A load is what is sent to a stanza.
type load struct {
	seconds int
	stall   time.Duration // the reader of events begins after this
	data    [][]byte      // nil: flowtest's own
	hec     *collector    // that gets the flows; nil: they are on stdout
}

// An outcome is what became of a load.
type outcome struct {
	sent, received, read, dropped int // flows
	pairs                         int // of those read, events of two
	took                          time.Duration
	cpu                           time.Duration
	rest, memory                  int64 // octets: before the load, and the most
}

// rate is how many flows a second were sent, in thousands.
func (o *outcome) rate() int { return int(float64(o.sent)/o.took.Seconds()+500) / 1000 * 1000 }

// print prints what a reader that keeps up makes of it.
func (o *outcome) print(name string) {
	flowtest.Figure(name+": lost", float64(o.sent-o.read), "flows", "<=0", o.sent == o.read)
	flowtest.Figure(name+": dropped because the reader was slow", float64(o.dropped), "flows", "-", true)
	flowtest.Figure(name+": CPU", o.cpu.Seconds()/float64(o.read)*1e6, "CPU-s/million flows", "-", true)
	flowtest.Figure(name+": most memory", float64(o.memory)/1e6, "MB", "-", true)
}

var (
	listening = regexp.MustCompile(`INFO listening .*address=(\S+)`)
	stopped   = regexp.MustCompile(`INFO stopped .*flows=(\d+) written=(\d+) dropped=(\d+)`)
)

// measure runs a stanza and sends it a load.
func (b *bench) measure(l load, params ...string) (o outcome, err error) {
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
	set := map[string]string{"listeners": "127.0.0.1:0", "types": "flows", "stitch": "false"}
	for _, p := range params {
		k, v, _ := strings.Cut(p, "=")
		set[k] = v
	}
	for k, v := range set {
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
	var read tally
	ended := make(chan error, 1)
	go func() {
		time.Sleep(l.stall)
		ended <- read.stream(stdout)
	}()
	if o.rest, err = flowtest.Memory(cmd.Process.Pid, "VmRSS"); err != nil {
		return o, err
	}
	flows := flowtest.Load{Exporters: 50, Rate: rate / flowtest.LoadRecords, Seconds: l.seconds, Data: l.data}
	datagrams, took, err := flows.Send(to)
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
	got := &read
	if l.hec != nil {
		got = &l.hec.tally
	}
	events, pairs := got.events.Load(), got.pairs.Load()
	o.read, o.pairs = int(events+pairs), int(pairs)
	o.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	_, err = fmt.Sscan(m[1]+" "+m[3], &o.received, &o.dropped)
	return o, err
}

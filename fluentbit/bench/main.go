//go:build linux

// Command bench measures in_weir.so in the harness, which loads it as Fluent Bit
// does and throws its events away, and prints a line for each figure:
//
//	figure<TAB>name<TAB>value<TAB>unit<TAB>goal<TAB>met|missed
//
// It builds both. Events are of the schema flat, of records of 20 fields of NetFlow
// v9. SCALE=small runs shorter.
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
	"strconv"
	"time"

	"github.com/weirflow/weir/shared/flowtest"
)

func main() {
	seconds := 10
	if os.Getenv("SCALE") == "small" {
		seconds = 3
	}
	if err := run(seconds); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(seconds int) error {
	dir, err := os.MkdirTemp("", "weir-bench-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b := bench{harness: filepath.Join(dir, "harness"), plugin: filepath.Join(dir, "in_weir.so"), seconds: seconds}
	build := exec.Command("go", "build", "-buildmode=c-shared", "-o", b.plugin, "./fluentbit/cmd/in_weir")
	build.Env = append(os.Environ(), "CGO_ENABLED=1")
	for _, c := range []*exec.Cmd{build, exec.Command("fluentbit/harness/build.sh", b.harness)} {
		if out, err := c.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w\n%s", c, err, out)
		}
	}
	for _, rate := range []struct {
		way     string
		records int
	}{{"callback", 75_000}, {"direct", 300_000}} {
		o, err := b.measure(rate.records, "append="+rate.way, "buffer_limit=128m")
		if err != nil {
			return err
		}
		name := fmt.Sprintf("fluentbit/%s at %d records/s", rate.way, int(float64(o.sent)/o.took.Seconds()))
		flowtest.Figure(name+": lost", float64(o.sent-o.delivered), "records", "<=0", o.sent == o.delivered)
		flowtest.Figure(name+": CPU of all", o.cpu.Seconds()/float64(o.sent)*1e6, "CPU-s/million records", "-", true)
		flowtest.Figure(name+": most memory above rest", float64(o.memory)/1e6, "MB", "<=128", o.memory <= 128e6)
	}
	return b.overload()
}

// overload sends ten times what is asked for.
func (b *bench) overload() error {
	const limit = 16
	o, err := b.measure(40_000, fmt.Sprintf("buffer_limit=%dm", limit), "max_batch=1m")
	if err != nil {
		return err
	}
	times := float64(o.sent) / o.took.Seconds() / (float64(o.delivered) / (o.took + after).Seconds())
	flowtest.Figure("fluentbit/ten times too much: records sent a second for one taken", times, "x", ">=10", times >= 10)
	uncounted := o.sent - o.delivered - o.dropped - o.undelivered
	flowtest.Figure("fluentbit/ten times too much: neither delivered nor counted as lost", float64(uncounted), "records", "<=0", uncounted == 0)
	flowtest.Figure(fmt.Sprintf("fluentbit/ten times too much: most memory above rest, buffer_limit %dm", limit), float64(o.memory)/1e6, "MB", fmt.Sprintf("<=%d", 2*limit), o.memory <= 2*limit*1e6)
	return nil
}

type bench struct {
	harness, plugin string
	seconds         int
}

// An outcome is what became of a load.
type outcome struct {
	sent, delivered, dropped, undelivered int // records
	took                                  time.Duration
	cpu                                   time.Duration // of the harness and all in it
	memory                                int64         // octets, the most less those before the load
}

var (
	listening = regexp.MustCompile(`listening on (\S+):`)
	stopped   = regexp.MustCompile(`stopped: events=(\d+) delivered=(\d+) dropped=(\d+) undelivered=(\d+)`)
)

// after is how long events are asked for when no more is sent.
const after = 2500 * time.Millisecond

// measure sends so many records a second to an instance with these properties.
func (b *bench) measure(rate int, props ...string) (o outcome, err error) {
	args := append([]string{"--slowest", "5000", b.plugin, "listeners=127.0.0.1:0", "schema=flat", "types=flows", "stats_interval=0"}, props...)
	cmd := exec.Command(b.harness, args...)
	stdin, err := cmd.StdinPipe()
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
	defer cmd.Wait()
	defer stdin.Close()
	lines := bufio.NewReader(stderr)
	to, err := flowtest.Await(lines, listening)
	if err != nil {
		return o, err
	}
	where, err := netip.ParseAddrPort(to[1])
	if err != nil {
		return o, err
	}
	rest, err := flowtest.Memory(cmd.Process.Pid, "VmRSS")
	if err != nil {
		return o, err
	}
	sent, took, err := flowtest.Load{Exporters: 8, Rate: rate / flowtest.LoadRecords, Seconds: b.seconds}.Send(where)
	if err != nil {
		return o, err
	}
	o.sent, o.took = sent*flowtest.LoadRecords, took
	time.Sleep(after)
	most, err := flowtest.Memory(cmd.Process.Pid, "VmHWM")
	if err != nil {
		return o, err
	}
	o.memory = most - rest
	stdin.Close()
	counts, err := flowtest.Await(lines, stopped)
	if err != nil {
		return o, err
	}
	for i, n := range []*int{nil, &o.delivered, &o.dropped, &o.undelivered} {
		if n != nil {
			if *n, err = strconv.Atoi(counts[i+1]); err != nil {
				return o, err
			}
		}
	}
	io.Copy(io.Discard, lines)
	if err := cmd.Wait(); err != nil {
		return o, fmt.Errorf("harness: %w", err)
	}
	o.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	return o, nil
}

//go:build linux

package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/weirflow/weir/shared/flowtest"
)

// flowRate is what the store is to take, in flows a second.
const flowRate = 500_000

// ingest measures what it costs to keep flows: the CPU time of a collector with the
// embedded store above that of one without, on the same datagrams; what is lost;
// and what a flow takes on disk.
func (b *bench) ingest() error {
	data := newTraffic(1).datagrams(20_000)
	seconds := 2 * b.seconds
	if b.rounds > 1 {
		seconds = 20
	}
	var m kept
	best := map[bool]float64{}
	for range b.rounds {
		for _, on := range []bool{false, true} {
			var err error
			if m, err = keeping(on, data, seconds); err != nil {
				return err
			}
			perMillion := m.cpu.Seconds() / float64(m.records) * 1e6
			if v, ok := best[on]; !ok || perMillion < v {
				best[on] = perMillion
			}
			if on {
				fmt.Fprintf(os.Stderr, "bench: %d flows in %s, %.1f octets each, %.0f MB\n", m.records, m.took.Round(time.Second), m.each, float64(m.memory)/1e6)
			}
		}
	}
	cost := best[true] - best[false]
	flowtest.Figure("collector/store: from decoded to queryable, journal on", cost, "CPU-s/million flows", "<=0.75", cost <= 0.75)

	if b.rounds > 1 { // else the last is that of the store
		seconds = 600
		var err error
		if m, err = keeping(true, data, seconds); err != nil {
			return err
		}
	}
	lost := float64(m.sent*flowtest.LoadRecords - m.records)
	flowtest.Figure(fmt.Sprintf("collector/store: flows lost at %d a second for %d s", int(float64(m.sent*flowtest.LoadRecords)/m.took.Seconds()), seconds), lost, "flows", "<=0", lost <= 0)
	flowtest.Figure("collector/store: most memory at that", float64(m.memory)/(1<<20), "MiB", "<=1024", m.memory <= 1<<30)
	flowtest.Figure("collector/store: disk for a flow of 20 fields", m.each, "octets", "<=25", m.each <= 25)
	return nil
}

// A kept is a measurement with what is on disk.
type kept struct {
	measurement
	each float64 // octets of segments for a flow
}

// keeping runs the collector under flowRate, with the store or without.
func keeping(on bool, data [][]byte, seconds int) (m kept, err error) {
	dir, err := os.MkdirTemp("", "weir-bench-*")
	if err != nil {
		return m, err
	}
	defer os.RemoveAll(dir)
	port, err := freePort()
	if err != nil {
		return m, err
	}
	api, err := freePort()
	if err != nil {
		return m, err
	}
	config := filepath.Join(dir, "weir.yaml")
	if err := os.WriteFile(config, []byte(fmt.Sprintf("listen: [\"127.0.0.1:%s\"]\napi: {listen: \"127.0.0.1:%s\"}\ndata: %s/data\nstore: {off: %v}\n", port, api, dir, !on)), 0o600); err != nil {
		return m, err
	}
	cmd := exec.Command("bin/weir", "run", "--config", config)
	var output strings.Builder
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Start(); err != nil {
		return m, err
	}
	defer cmd.Process.Kill()
	if err := bound(port); err != nil {
		cmd.Process.Kill()
		cmd.Wait()
		return m, fmt.Errorf("%w: %s", err, output.String())
	}
	to := netip.MustParseAddrPort("127.0.0.1:" + port)
	m.sent, m.took, err = flowtest.Load{Exporters: 16, Rate: flowRate / flowtest.LoadRecords, Seconds: seconds, Data: data}.Send(to)
	if err != nil {
		return m, err
	}
	what := flowsTotal
	if on {
		what = flowsStored
	}
	if m.records, err = steady(api, what); err != nil {
		return m, err
	}
	if m.memory, err = flowtest.Memory(cmd.Process.Pid, "VmHWM"); err != nil {
		return m, err
	}
	cmd.Process.Signal(os.Interrupt)
	if err := cmd.Wait(); err != nil {
		return m, fmt.Errorf("%w: %s", err, output.String())
	}
	m.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	if on {
		octets, err := sizeOf(filepath.Join(dir, "data", "store", "segments"))
		if err != nil {
			return m, err
		}
		m.each = float64(octets) / float64(m.records)
	}
	return m, nil
}

// What /metrics says of flows.
var (
	flowsTotal  = regexp.MustCompile(`(?m)^weir_flows_total (\S+)$`)
	flowsStored = regexp.MustCompile(`(?m)^weir_output_flows_total\{fate="written",output="store"\} (\S+)$`)
)

// steady returns a number of /metrics once it grows no more.
func steady(api string, what *regexp.Regexp) (int, error) {
	last := -1
	for range 100 {
		asked, err := http.Get("http://127.0.0.1:" + api + "/metrics")
		if err != nil {
			return 0, err
		}
		text, err := io.ReadAll(asked.Body)
		asked.Body.Close()
		if err != nil {
			return 0, err
		}
		found := what.FindSubmatch(text)
		if found == nil {
			return 0, fmt.Errorf("/metrics has no %s", what)
		}
		n, err := strconv.ParseFloat(string(found[1]), 64)
		if err != nil {
			return 0, err
		}
		if int(n) == last {
			return last, nil
		}
		last = int(n)
		time.Sleep(settle)
	}
	return 0, errors.New("flows come without end")
}

// sizeOf adds up the files below a folder.
func sizeOf(dir string) (octets int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		i, err := d.Info()
		if err == nil {
			octets += i.Size()
		}
		return err
	})
	return octets, err
}

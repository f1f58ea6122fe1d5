//go:build linux

// Command bench measures what weir costs to receive, decode and count flows, as
// a whole process, beside nfcapd (nfdump) on the same datagrams in the same run,
// and prints a line for each figure:
//
//	figure<TAB>name<TAB>value<TAB>unit<TAB>goal<TAB>met|missed
//
// It builds nothing: make bench-collector builds bin/weir first. CPU time is the
// process's own, system and all, the least of several rounds; the sender is
// another process's worth of work on the other core. SCALE=small runs shorter.
// Without nfcapd its figures are left out, and it says so.
//
// bench ingest measures the store alone. bench soak 2h 100000 runs the collector for so long at so many records a
// second, and fails when it grows.
package main

import (
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/weirflow/weir/shared/flowtest"
)

func main() {
	b := &bench{seconds: 5, rounds: 3}
	if os.Getenv("SCALE") == "small" {
		b.seconds, b.rounds = 1, 1
	}
	run := b.run
	if len(os.Args) == 2 && os.Args[1] == "ingest" {
		run = b.ingest
	}
	if len(os.Args) == 4 && os.Args[1] == "soak" { // soak DURATION RECORDS
		run = b.longRun
	}
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

type bench struct {
	seconds int
	rounds  int
}

func (b *bench) run() error {
	for _, r := range []struct {
		rate int
		goal float64
	}{{100_000, 0.35}, {10_000, 0.6}} {
		if err := b.against(r.rate, r.goal); err != nil {
			return err
		}
	}
	if err := b.full(); err != nil {
		return err
	}
	if err := b.exporters(2000); err != nil {
		return err
	}
	if err := b.hostile(); err != nil {
		return err
	}
	if err := b.restart(); err != nil {
		return err
	}
	if err := b.latency(); err != nil {
		return err
	}
	return b.ingest()
}

// longRun is soak as the command line says.
func (b *bench) longRun() error {
	long, err := time.ParseDuration(os.Args[2])
	if err != nil {
		return err
	}
	rate, err := strconv.Atoi(os.Args[3])
	if err != nil {
		return err
	}
	return b.soak(long, rate)
}

// against measures CPU time a record at a rate of datagrams a second.
func (b *bench) against(rate int, goal float64) error {
	collectors := []collector{weir()}
	if c, ok := nfcapd(); ok {
		collectors = append(collectors, c)
	} else {
		fmt.Fprintln(os.Stderr, "bench: no nfcapd: install nfdump for its figures")
	}
	best := map[string]float64{}
	for range b.rounds {
		for _, c := range collectors {
			m, err := measure(c, flowtest.Load{Exporters: 8, Rate: rate, Seconds: b.seconds})
			if err != nil {
				return err
			}
			if lost := m.sent*flowtest.LoadRecords - m.records; lost > m.sent*flowtest.LoadRecords/100 {
				fmt.Fprintf(os.Stderr, "bench: %s lost %d of %d records\n", c.name, lost, m.sent*flowtest.LoadRecords)
			}
			perMillion := m.cpu.Seconds() / float64(m.records) * 1e6
			if v, ok := best[c.name]; !ok || perMillion < v {
				best[c.name] = perMillion
			}
		}
	}
	name := fmt.Sprintf("collector/v9 at %d datagrams a second", rate)
	for _, c := range collectors {
		flowtest.Figure(name+": "+c.name, best[c.name], "CPU-s/million records", "-", true)
	}
	if n, ok := best["nfcapd"]; ok {
		ratio := best["weir"] / n
		flowtest.Figure(name+": weir against nfcapd", ratio, "x", fmt.Sprintf("<=%g", goal), ratio <= goal)
	}
	return nil
}

// full sends 100,000 datagrams a second, 2.4 million records, from many
// exporters and then from one as fast as it goes.
func (b *bench) full() error {
	m, err := measure(weir(), flowtest.Load{Exporters: 8, Rate: 100_000, Seconds: 2 * b.seconds})
	if err != nil {
		return err
	}
	lost := float64(m.sent*flowtest.LoadRecords - m.records)
	flowtest.Figure(fmt.Sprintf("collector/records lost at %d a second for %d s", int(float64(m.sent*flowtest.LoadRecords)/m.took.Seconds()), 2*b.seconds), lost, "records", "<=0", lost <= 0)
	reach := func(exporters int) (best float64, err error) {
		for range b.rounds {
			m, err := measure(weir(), flowtest.Load{Exporters: exporters, Seconds: b.seconds})
			if err != nil {
				return 0, err
			}
			best = max(best, float64(m.records)/m.took.Seconds())
		}
		return best, nil
	}
	many, err := reach(16)
	if err != nil {
		return err
	}
	one, err := reach(1)
	if err != nil {
		return err
	}
	flowtest.Figure("collector/flat out, 16 exporters", many/1e6, "million records/s", "-", true)
	flowtest.Figure("collector/flat out, one exporter against 16", one/many, "x", ">=0.8", one/many >= 0.8)
	return nil
}

// exporters measures memory with many exporters.
func (b *bench) exporters(n int) error {
	m, err := measure(weir(), flowtest.Load{Exporters: n, Rate: 20_000, Seconds: max(2, b.seconds/2)})
	if err != nil {
		return err
	}
	mb := float64(m.memory) / 1e6
	flowtest.Figure(fmt.Sprintf("collector/memory with %d exporters", n), mb, "MB", "<=60", mb <= 60)
	return nil
}

// settle is how long a collector may take for what is in its socket.
const settle = 300 * time.Millisecond

//go:build linux

// Command bench measures the datasource's backend as Grafana runs it: the binary over
// gRPC, which asks a real collector with a store, or listens itself. It prints a line
// for each figure:
//
//	figure<TAB>name<TAB>value<TAB>unit<TAB>goal<TAB>met|missed
//
// It builds the plugin, and wants bin/weir. The store has a day of 100 million flows,
// and is made where FOLDER says, build/bench-grafana by itself, unless it is there:
// that takes minutes. SCALE=small has a million, and asks less often. STORE=no leaves
// the collector out.
package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/weirflow/weir/grafana/drive"
	"github.com/weirflow/weir/shared/flowtest"
)

func main() {
	b := bench{millions: 100, rounds: 5, window: 2_000_000, folder: os.Getenv("FOLDER")}
	if os.Getenv("SCALE") == "small" {
		b.millions, b.rounds, b.window = 1, 2, 200_000
	}
	if b.folder == "" {
		b.folder = filepath.Join("build", "bench-grafana")
	}
	if err := b.run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

type bench struct {
	millions int // flows of the day that the collector has
	rounds   int // how often each question is asked
	window   int // flows in the plugin's own window
	folder   string
	dir      string // for what is gone afterwards
	plugin   string
}

func (b *bench) run() (err error) {
	if b.dir, err = os.MkdirTemp("", "weir-bench-*"); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	if b.plugin, err = drive.Build(b.dir); err != nil {
		return err
	}
	if err := b.direct(); err != nil {
		return fmt.Errorf("direct: %w", err)
	}
	if os.Getenv("STORE") == "no" {
		return nil
	}
	if err := b.collector(); err != nil {
		return fmt.Errorf("collector: %w", err)
	}
	return nil
}

// print prints a figure, and whether it is at most the goal; 0: there is none.
func (b *bench) print(name string, value float64, unit string, goal float64) {
	text, met := "-", true
	if goal > 0 {
		text, met = fmt.Sprintf("<=%g", goal), value <= goal
	}
	flowtest.Figure("grafana/"+name, value, unit, text, met)
}

// A source is a running plugin with a datasource.
type source struct {
	*drive.Plugin
	context  backend.PluginContext
	from, to time.Time
}

// start runs the plugin with a datasource of these settings.
func (b *bench) start(uid, jsonData string, env ...string) (*source, error) {
	p, err := drive.Start(b.plugin, env...)
	if err != nil {
		return nil, err
	}
	s := &source{Plugin: p}
	s.use(uid, jsonData, "")
	return s, nil
}

// use makes it another datasource of the same plugin.
func (s *source) use(uid, jsonData, token string) {
	s.context = backend.PluginContext{PluginID: "weir-flows-datasource", DataSourceInstanceSettings: &backend.DataSourceInstanceSettings{
		UID: uid, Name: uid, Type: "weir-flows-datasource", Updated: time.Now(), JSONData: []byte(jsonData),
		DecryptedSecureJSONData: map[string]string{"token": token},
	}}
}

// query is a panel's, of a usual width.
func (s *source) query(ref, json string) backend.DataQuery {
	return backend.DataQuery{
		RefID: ref, JSON: []byte(json), Interval: time.Minute, MaxDataPoints: 1000, TimeRange: backend.TimeRange{From: s.from, To: s.to},
	}
}

// ask asks a question, and returns how long the answer took.
func (s *source) ask(json string) (frames data.Frames, took time.Duration, err error) {
	began := time.Now()
	r, err := s.QueryData(context.Background(), &backend.QueryDataRequest{PluginContext: s.context, Queries: []backend.DataQuery{s.query("A", json)}})
	took = time.Since(began)
	if err != nil {
		return nil, took, err
	}
	if err := r.Responses["A"].Error; err != nil {
		return nil, took, fmt.Errorf("%s: %w", json, err)
	}
	return r.Responses["A"].Frames, took, nil
}

// at returns the value that a share of them are not above.
func at(share float64, all []time.Duration) time.Duration {
	slices.Sort(all)
	return all[max(0, int(share*float64(len(all))+0.999999)-1)]
}

// cpu is what a process has used.
func cpu(pid int) (time.Duration, error) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0, err
	}
	fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:]) // behind the name
	const userAt, systemAt = 11, 12
	if len(fields) <= systemAt {
		return 0, fmt.Errorf("/proc/%d/stat is %q", pid, text)
	}
	user, err := strconv.ParseInt(string(fields[userAt]), 10, 64)
	if err != nil {
		return 0, err
	}
	system, err := strconv.ParseInt(string(fields[systemAt]), 10, 64)
	if err != nil {
		return 0, err
	}
	const tick = 10 * time.Millisecond // USER_HZ
	return time.Duration(user+system) * tick, nil
}

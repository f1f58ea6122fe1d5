//go:build linux

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/weirflow/weir/shared/flowtest"
)

// day is that of the store's flows.
var day = time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)

// A weir is a running collector.
type weir struct {
	*exec.Cmd
	url    string
	listen netip.AddrPort
	token  string
}

var greeting = regexp.MustCompile(`listening on UDP ([0-9.:]+); look at (http://[^/]+)/`)

// startWeir runs the collector over the store, which is made unless it is there.
func (b *bench) startWeir() (*weir, error) {
	folder, err := filepath.Abs(filepath.Join(b.folder, strconv.Itoa(b.millions)))
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(folder, "manifest")); err != nil {
		fmt.Fprintf(os.Stderr, "# a store of %d million flows is made in %s\n", b.millions, folder)
	}
	fill := exec.Command("go", "test", "-run", "^$", "-bench", "^BenchmarkFolder$", "-benchtime", "1x", "-timeout", "3h", "./collector/store")
	fill.Env = append(os.Environ(), "FLOWS="+strconv.Itoa(b.millions), "FOLDER="+folder)
	if out, err := fill.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", fill, err, out)
	}
	config := filepath.Join(b.dir, "weir.yaml")
	text := fmt.Sprintf("listen: ['127.0.0.1:0']\ndata: %s\nstore: {dir: %s, keep: {flows: 0s, 1m: 0s, 5m: 0s, 1h: 0s, free: 0}}\napi: {listen: '127.0.0.1:0'}\n",
		filepath.Join(b.dir, "data"), folder)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return nil, err
	}
	w := &weir{Cmd: exec.Command("bin/weir", "run", "--config", config)}
	log, err := w.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := w.Start(); err != nil {
		return nil, err
	}
	late := time.AfterFunc(time.Minute, func() { w.Process.Kill() })
	defer late.Stop()
	lines := bufio.NewScanner(log)
	var said []string
	for lines.Scan() {
		said = append(said, lines.Text())
		m := greeting.FindStringSubmatch(lines.Text())
		if m == nil {
			continue
		}
		go io.Copy(io.Discard, log)
		w.url = m[2]
		if w.listen, err = netip.ParseAddrPort(m[1]); err != nil {
			break
		}
		token, err := os.ReadFile(filepath.Join(b.dir, "data", "token"))
		w.token = strings.TrimSpace(string(token))
		return w, err
	}
	w.Process.Kill()
	return nil, fmt.Errorf("bin/weir says %s (%v)", strings.Join(said, "\n"), err)
}

// panels are what a dashboard about a day usually asks.
var panels = []string{
	`{"show":"series","metrics":["bits"]}`,
	`{"show":"series","by":["src as"],"metrics":["bits"],"limit":8,"every":"5min"}`,
	`{"show":"series","by":["exporter","if"],"metrics":["bits"],"limit":10,"every":"5min"}`,
	`{"show":"series","by":["proto"],"metrics":["bits"],"limit":5,"every":"5min"}`,
	`{"show":"top","by":["src"],"metrics":["bits"],"limit":20}`,
	`{"show":"top","by":["dst"],"metrics":["bytes","packets"],"limit":20}`,
	`{"show":"top","by":["pair"],"metrics":["bits"],"limit":50}`,
	`{"show":"top","by":["exporter","in if"],"metrics":["bits p95"],"limit":12}`,
	`{"show":"count","metrics":["distinct src"]}`,
	`{"show":"matrix","by":["src as","dst as"],"metrics":["bytes"],"limit":50,"format":"nodegraph"}`,
}

func (b *bench) collector() error {
	w, err := b.startWeir()
	if err != nil {
		return err
	}
	defer w.Wait()
	defer w.Process.Signal(os.Interrupt)
	s, err := b.start("weir", "{}")
	if err != nil {
		return err
	}
	defer s.Kill()
	s.use("weir", fmt.Sprintf(`{"mode":"collector","url":%q,"timeout":120}`, w.url), w.token)
	s.from, s.to = day, day.Add(24*time.Hour)
	if err := b.panels(s, w); err != nil {
		return err
	}
	if err := b.dashboards(s, w); err != nil {
		return err
	}
	if err := b.overhead(s, w); err != nil {
		return err
	}
	s.use("weir", fmt.Sprintf(`{"mode":"collector","url":%q,"timeout":120}`, w.url), w.token)
	return b.live(s, "collector", func() (netip.AddrPort, error) { return w.listen, nil })
}

// panels measures each panel alone, end to end.
func (b *bench) panels(s *source, w *weir) error {
	name := fmt.Sprintf("a panel over 24 h and %d million flows", b.millions)
	var all, used []time.Duration
	for _, q := range panels {
		if _, err := b.panel(s, w, q); err != nil { // to warm up
			return err
		}
		for range b.rounds {
			x, err := b.panel(s, w, q)
			if err != nil {
				return err
			}
			all, used = append(all, x.wall), append(used, x.cpu)
		}
	}
	b.print(name+", half of them", at(0.5, all).Seconds(), "s", 0)
	b.print(name+", 95 of 100", at(0.95, all).Seconds(), "s", 1.2)
	b.print(name+", CPU time of both processes, 95 of 100", at(0.95, used).Seconds(), "CPU-s", 0)
	return nil
}

// A cost is what an answer takes: until it is there, and of plugin and collector.
type cost struct{ wall, cpu time.Duration }

func (b *bench) panel(s *source, w *weir, q string) (x cost, err error) {
	used := func(sign time.Duration) {
		for _, pid := range []int{s.PID(), w.Process.Pid} {
			t, failed := cpu(pid)
			err = errors.Join(err, failed)
			x.cpu += sign * t
		}
	}
	used(-1)
	_, x.wall, err = s.ask(q)
	used(1)
	fmt.Fprintf(os.Stderr, "# %.3f s, %.2f CPU-s: %s\n", x.wall.Seconds(), x.cpu.Seconds(), q)
	return x, err
}

// dashboards measures the bundled overview: the questions of its first twelve panels at
// once, until the last is answered.
func (b *bench) dashboards(s *source, w *weir) error {
	text, err := os.ReadFile("grafana/src/dashboards/overview.json")
	if err != nil {
		return err
	}
	var d struct {
		Panels []struct {
			Title   string
			Targets []json.RawMessage // the first is asked
		}
	}
	if err := json.Unmarshal(text, &d); err != nil {
		return err
	}
	// What the frontend makes of variables when all is chosen.
	vars := strings.NewReplacer("${exporter:weir}", "any", "${interface:weir}", "any", "${direction:raw}", "if")
	var queries []string
	for _, p := range d.Panels {
		if len(p.Targets) == 0 || len(queries) == 12 {
			continue
		}
		var line bytes.Buffer
		if err := json.Compact(&line, p.Targets[0]); err != nil {
			return err
		}
		queries = append(queries, vars.Replace(line.String()))
	}
	sum := time.Duration(0)
	for _, q := range queries { // to warm up, one by one
		x, err := b.panel(s, w, q)
		if err != nil {
			return err
		}
		sum += x.cpu
	}
	var all []time.Duration
	for range b.rounds {
		var wait sync.WaitGroup
		began := time.Now()
		errs := make([]error, len(queries))
		for i, q := range queries {
			wait.Go(func() { _, _, errs[i] = s.ask(q) })
		}
		wait.Wait()
		if err := errors.Join(errs...); err != nil {
			return err
		}
		all = append(all, time.Since(began))
	}
	name := fmt.Sprintf("a dashboard of %d panels over 24 h and %d million flows", len(queries), b.millions)
	b.print(name, at(0.5, all).Seconds(), "s", 3)
	b.print(name+", CPU time of both processes", sum.Seconds(), "CPU-s", 0)
	return nil
}

// overhead measures what the backend adds to a collector that knows the answer already:
// from the question over gRPC to the frames.
func (b *bench) overhead(s *source, w *weir) error {
	known := known{weir: w, answers: map[string][]byte{}}
	proxy := httptest.NewServer(&known)
	defer proxy.Close()
	s.use("known", fmt.Sprintf(`{"mode":"collector","url":%q}`, proxy.URL), w.token)
	s.from, s.to = day, day.Add(24*time.Hour)
	for _, q := range []struct {
		name, json string
		rows       int
		goal       float64
	}{
		{"1,000 rows of sources", `{"show":"top","by":["src","src as"],"metrics":["bytes"],"limit":999}`, 1000, 15},
		{"1,000 flows", `{"show":"flows","limit":1000}`, 1000, 15},
		{"100,000 flows", `{"show":"flows","limit":100000}`, 100_000, 250},
	} {
		frames, whole, err := s.ask(q.json)
		if err != nil {
			return err
		}
		if rows := rows(frames); rows != q.rows {
			return fmt.Errorf("%s has %d rows", q.json, rows)
		}
		wall, used, err := b.often(s, q.json)
		if err != nil {
			return err
		}
		b.print("what the backend adds, "+q.name, wall.Seconds()*1e3, "ms", q.goal)
		b.print("what the backend adds, "+q.name+", CPU", used.Seconds()*1e3, "CPU-ms", 0)
		b.print("with the collector's work, "+q.name, whole.Seconds()*1e3, "ms", 0)
	}
	memory, err := flowtest.Memory(s.PID(), "VmHWM")
	if err != nil {
		return err
	}
	b.print("memory of the plugin after that, at most", float64(memory)/1e6, "MB", 0)
	return nil
}

func rows(frames data.Frames) (n int) {
	for _, f := range frames {
		n += f.Rows()
	}
	return n
}

// known answers questions as weir has answered them the first time.
type known struct {
	weir *weir

	mu      sync.Mutex
	answers map[string][]byte
}

func (k *known) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	k.mu.Lock()
	defer k.mu.Unlock()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	if k.answers[string(body)] == nil {
		q, err := http.NewRequestWithContext(r.Context(), r.Method, k.weir.url+r.URL.String(), strings.NewReader(string(body)))
		if err != nil {
			panic(err)
		}
		q.Header = r.Header
		a, err := http.DefaultClient.Do(q)
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		defer a.Body.Close()
		text, err := io.ReadAll(a.Body)
		if err != nil || a.StatusCode != http.StatusOK {
			w.WriteHeader(a.StatusCode)
			w.Write(text)
			return
		}
		k.answers[string(body)] = text
	}
	w.Write(k.answers[string(body)])
}

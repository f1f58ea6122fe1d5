package host

import (
	"bufio"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/weirflow/weir/plugins/detect"
	"github.com/weirflow/weir/shared/flow"
)

func TestFeed(t *testing.T) {
	d, f, _ := run(t, config(t, "tell"))
	if m := d.Manifest(); m.Name != "tell" || m.Version != "1" {
		t.Fatalf("manifest %+v", m)
	}
	b := rows(200, 53, 1000)
	feed(t, d, detect.Input{Flows: b, Watermark: 1200e9, Late: 3, Exporters: []detect.ExporterStatus{{Domain: 1}, {Domain: 2}}})
	feed(t, d, detect.Input{Watermark: detect.Forever})
	flush(t, d)
	got := f.get()
	if len(got) != 2 {
		t.Fatalf("%d findings, want 2", len(got))
	}
	first := got[0]
	want := detect.Finding{
		ID: detect.ID("tell", "rows 200", 1, 1199e9+1), Detector: "tell", Version: "1", Coverage: 1,
		Key: "rows 200", Class: "test", Severity: detect.Low, Confidence: 1, Start: 1, End: 1199e9 + 1,
		Metrics:     map[string]float64{"rows": 200, "watermark": 1200e9, "late": 3, "exporters": 2, "dns": 100},
		Explanation: "200 rows", Entities: []detect.Entity{{Role: "source", Kind: "ip", Value: "192.0.2.1"}},
		Actions: []string{"look"}, Technique: "T1046",
	}
	for i := range 100 { // of 150
		k := detect.KeyOf(&b.Flows[i])
		want.Evidence = append(want.Evidence, k)
	}
	if !reflect.DeepEqual(first, want) {
		t.Errorf("got  %+v\nwant %+v", first, want)
	}
	if m := got[1].Metrics; m["rows"] != 0 || m["watermark"] != float64(detect.Forever) || got[1].Key != "rows 200" {
		t.Errorf("with no flows: %+v", got[1])
	}
	if s := d.Stats(); s.Fed != 200 || s.Seen != 200 || s.Late != 3 || s.Batches != 2 || s.Findings != 2 || s.Starts != 1 || s.Failures != 0 {
		t.Errorf("%+v", s)
	}
}

// A long batch crosses in parts, and no part's watermark is ahead of the rows
// that follow it.
func TestFeedSplits(t *testing.T) {
	d, f, _ := run(t, config(t, "tell"))
	feed(t, d, detect.Input{Flows: rows(20_000, 53, 1000), Watermark: 30_000e9, Late: 1})
	flush(t, d)
	got := f.get()
	if len(got) != 3 {
		t.Fatalf("%d batches, want 3", len(got))
	}
	for i, want := range []struct{ rows, watermark, late float64 }{{8192, 9192e9, 1}, {8192, 17384e9, 0}, {3616, 30000e9, 0}} {
		m := got[i].Metrics
		if m["rows"] != want.rows || m["watermark"] != want.watermark || m["late"] != want.late {
			t.Errorf("part %d: %v, want %v", i, m, want)
		}
	}
}

// A detector that dies, by whatever cause, costs one batch; the next process
// gets those behind it, and findings say what was lost.
func TestFailures(t *testing.T) {
	for _, mode := range []string{"crash", "kill", "hang", "brood"} {
		t.Run(mode, func(t *testing.T) {
			if mode == "brood" && runtime.GOOS == "windows" {
				t.Skip("a process has no group there")
			}
			cfg := config(t, mode)
			if mode == "hang" || mode == "brood" {
				cfg.Deadline = time.Second
			}
			d, f, text := run(t, cfg)
			feed(t, d, detect.Input{Flows: rows(10, 53, 1000)})
			feed(t, d, detect.Input{Flows: rows(30, trigger, 1000)})
			feed(t, d, detect.Input{Flows: rows(20, 53, 1000)})
			flush(t, d)
			s := d.Stats()
			if s.Fed != 60 || s.Seen != 30 || s.Skipped != 30 || s.Failures != 1 || s.Starts != 2 {
				t.Fatalf("%+v", s)
			}
			got := f.get()
			if len(got) != 2 {
				t.Fatalf("%d findings, want 2", len(got))
			}
			// The second finding's window ends with the minute in which 20 of the
			// 30 lost rows lie.
			if got[0].Coverage != 1 || got[1].Coverage != 30.0/50 {
				t.Errorf("coverage %v and %v, want 1 and 0.6", got[0].Coverage, got[1].Coverage)
			}
			if got[1].Key != "rows 20" {
				t.Errorf("the new process remembers: %q", got[1].Key)
			}
			d.Close()
			want := map[string]string{"crash": "nil pointer dereference", "hang": ErrDeadline.Error(), "brood": ErrDeadline.Error()}[mode]
			if !strings.Contains(text.String(), want) {
				t.Errorf("the log doesn't tell %q:\n%s", want, text)
			}
		})
	}
}

func TestWrongAnswer(t *testing.T) {
	cfg := config(t, "liar")
	cfg.GiveUp = 3
	d, f, _ := run(t, cfg)
	var err error
	for range 100 {
		if err = d.Feed(context.Background(), detect.Input{Flows: rows(1, 1, 1)}); err != nil {
			break
		}
		d.Flush(context.Background())
	}
	if !errors.Is(err, ErrGivenUp) || !errors.Is(d.Err(), ErrGivenUp) || !strings.Contains(err.Error(), "4711") {
		t.Fatalf("error %v", err)
	}
	s := d.Stats()
	if s.Failures != 3 || s.Seen != 0 || s.Fed != s.Skipped || len(f.get()) != 0 {
		t.Errorf("%+v", s)
	}
}

func TestNonsense(t *testing.T) {
	d, f, _ := run(t, config(t, "nonsense"))
	feed(t, d, detect.Input{Flows: rows(5, 1, 1)})
	flush(t, d)
	if s := d.Stats(); len(f.get()) != 1 || s.Refused != 2 || s.Findings != 1 || s.Failures != 0 {
		t.Errorf("%d findings, %+v", len(f.get()), s)
	}
}

func TestTooManyFindings(t *testing.T) {
	cfg := config(t, "huge")
	cfg.Findings = 7
	d, f, _ := run(t, cfg)
	feed(t, d, detect.Input{Flows: rows(5, 1, 1)})
	flush(t, d)
	if s := d.Stats(); len(f.get()) != 7 || s.Refused != 4994 {
		t.Errorf("%d findings, %+v", len(f.get()), s)
	}
}

// A detector that writes without end neither stops nor fills the log.
func TestFlood(t *testing.T) {
	d, f, text := run(t, config(t, "flood"))
	feed(t, d, detect.Input{Flows: rows(1, trigger, 1)})
	feed(t, d, detect.Input{Flows: rows(1, 1, 1)})
	flush(t, d)
	if len(f.get()) != 2 || d.Stats().Failures != 0 {
		t.Fatalf("%d findings, %+v", len(f.get()), d.Stats())
	}
	d.Close()
	if n := strings.Count(text.String(), "so much to say"); n == 0 || text.Len() > 1<<20 {
		t.Errorf("log has %d octets; %d times the text", text.Len(), n)
	}
}

func TestStartErrors(t *testing.T) {
	for mode, want := range map[string]string{
		"chatter":  "hello, I am no detector",
		"exit":     "start detector",
		"silent":   "timeout",
		"version":  "incompatible API version",
		"nobody":   "no such file",
		"deaf":     ErrDeadline.Error(),
		"unknown":  `"Weather"`,
		"nameless": "no name",
	} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			cfg := config(t, mode)
			if mode == "silent" || mode == "deaf" {
				cfg.Start = time.Second
			}
			begun := time.Now()
			d, err := Start(context.Background(), cfg, Deps{})
			if err == nil {
				d.Close()
				t.Fatal("started")
			}
			if !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %q doesn't tell %q in one line", err, want)
			}
			if took := time.Since(begun); took > 15*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
	cfg := config(t, "tell")
	cfg.Path += ".not-there"
	if _, err := Start(context.Background(), cfg, Deps{}); !errors.Is(err, os.ErrNotExist) && (err == nil || !strings.Contains(err.Error(), "no such file")) {
		t.Errorf("no program: %v", err)
	}
}

// A full queue skips the oldest batches, and the books balance.
func TestDropOldest(t *testing.T) {
	cfg := config(t, "slow")
	cfg.Overflow, cfg.Queue = DropOldest, 2
	d, f, _ := run(t, cfg)
	for range 50 {
		feed(t, d, detect.Input{Flows: rows(10, 1, 1)})
	}
	flush(t, d)
	s := d.Stats()
	if s.Fed != 500 || s.Seen+s.Skipped != 500 || s.Skipped == 0 || s.Seen == 0 || s.Failures != 0 {
		t.Fatalf("%+v", s)
	}
	got := f.get()
	if last := got[len(got)-1].Coverage; last != float64(s.Seen)/500 {
		t.Errorf("coverage %v of %+v", last, s)
	}
}

// Close ends the process at once, also in mid-batch, and leaves no files.
func TestClose(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	cfg := config(t, "hang")
	d, _, _ := run(t, cfg)
	feed(t, d, detect.Input{Flows: rows(3, trigger, 1)})
	feed(t, d, detect.Input{Flows: rows(4, trigger, 1)})
	time.Sleep(100 * time.Millisecond)
	begun := time.Now()
	d.Close()
	if took := time.Since(begun); took > 2*patience {
		t.Errorf("took %v", took)
	}
	if err := d.Feed(context.Background(), detect.Input{Flows: rows(5, 1, 1)}); err == nil {
		t.Error("fed a closed detector")
	}
	if s := d.Stats(); s.Fed != 12 || s.Skipped != 12 {
		t.Errorf("%+v", s)
	}
	left, err := os.ReadDir(temp)
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	d.Close()
}

// When a host dies without a word, its detectors go too.
func TestOrphan(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("looks into /proc")
	}
	file := filepath.Join(t.TempDir(), "pid")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	h := exec.Command(self)
	h.Env = append(os.Environ(), "WEIR_TEST_DETECTOR=host", "WEIR_TEST_PID="+file, "TMPDIR="+t.TempDir())
	out, err := h.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
		t.Fatalf("host says %q, %v", line, err)
	}
	pid, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	alive := func() bool {
		stat, err := os.ReadFile("/proc/" + string(pid) + "/stat")
		return err == nil && !strings.Contains(string(stat), ") Z ")
	}
	if !alive() {
		t.Fatal("the detector isn't there")
	}
	h.Process.Kill()
	h.Wait()
	for range 100 {
		if !alive() {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatal("the detector lives on")
}

func TestFeedContext(t *testing.T) {
	cfg := config(t, "hang")
	cfg.Queue = 1
	d, _, _ := run(t, cfg)
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	var err error
	for range 5 {
		if err = d.Feed(ctx, detect.Input{Flows: rows(1, trigger, 1)}); err != nil {
			break
		}
	}
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("error %v", err)
	}
}

func TestConfig(t *testing.T) {
	cfg := Default()
	if cfg.Validate() == nil {
		t.Error("no path, no error")
	}
	cfg.Path = "x"
	if err := cfg.Validate(); err != nil {
		t.Error(err)
	}
	cfg.Overflow = "perhaps"
	if cfg.Validate() == nil {
		t.Error("an overflow that isn't one")
	}
}

func TestCoverage(t *testing.T) {
	c := coverage{}
	b := &flow.Batch{}
	for i := range b.Grow(10 * steps) {
		b.Flows[i] = flow.Flow{End: int64(i) * step}
	}
	c.add(shares(nil, b.Flows), true)
	if len(c) > steps {
		t.Errorf("%d steps are kept", len(c))
	}
	last := int64(10*steps-1) * step
	c.add([]share{{last / step, 3}}, false)
	if got := c.of(last, last+1); got != 0.25 {
		t.Errorf("coverage %v, want 0.25", got)
	}
	if got := c.of(last-3*step, detect.Forever); got != 4.0/7 {
		t.Errorf("coverage %v, want 4/7", got)
	}
	if got := c.of(0, 1); got != 1 {
		t.Errorf("coverage of forgotten time %v, want 1", got)
	}
}

package host

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/weirflow/weir/plugins/detect"
	"github.com/weirflow/weir/plugins/detectpb"
	"github.com/weirflow/weir/plugins/internal/wire"
	"github.com/weirflow/weir/shared/flow"
)

// TestMain turns the test's binary into a detector when a test starts it anew.
func TestMain(m *testing.M) {
	if mode := os.Getenv("WEIR_TEST_DETECTOR"); mode != "" {
		act(mode)
		os.Exit(3)
	}
	os.Exit(m.Run())
}

// act is the main of the detector that misbehaves as mode says.
func act(mode string) {
	m := detect.Manifest{Name: mode, Version: "1", Fields: []string{"End", "SrcAddr", "dst_port", "applicationName", "packets"}}
	switch mode {
	case "tell", "crash", "kill", "hang", "huge", "nonsense", "flood", "brood", "slow":
		detect.Serve(m, &teller{mode: mode})
	case "pid":
		if err := os.WriteFile(os.Getenv("WEIR_TEST_PID"), []byte(strconv.Itoa(os.Getpid())), 0o600); err != nil {
			panic(err)
		}
		detect.Serve(m, &teller{mode: mode})
	case "host": // a host that will be killed
		cfg := Default()
		cfg.Path = os.Args[0]
		cfg.Env = []string{"WEIR_TEST_DETECTOR=pid", "WEIR_TEST_PID=" + os.Getenv("WEIR_TEST_PID")}
		if _, err := Start(context.Background(), cfg, Deps{}); err != nil {
			panic(err)
		}
		fmt.Println("ready")
		time.Sleep(time.Hour)
	case "touch":
		m.Fields = nil
		for _, x := range twentyOne {
			m.Fields = append(m.Fields, flow.Fields[x].Name)
		}
		detect.Serve(m, &toucher{})
	case "unknown":
		m.Fields = []string{"Weather"}
		detect.Serve(m, &teller{})
	case "nameless":
		detect.Serve(detect.Manifest{}, &teller{})
	case "chatter":
		fmt.Println("hello, I am no detector")
	case "exit":
	case "silent":
		time.Sleep(time.Hour)
	case "version":
		fmt.Println("1|99|unix|/nowhere|grpc|")
		time.Sleep(time.Hour)
	case "nobody":
		fmt.Println("1|1|unix|/nowhere/at/all|grpc|")
		time.Sleep(time.Hour)
	case "deaf": // takes the connection and never says a word
		l, err := net.Listen("unix", os.Getenv(plugin.EnvUnixSocketDir)+"/s")
		if err != nil {
			panic(err)
		}
		fmt.Printf("1|1|unix|%s|grpc|\n", l.Addr())
		for {
			if _, err := l.Accept(); err != nil {
				panic(err)
			}
		}
	case "liar":
		plugin.Serve(&plugin.ServeConfig{
			HandshakeConfig: wire.Handshake, Plugins: plugin.PluginSet{wire.PluginName: &liar{}}, GRPCServer: plugin.DefaultGRPCServer,
		})
	}
}

// A teller reports what it was given, so that a test can compare; certain
// destination ports make it misbehave.
type teller struct {
	mode string
	rows int // in all
}

const trigger = 666 // the destination port that does it

func (t *teller) Detect(dst []detect.Finding, in detect.Input) []detect.Finding {
	apps := map[string]int{}
	last := int64(1)
	for i := range in.Flows.Flows {
		f := &in.Flows.Flows[i]
		apps[string(in.Flows.Strings.Get(f.AppName))]++
		last = max(last, f.End)
		t.rows++
		if f.DstPort == trigger {
			t.misbehave()
		}
	}
	if t.mode == "slow" {
		time.Sleep(20 * time.Millisecond)
	}
	f := detect.Finding{
		Key: fmt.Sprintf("rows %d", t.rows), Class: "test", Severity: detect.Low, Confidence: 1, Start: 1, End: last + 1,
		Metrics: map[string]float64{"rows": float64(len(in.Flows.Flows)), "watermark": float64(in.Watermark), "late": float64(in.Late),
			"exporters": float64(len(in.Exporters)), "dns": float64(apps["dns"])},
		Explanation: fmt.Sprintf("%d rows", len(in.Flows.Flows)),
		Entities:    []detect.Entity{{Role: "source", Kind: "ip", Value: "192.0.2.1"}},
		Actions:     []string{"look"}, Technique: "T1046",
	}
	for i := range in.Flows.Flows[:min(len(in.Flows.Flows), 150)] {
		f.Evidence = append(f.Evidence, detect.KeyOf(&in.Flows.Flows[i]))
	}
	if t.mode == "nonsense" {
		f.Confidence = 7
		dst = append(dst, f)
		f.Confidence, f.End = 1, -1
		dst = append(dst, f)
		f.End = last + 1
	}
	if t.mode == "huge" {
		for range 5000 {
			dst = append(dst, f)
		}
	}
	return append(dst, f)
}

func (t *teller) misbehave() {
	switch t.mode {
	case "crash":
		var nothing *teller
		nothing.rows++
	case "kill":
		if self, err := os.FindProcess(os.Getpid()); err == nil {
			self.Kill()
			select {}
		}
	case "hang":
		select {}
	case "flood":
		for range 50_000 {
			fmt.Fprintln(os.Stderr, strings.Repeat("so much to say ", 10))
		}
		fmt.Print(strings.Repeat("and no end of line ", 10_000))
	case "brood": // leaves a child that holds the pipes, then hangs
		c := exec.Command("sleep", "3600")
		c.Stdout, c.Stderr = os.NewFile(1, "stdout"), os.NewFile(2, "stderr")
		if err := c.Start(); err != nil {
			panic(err)
		}
		select {}
	}
}

// A liar answers with a number that nobody asked for.
type liar struct {
	plugin.NetRPCUnsupportedPlugin
	detectpb.UnimplementedDetectorServer
}

func (l *liar) GRPCServer(_ *plugin.GRPCBroker, s *grpc.Server) error {
	detectpb.RegisterDetectorServer(s, l)
	return nil
}

func (l *liar) GRPCClient(context.Context, *plugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, nil
}

func (l *liar) Describe(context.Context, *detectpb.DescribeRequest) (*detectpb.Manifest, error) {
	return &detectpb.Manifest{Name: "liar", Version: "1", Fields: []string{"End"}}, nil
}

func (l *liar) Run(s detectpb.Detector_RunServer) error {
	for seq := uint64(0); ; seq = 4711 {
		if _, err := s.Recv(); err != nil {
			return err
		}
		if err := s.Send(&detectpb.Output{Seq: seq}); err != nil {
			return err
		}
	}
}

// config runs this binary in mode.
func config(t testing.TB, mode string) Config {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cfg := Default()
	cfg.Path, cfg.Env = self, []string{"WEIR_TEST_DETECTOR=" + mode}
	cfg.Overflow = Block
	cfg.Backoff, cfg.Longest = 10*time.Millisecond, 100*time.Millisecond
	cfg.Start = 20 * time.Second
	return cfg
}

// found collects findings.
type found struct {
	mu  sync.Mutex
	all []detect.Finding
}

func (f *found) add(x []detect.Finding) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.all = append(f.all, x...)
}

func (f *found) get() []detect.Finding {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.all
}

// run starts a detector of cfg, which ends with the test.
func run(t testing.TB, cfg Config) (*Detector, *found, *strings.Builder) {
	t.Helper()
	f, text := &found{}, &strings.Builder{}
	var mu sync.Mutex
	log := slog.New(slog.NewTextHandler(locked{&mu, text}, nil))
	d, err := Start(context.Background(), cfg, Deps{Findings: f.add, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		d.Close()
		mu.Lock()
		defer mu.Unlock()
		if t.Failed() {
			t.Log(text.String())
		}
	})
	return d, f, text
}

type locked struct {
	mu *sync.Mutex
	b  *strings.Builder
}

func (l locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// rows makes n rows to port that end from second from on.
func rows(n int, port uint16, from int64) *flow.Batch {
	b := &flow.Batch{}
	dns := b.Strings.Intern([]byte("dns"))
	for i := range b.Grow(n) {
		f := &b.Flows[i]
		*f = flow.Flow{
			SrcAddr: flow.AddrFrom4([4]byte{192, 0, 2, byte(i)}), DstPort: port, Bytes: 99,
			End: (from + int64(i)) * 1e9, Set: flow.SetOf(flow.FieldSrcAddr, flow.FieldDstPort, flow.FieldEnd, flow.FieldBytes),
		}
		if i%2 == 0 {
			f.AppName = dns
			f.Set.Add(flow.FieldAppName)
		}
	}
	return b
}

func feed(t testing.TB, d *Detector, in detect.Input) {
	t.Helper()
	if err := d.Feed(context.Background(), in); err != nil {
		t.Fatal(err)
	}
}

func flush(t testing.TB, d *Detector) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	if err := d.Flush(ctx); err != nil {
		t.Fatal(err)
	}
}

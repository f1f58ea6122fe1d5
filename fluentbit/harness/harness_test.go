// Package harness tests in_weir.so as a whole: a C program loads it as Fluent
// Bit does (harness.c), and the tests send to it and read what it hands over.
package harness

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weirflow/weir/fluentbit/internal/same"
)

var built struct {
	sync.Once
	dir  string
	skip string
	err  error
}

func TestMain(m *testing.M) {
	code := m.Run()
	os.RemoveAll(built.dir)
	os.Exit(code)
}

// compiler returns the C compiler's name.
func compiler() string { return cmp.Or(os.Getenv("CC"), "cc") }

// build makes the harness, also as harness-noappend without
// flb_input_log_append, and the plugin, once, and returns where they are. With
// SANITIZE=1, both watch how they use memory.
func build(t *testing.T) (harness, plugin string) {
	t.Helper()
	built.Do(func() {
		if _, err := exec.LookPath(compiler()); err != nil {
			built.skip = "no C compiler: " + err.Error()
			return
		}
		if runtime.GOOS != "linux" {
			built.skip = "the harness is for Linux"
			return
		}
		if built.dir, built.err = os.MkdirTemp("", "in_weir"); built.err != nil {
			return
		}
		goFlags, cFlags := []string{"build", "-buildmode=c-shared"}, os.Getenv("CFLAGS")
		if os.Getenv("SANITIZE") == "1" {
			goFlags, cFlags = append(goFlags, "-asan"), cFlags+" -fsanitize=address,undefined -fno-sanitize-recover=undefined"
		}
		goBuild := exec.Command("go", append(goFlags, "-o", filepath.Join(built.dir, "in_weir.so"), "../cmd/in_weir")...)
		goBuild.Env = append(os.Environ(), "CGO_ENABLED=1")
		with := exec.Command("./build.sh", filepath.Join(built.dir, "harness"))
		with.Env = append(os.Environ(), "CFLAGS="+cFlags)
		without := exec.Command("./build.sh", filepath.Join(built.dir, "harness-noappend"))
		without.Env = append(os.Environ(), "CFLAGS="+cFlags+" -DWITHOUT_APPEND")
		for _, c := range []*exec.Cmd{goBuild, with, without} {
			if out, err := c.CombinedOutput(); err != nil {
				built.err = fmt.Errorf("%s: %w\n%s", c, err, out)
				return
			}
		}
	})
	switch {
	case built.err != nil:
		t.Fatal(built.err)
	case built.skip != "" && os.Getenv("CI") == "true":
		t.Fatal(built.skip)
	case built.skip != "":
		t.Skip(built.skip)
	}
	return filepath.Join(built.dir, "harness"), filepath.Join(built.dir, "in_weir.so")
}

// A process is a harness at work.
type process struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
	out   string // prefix of the files of events
	read  chan struct{}

	mu  sync.Mutex
	log []string
}

// start runs the harness. args are its options; each props is an instance.
func start(t *testing.T, args []string, props ...[]string) *process {
	t.Helper()
	harness, _ := build(t)
	return startAs(t, harness, args, props...)
}

// startAs runs this harness. Flows are the only events, unless props say more.
func startAs(t *testing.T, harness string, args []string, props ...[]string) *process {
	t.Helper()
	_, plugin := build(t)
	p := &process{out: filepath.Join(t.TempDir(), "events"), read: make(chan struct{})}
	args = append([]string{"--interval", "50", "--slowest", "1000", "--stop", "100", "--out", p.out}, append(args, plugin)...)
	for i, ps := range props {
		if i > 0 {
			args = append(args, "--")
		}
		if !slices.ContainsFunc(ps, func(p string) bool { return strings.HasPrefix(p, "types=") }) {
			args = append(args, "types=flows")
		}
		args = append(args, ps...)
	}
	p.cmd = exec.Command(harness, args...)
	var err error
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.read)
		for s := bufio.NewScanner(stderr); s.Scan(); {
			p.mu.Lock()
			p.log = append(p.log, s.Text())
			p.mu.Unlock()
		}
	}()
	t.Cleanup(func() {
		p.stdin.Close()
		<-p.read
		p.cmd.Process.Kill()
		p.cmd.Wait()
		if t.Failed() {
			t.Logf("harness: %s", strings.Join(p.log, "\n"))
		}
	})
	return p
}

func (p *process) lines() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.log, "\n")
}

func (p *process) command(t *testing.T, line string) {
	t.Helper()
	if _, err := fmt.Fprintln(p.stdin, line); err != nil {
		t.Fatal(err)
	}
}

// until waits for ok, for 20 seconds at most.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

var listening = regexp.MustCompile(`(?m)\[ info\] \[input:weir\] (?:still )?listening on (\S+): schema=(\S+)$`)

// addrs waits until the plugin has said n times where it listens, and returns
// the last address of each schema.
func (p *process) addrs(t *testing.T, n int) map[string]netip.AddrPort {
	t.Helper()
	var found [][]string
	until(t, "the listeners", func() bool {
		found = listening.FindAllStringSubmatch(p.lines(), -1)
		return len(found) >= n
	})
	addrs := map[string]netip.AddrPort{}
	for _, m := range found {
		addrs[m[2]] = netip.MustParseAddrPort(m[1])
	}
	return addrs
}

// events waits until instance i has handed over n events, and returns them.
func (p *process) events(t *testing.T, i, n int) (events []same.Event) {
	t.Helper()
	until(t, fmt.Sprintf("%d events of instance %d", n, i), func() bool {
		data, err := os.ReadFile(fmt.Sprintf("%s.%d", p.out, i))
		if err != nil {
			t.Fatal(err)
		}
		events, err = same.Events(data)
		if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
		return len(events) >= n
	})
	return events
}

// end ends the harness and returns its status.
func (p *process) end(t *testing.T) int {
	t.Helper()
	p.stdin.Close()
	<-p.read
	var exit *exec.ExitError
	if err := p.cmd.Wait(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return p.cmd.ProcessState.ExitCode()
}

// versions are those of Fluent Bit that the harness can be like: each differs
// from the next in the interface.
var versions = []string{"2.1", "4.0", "4.1", "4.2.3", "5.1.1"}

func TestSameValues(t *testing.T) {
	for _, version := range versions {
		for _, schema := range []string{"ecs", "ipfix"} {
			for _, way := range []string{"callback", "direct"} {
				t.Run(version+" "+schema+" "+way, func(t *testing.T) {
					p := start(t, []string{"--as", version}, []string{"Listeners=udp://127.0.0.1:0", "schema=" + schema, "append=" + way})
					same.Send(t, p.addrs(t, 1)[schema])
					same.Compare(t, schema, p.events(t, 0, same.Records(t)))
					if code := p.end(t); code != 0 {
						t.Errorf("status %d", code)
					}
					want := fmt.Sprintf("stopped: events=%d delivered=%[1]d dropped=0", same.Records(t))
					if !strings.Contains(p.lines(), want) {
						t.Errorf("no %q in the log", want)
					}
				})
			}
		}
	}
}

// Two instances are two sockets, two schemas, two streams of events.
func TestTwoInstances(t *testing.T) {
	f := func(args ...string) {
		for _, way := range []string{"callback", "direct"} {
			if way == "direct" && slices.Contains(args, "off") {
				continue
			}
			t.Run(strings.Join(append(args, way), " "), func(t *testing.T) {
				p := start(t, args, []string{"listeners=127.0.0.1:0", "append=" + way}, []string{"listeners=127.0.0.1:0", "schema=ipfix", "append=" + way})
				for i, schema := range []string{"ecs", "ipfix"} {
					same.Send(t, p.addrs(t, 2)[schema])
					same.Compare(t, schema, p.events(t, i, same.Records(t)))
				}
				if code := p.end(t); code != 0 {
					t.Errorf("status %d", code)
				}
			})
		}
	}
	for _, version := range versions {
		f("--as", version)
	}
	f("--threaded", "off")
}

// What comes during a pause is handed over after it.
func TestPause(t *testing.T) {
	for _, way := range []string{"callback", "direct"} {
		t.Run(way, func(t *testing.T) {
			p := start(t, nil, []string{"listeners=127.0.0.1:0", "append=" + way})
			addr := p.addrs(t, 1)["ecs"]
			p.command(t, "pause")
			time.Sleep(600 * time.Millisecond)
			same.Send(t, addr)
			time.Sleep(500 * time.Millisecond)
			if n := len(p.events(t, 0, 0)); n != 0 {
				t.Errorf("%d events during a pause", n)
			}
			p.command(t, "resume")
			same.Compare(t, "ecs", p.events(t, 0, same.Records(t)))
			if code := p.end(t); code != 0 {
				t.Errorf("status %d", code)
			}
		})
	}
}

// Of two instances the first is paused, and Fluent Bit stops asking the second:
// the first keeps its events back by itself.
func TestPauseOfAnother(t *testing.T) {
	for _, way := range []string{"callback", "direct"} {
		t.Run(way, func(t *testing.T) {
			p := start(t, []string{"--pause", "last"},
				[]string{"listeners=127.0.0.1:0", "append=" + way}, []string{"listeners=127.0.0.1:0", "schema=ipfix", "append=" + way})
			addrs := p.addrs(t, 2)
			p.command(t, "pause 0")
			time.Sleep(600 * time.Millisecond)
			same.Send(t, addrs["ecs"])
			same.Send(t, addrs["ipfix"])
			time.Sleep(500 * time.Millisecond)
			if n := len(p.events(t, 0, 0)); n != 0 {
				t.Errorf("%d events during a pause", n)
			}
			if way == "direct" {
				same.Compare(t, "ipfix", p.events(t, 1, same.Records(t)))
			}
			p.command(t, "resume 0")
			same.Compare(t, "ecs", p.events(t, 0, same.Records(t)))
			same.Compare(t, "ipfix", p.events(t, 1, same.Records(t)))
			if code := p.end(t); code != 0 {
				t.Errorf("status %d", code)
			}
		})
	}
}

// What waits when Fluent Bit begins to end is handed over, between two calls.
func TestEndHandsOver(t *testing.T) {
	for _, way := range []string{"callback", "direct"} {
		t.Run(way, func(t *testing.T) {
			p := start(t, []string{"--interval", "5000", "--stop", "1000"}, []string{"listeners=127.0.0.1:0", "append=" + way})
			same.Send(t, p.addrs(t, 1)["ecs"])
			if code := p.end(t); code != 0 {
				t.Errorf("status %d", code)
			}
			same.Compare(t, "ecs", p.events(t, 0, same.Records(t)))
		})
	}
}

// As events are handed over as they come, no call is waited for.
func TestDirectIsSooner(t *testing.T) {
	p := start(t, []string{"--interval", "3000"}, []string{"listeners=127.0.0.1:0", "append=direct"})
	addr := p.addrs(t, 1)["ecs"]
	at := time.Now()
	same.Send(t, addr)
	same.Compare(t, "ecs", p.events(t, 0, same.Records(t)))
	if took := time.Since(at); took > 1500*time.Millisecond {
		t.Errorf("events came after %v", took)
	}
	if code := p.end(t); code != 0 {
		t.Errorf("status %d", code)
	}
	if want := fmt.Sprintf("instance 0: %d events appended in ", same.Records(t)); !strings.Contains(p.lines(), want) {
		t.Errorf("no %q in the log", want)
	}
}

// What Fluent Bit has no room for is handed over later.
func TestDirectNoRoom(t *testing.T) {
	p := start(t, nil, []string{"listeners=127.0.0.1:0", "append=direct"})
	addr := p.addrs(t, 1)["ecs"]
	p.command(t, "full")
	time.Sleep(200 * time.Millisecond)
	same.Send(t, addr)
	time.Sleep(500 * time.Millisecond)
	if n := len(p.events(t, 0, 0)); n != 0 {
		t.Errorf("%d events without room", n)
	}
	p.command(t, "room")
	same.Compare(t, "ecs", p.events(t, 0, same.Records(t)))
	if code := p.end(t); code != 0 {
		t.Errorf("status %d", code)
	}
	if strings.Contains(p.lines(), " 0 runs refused") {
		t.Error("no run was refused")
	}
}

// Direct needs what not every Fluent Bit has.
func TestDirectRefused(t *testing.T) {
	harness, _ := build(t)
	f := func(harness string, args []string, want ...string) {
		t.Helper()
		p := startAs(t, harness, args, []string{"listeners=127.0.0.1:0", "append=direct"})
		if code := p.end(t); code != 255 {
			t.Errorf("status %d", code)
		}
		for _, w := range append(want, "use append callback") {
			if !strings.Contains(p.lines(), w) {
				t.Errorf("%q is not in the log", w)
			}
		}
	}
	f(harness+"-noappend", nil, "flb_input_log_append")
	f(harness, []string{"--threaded", "off"}, "threaded off")
}

// Without flb_input_log_append there are still the calls.
func TestWithoutAppend(t *testing.T) {
	harness, _ := build(t)
	p := startAs(t, harness+"-noappend", nil, []string{"listeners=127.0.0.1:0"})
	same.Send(t, p.addrs(t, 1)["ecs"])
	p.command(t, "pause")
	time.Sleep(100 * time.Millisecond)
	p.command(t, "resume")
	same.Compare(t, "ecs", p.events(t, 0, same.Records(t)))
	if code := p.end(t); code != 0 {
		t.Errorf("status %d", code)
	}
}

// Fluent Bit reloads within one process: the new instances have the ports of the
// old ones.
func TestReload(t *testing.T) {
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	addr := c.LocalAddr().(*net.UDPAddr).AddrPort()
	c.Close()

	f := func(way string, args ...string) {
		t.Run(strings.Join(append(args, way), " "), func(t *testing.T) {
			p := start(t, args, []string{"listeners=" + addr.String(), "append=" + way}, []string{"listeners=127.0.0.1:0", "append=" + way})
			p.addrs(t, 2)
			same.Send(t, addr)
			n := same.Records(t)
			before := p.events(t, 0, n)
			p.command(t, "reload")
			p.addrs(t, 4)
			same.Send(t, addr)
			after := p.events(t, 0, 2*n)[n:]
			same.Compare(t, "ecs", before)
			same.Compare(t, "ecs", after)
			if code := p.end(t); code != 0 {
				t.Errorf("status %d", code)
			}
		})
	}
	f("callback")
	f("direct")
	f("callback", "--threaded", "off")
	f("callback", "--as", "2.1")
	f("direct", "--as", "4.0")
}

// What comes while Fluent Bit reloads is not lost.
func TestReloadUnderFlows(t *testing.T) {
	for _, way := range []string{"callback", "direct"} {
		t.Run(way, func(t *testing.T) {
			p := start(t, []string{"--stop", "1000"}, []string{"listeners=127.0.0.1:0", "append=" + way})
			addr := p.addrs(t, 1)["ecs"]
			p.command(t, "reload")
			const times = 20
			for range times {
				same.Send(t, addr)
				time.Sleep(100 * time.Millisecond)
			}
			p.addrs(t, 2)
			want := times * same.Records(t)
			if got := len(p.events(t, 0, want)); got != want {
				t.Errorf("%d events, want %d", got, want)
			}
			if code := p.end(t); code != 0 {
				t.Errorf("status %d", code)
			}
		})
	}
}

// What can't work ends Fluent Bit at once, with one line that says why.
func TestInitRefused(t *testing.T) {
	taken, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	f := func(prop string, want ...string) {
		t.Helper()
		p := start(t, nil, []string{prop})
		if code := p.end(t); code != 255 {
			t.Errorf("%s: status %d", prop, code)
		}
		var errs []string
		for l := range strings.Lines(p.lines()) {
			if strings.HasPrefix(l, "[error] [input:weir] ") {
				errs = append(errs, l)
			}
		}
		if len(errs) != 1 {
			t.Fatalf("%s: errors in the log: %q", prop, errs)
		}
		for _, w := range want {
			if !strings.Contains(errs[0], w) {
				t.Errorf("%s: %q doesn't have %q", prop, errs[0], w)
			}
		}
	}
	f("listeners="+taken.LocalAddr().String(), taken.LocalAddr().String())
	f("listeners=sctp://:2055", "tcp")
	f("schema=ces", "schema", "ces", "ecs")
	f("listenrs=:2055", "listenrs", "listeners")
}

// The harness itself must notice: it is given plugins that break the interface.
func TestHarnessNotices(t *testing.T) {
	harness, _ := build(t)
	good := map[string]string{
		"register": `int *i = d; char **s = d; i[0] = 1; i[1] = 11; i[2] = 0; s[2] = "x"; s[3] = "y"; return 0;`,
		"init":     `ins = ((void **) p)[2]; return 1;`,
		"callback": `*data = 0; *size = 0; return 1;`,
		"cleanup":  `return 1;`,
		"pause":    ``,
		"exit":     `return 1;`,
	}
	f := func(name, part, body, want string, code int) {
		t.Run(name, func(t *testing.T) {
			src := "#include <pthread.h>\n#include <stddef.h>\n#include <unistd.h>\n" +
				"int flb_input_log_append(void *, const char *, size_t, const void *, size_t);\n" +
				"static void *ins; static void *append(void *n) { flb_input_log_append(ins, 0, 0, EVENT, n ? (size_t) n : 14); return 0; }\n" +
				"static void appends(void *n) { pthread_t t; pthread_create(&t, 0, append, n); pthread_join(t, 0); }\n"
			for _, x := range [][2]string{
				{"register", "int FLBPluginRegister(void *d)"}, {"init", "int FLBPluginInit(void *p)"},
				{"callback", "int FLBPluginInputCallback(void **data, size_t *size)"}, {"cleanup", "int FLBPluginInputCleanupCallback(void *data)"},
				{"pause", "void FLBPluginInputPause(void)"}, {"exit", "int FLBPluginExit(void)"},
			} {
				b := good[x[0]]
				if x[0] == part {
					b = body
				}
				src += x[1] + " { " + b + " }\n"
			}
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "p.c"), []byte(src), 0o600); err != nil {
				t.Fatal(err)
			}
			cc := exec.Command(compiler(), "-w", `-DEVENT="\x92\x92\xd7\x00\0\0\0\1\0\0\0\1\x80\x80"`, "-shared", "-fPIC", "-o", filepath.Join(dir, "p.so"), filepath.Join(dir, "p.c"))
			if out, err := cc.CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			for _, version := range versions {
				if part == "pause" && version == "2.1" {
					continue
				}
				cmd := exec.Command(harness, "--as", version, "--interval", "1", "--slowest", "50", "--stop", "1", "--calls", "2", filepath.Join(dir, "p.so"))
				out, _ := cmd.CombinedOutput()
				if got := cmd.ProcessState.ExitCode(); got != code || !bytes.Contains(out, []byte(want)) {
					t.Errorf("%s: status %d, want %d with %q: %s", version, got, code, want, out)
				}
			}
		})
	}
	f("good", "", "", "2 calls", 0)
	f("type", "register", `int *i = d; char **s = d; i[0] = 2; i[1] = 11; i[2] = 0; s[2] = "x"; s[3] = "y"; return 0;`, "registered as type 2", 1)
	f("flags", "register", `int *i = d; char **s = d; i[0] = 1; i[1] = 11; i[2] = 4; s[2] = "x"; s[3] = "y"; return 0;`, "flags 4", 1)
	f("definition", "register", `int *i = d; char **s = d; i[0] = 1; i[1] = 11; i[2] = 0; s[2] = "x"; s[3] = "y"; s[6] = 0; return 0;`, "definition: octet", 1)
	f("init", "init", `return 0;`, "init refused", 255)
	f("private", "init", `((char *) p)[40] = 0; return 1;`, "argument of init: octet 40", 1)
	f("context", "init", `void **c = ((void ***) p)[3]; c[0] = p; c[1] = p; return 1;`, "the context", 1)
	f("blocks", "callback", `usleep(100000); *size = 0; return 1;`, "a call took", 1)
	f("code", "callback", `*size = 0; return 2;`, "a call returned 2", 1)
	f("null", "callback", `*data = 0; *size = 5; return 1;`, "5 octets at NULL", 1)
	f("octets", "callback", `*data = "abc"; *size = 3; return 1;`, "not events", 1)
	f("legacy", "callback", `*data = "\x92\xd7\x00\0\0\0\1\0\0\0\1\x80"; *size = 12; return 1;`, "not events", 1)
	f("cut", "callback", `*data = "\x92\x92\xd7\x00\0\0\0\1\0\0\0\1\x80\x81\xa1k"; *size = 16; return 1;`, "not events", 1)
	f("appends", "pause", `static int n; if (!n++) { append(0); appends(0); }`, "2 events appended in 2 runs", 0)
	f("large run", "init", `ins = ((void **) p)[2]; appends((void *) 2000001); return 1;`, "2000001 octets were appended", 1)
	f("empty run", "init", `flb_input_log_append(((void **) p)[2], 0, 0, "", 0); return 1;`, "0 octets were appended", 1)
	f("tag", "init", `flb_input_log_append(((void **) p)[2], "x", 0, EVENT, 14); return 1;`, "a tag at", 1)
	f("appended octets", "init", `flb_input_log_append(((void **) p)[2], 0, 0, "abc", 3); return 1;`, "not events", 1)
	f("no instance", "init", `flb_input_log_append(p, 0, 0, EVENT, 14); return 1;`, "isn't one", 1)
	f("late", "pause", `usleep(700000); appends(0);`, "during a pause", 1)
	f("at the end", "exit", `append(0); return 1;`, "when the outputs had ended", 1)
}

//go:build real && linux

package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weirflow/weir/shared/flowtest"
)

// forwarder makes a DLL of one function, which is one of another DLL's. Go's runtime
// wants bcryptprimitives.dll, which wine has from version 9 on.
func forwarder(dll, function, to string) []byte {
	const at, align = 0x1000, 0x200
	put := func(b []byte, values ...any) []byte {
		for _, v := range values {
			b, _ = binary.Append(b, binary.LittleEndian, v) // numbers all
		}
		return b
	}
	// The export table: its directory, three arrays of one each, and the names.
	const arrays = at + 40
	const names = arrays + 4 + 4 + 2
	fn := uint32(names + len(dll) + 1)
	table := put(nil, uint64(0), uint32(0), uint32(names), uint32(1), uint32(1), uint32(1), uint32(arrays), uint32(arrays+4), uint32(arrays+8))
	table = put(table, fn+uint32(len(function))+1, fn, uint16(0))
	table = append(table, dll+"\x00"+function+"\x00"+to+"\x00"...)
	size := uint32(len(table))

	out := put(append([]byte("MZ"), make([]byte, 58)...), uint32(64))
	out = put(append(out, "PE\x00\x00"...), uint16(0x8664), uint16(1), uint32(0), uint64(0), uint16(240), uint16(0x2022))
	out = put(out, uint16(0x20b), uint16(0), uint32(0), uint32(align), uint32(0), uint32(0), uint32(at))
	out = put(out, uint64(0x180000000), uint32(at), uint32(align), uint32(6), uint32(0), uint32(6), uint32(0), uint32(2*at), uint32(align), uint32(0), uint16(3), uint16(0))
	out = put(out, uint64(1<<20), uint64(1<<12), uint64(1<<20), uint64(1<<12), uint32(0), uint32(16), uint32(at), size)
	out = append(out, make([]byte, 15*8)...)
	out = put(append(out, ".rdata\x00\x00"...), size, uint32(at), uint32(align), uint32(align), uint64(0), uint32(0), uint32(0x40000040))
	out = append(out, make([]byte, align-len(out))...)
	return append(append(out, table...), make([]byte, align-len(table))...)
}

// wine returns a function that makes commands for wine, with a folder of its own.
func wine(t *testing.T) func(args ...string) *exec.Cmd {
	t.Helper()
	program := "/usr/lib/wine/wine64" // Debian's
	if _, err := os.Stat(program); err != nil {
		if program, err = exec.LookPath("wine64"); err != nil {
			t.Skip("there is no wine")
		}
	}
	prefix := t.TempDir()
	command := func(args ...string) *exec.Cmd {
		c := exec.CommandContext(t.Context(), program, args...)
		c.Env = append(os.Environ(), "WINEPREFIX="+prefix, "WINEDEBUG=-all", "DISPLAY=")
		c.WaitDelay = 10 * time.Second
		return c
	}
	t.Cleanup(func() {
		for _, name := range []string{"/usr/lib/wine/wineserver64", "wineserver"} {
			c := exec.Command(name, "-k")
			if c.Env = append(os.Environ(), "WINEPREFIX="+prefix); c.Run() == nil {
				return
			}
		}
	})
	if out, err := command("cmd", "/c", "exit").CombinedOutput(); err != nil {
		t.Skipf("wine doesn't start: %v\n%s", err, out)
	}
	dll := filepath.Join(prefix, "drive_c", "windows", "system32", "bcryptprimitives.dll")
	if _, err := os.Stat(dll); err != nil {
		if err := os.WriteFile(dll, forwarder("bcryptprimitives.dll", "ProcessPrng", "ADVAPI32.SystemFunction036"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return command
}

// A text is written by a process and read by the test.
type text struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (x *text) Write(p []byte) (int, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.b.Write(p)
}

func (x *text) String() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.b.String()
}

// The Windows binary says the same as the other, gets IPFIX over TCP (wine has not
// all that Go wants of UDP sockets), makes events of it, and ends when nobody reads
// them any more.
func TestWindows(t *testing.T) {
	command := wine(t)
	dir := t.TempDir()
	weir := filepath.Join(dir, "weir.exe")
	must(t, "env", "GOOS=windows", "GOARCH=amd64", "CGO_ENABLED=0", "go", "build", "-trimpath", "-o", weir, "./splunk/cmd/weir-splunk")
	out, err := command(weir, "--scheme").Output()
	if err != nil {
		t.Fatal(err)
	}
	if want := must(t, "go", "run", "./splunk/cmd/weir-splunk", "--scheme"); strings.TrimSpace(string(out)) != want {
		t.Errorf("--scheme says\n%s\nwant\n%s", out, want)
	}
	for listeners, bad := range map[string]bool{"127.0.0.1:0": false, "nowhere": true} {
		c := command(weir, "--validate-arguments")
		c.Stdin = strings.NewReader(`<items><item name="core"><param name="listeners">` + listeners + `</param></item></items>`)
		out, err := c.Output()
		if _, exit := errors.AsType[*exec.ExitError](err); exit != bad || strings.Contains(string(out), "<message>listeners: ") != bad {
			t.Errorf("%s: %v, %s", listeners, err, out)
		}
	}

	c := command(weir)
	stdin, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	stderr := new(text)
	c.Stdout, c.Stderr = w, stderr
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	io.WriteString(stdin, `<input><checkpoint_dir>C:\checkpoints</checkpoint_dir><configuration><stanza name="weir://core" app="TA-weir">`+
		`<param name="listeners">tcp://127.0.0.1:0</param><param name="stitch">false</param></stanza></configuration></input>`)
	listening := regexp.MustCompile(`INFO listening .*address=(\S+)`)
	var to []string
	for end := time.Now().Add(30 * time.Second); to == nil; time.Sleep(20 * time.Millisecond) {
		if to = listening.FindStringSubmatch(stderr.String()); time.Now().After(end) {
			t.Fatalf("it doesn't listen: %s", stderr)
		}
	}
	conn, err := net.Dial("tcp", to[1])
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	const flows = 5
	send := func() error {
		_, err := conn.Write(flowtest.Packet(10, 1, flowtest.Template(10, 260, flowtest.TwentyIPFIX), flowtest.New(1).Data(260, flows, flowtest.TwentyIPFIX)))
		return err
	}
	if err := send(); err != nil {
		t.Fatal(err)
	}
	r.SetReadDeadline(time.Now().Add(20 * time.Second))
	var got []byte
	for buf := make([]byte, 4096); bytes.Count(got, []byte("</event>")) < flows; {
		n, err := r.Read(buf)
		if got = append(got, buf[:n]...); err != nil {
			t.Fatalf("%v after %s: %s", err, got, stderr)
		}
	}
	r.Close()
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	for end := time.After(30 * time.Second); ; {
		send() // an error is its end
		select {
		case err := <-ended:
			if _, exit := errors.AsType[*exec.ExitError](err); !exit || !strings.Contains(stderr.String(), "ERROR write events") {
				t.Errorf("%v: %s", err, stderr)
			}
			return
		case <-end:
			t.Fatalf("still there: %s", stderr)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

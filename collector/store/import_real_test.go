//go:build real

package store

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/weirflow/weir/shared/pcap"
	"github.com/weirflow/weir/testdata"
)

// nfcapd writes a file, and what of it comes into the store is what nfdump counts.
func TestRealNfcapd(t *testing.T) {
	for _, c := range []string{"nfcapd", "nfdump"} {
		if _, err := exec.LookPath(c); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatalf("%s is not installed: run testdata/make/install.sh", c)
			}
			t.Skipf("%s is not installed: run testdata/make/install.sh", c)
		}
	}
	l, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.LocalAddr().(*net.UDPAddr)
	l.Close()
	dir := t.TempDir()
	cmd := exec.Command("nfcapd", "-w", dir, "-b", "127.0.0.1", "-p", fmt.Sprint(addr.Port), "-t", "3600")
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	var c *net.UDPConn
	eventually(t, "nfcapd doesn't listen", func() bool {
		if c, err = net.DialUDP("udp", nil, addr); err != nil {
			return false
		}
		_, err = c.Write([]byte{0})
		time.Sleep(time.Millisecond)
		_, again := c.Write([]byte{0})
		return err == nil && again == nil
	})
	defer c.Close()
	for _, name := range []string{"v5/pmacctd-sampled", "v9/pmacctd", "ipfix/softflowd"} {
		data, err := testdata.FS.ReadFile("pcap/" + name + ".pcap")
		if err != nil {
			t.Fatal(err)
		}
		r, err := pcap.NewReader(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		for {
			p, err := r.Next()
			if err != nil {
				break
			}
			if _, err := c.Write(p.Payload); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Millisecond) // its buffer is small
		}
	}
	time.Sleep(300 * time.Millisecond) // nfcapd reads them
	cmd.Process.Signal(syscall.SIGTERM)
	cmd.Wait()
	files, _ := filepath.Glob(filepath.Join(dir, "nfcapd.2*"))
	if len(files) != 1 {
		t.Fatalf("nfcapd left %v: %s", files, log.Bytes())
	}
	out, err := exec.Command("nfdump", "-I", "-r", files[0]).Output()
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]uint64{}
	for line := range bytes.Lines(out) {
		var name string
		var n uint64
		if k, _ := fmt.Sscanf(string(line), "%s %d", &name, &n); k == 2 {
			want[name] = n
		}
	}
	if want["Flows:"] < 50 {
		t.Fatalf("nfdump counts %v: %s", want, out)
	}
	s := open(t, testConfig(t.TempDir()))
	if _, err := s.Import(t.Context(), files, nil); err != nil {
		t.Fatal(err)
	}
	got, err := s.Check(t.Context(), nil)
	if err != nil || got.Rows != want["Flows:"] || got.Bytes != want["Bytes:"] || got.Packets != want["Packets:"] {
		t.Errorf("%+v, nfdump has %v: %v", got, want, err)
	}
}

//go:build real && linux

package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// tool runs a program to its end and returns what it prints.
func tool(t *testing.T, name string, args ...string) string {
	t.Helper()
	var stderr strings.Builder
	cmd := exec.Command(name, args...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, out, stderr.String())
	}
	return string(out)
}

// A machine is a network namespace.
type machine string

// newMachine makes one that lasts as long as the test.
func newMachine(t *testing.T, name string) machine {
	t.Helper()
	m := machine(fmt.Sprintf("weir-%d-%s", os.Getpid(), name))
	tool(t, "ip", "netns", "add", string(m))
	t.Cleanup(func() { tool(t, "ip", "netns", "del", string(m)) })
	m.tool(t, "sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1", "net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.default.rp_filter=0")
	m.tool(t, "ip", "link", "set", "lo", "up")
	return m
}

// wire joins two machines, or two ports of one.
func wire(t *testing.T, a machine, portA string, b machine, portB string) {
	t.Helper()
	tool(t, "ip", "link", "add", "name", portA, "netns", string(a), "type", "veth", "peer", "name", portB, "netns", string(b))
	a.tool(t, "ip", "link", "set", "dev", portA, "up")
	b.tool(t, "ip", "link", "set", "dev", portB, "up")
}

func (m machine) inside(program string, args []string) []string {
	return append([]string{"netns", "exec", string(m), program}, args...)
}

func (m machine) tool(t *testing.T, program string, args ...string) string {
	t.Helper()
	return tool(t, "ip", m.inside(program, args)...)
}

func (m machine) launch(t *testing.T, program string, args ...string) *process {
	t.Helper()
	return launch(t, "ip", m.inside(program, args)...)
}

// tap returns a socket that sends frames from a port of m.
func (m machine) tap(t *testing.T, port string) (send func(frame []byte)) {
	t.Helper()
	type opened struct {
		fd  int
		err error
	}
	done := make(chan opened)
	go func() {
		runtime.LockOSThread() // the thread ends with the goroutine
		fd, err := m.packetSocket(port)
		done <- opened{fd, err}
	}()
	s := <-done
	if s.err != nil {
		t.Fatal(s.err)
	}
	t.Cleanup(func() { unix.Close(s.fd) })
	return func(frame []byte) {
		if _, err := unix.Write(s.fd, frame); err != nil {
			t.Fatal(err)
		}
	}
}

func (m machine) packetSocket(port string) (int, error) {
	ns, err := os.Open(filepath.Join("/run/netns", string(m)))
	if err != nil {
		return 0, err
	}
	defer ns.Close()
	if err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); err != nil {
		return 0, err
	}
	i, err := net.InterfaceByName(port)
	if err != nil {
		return 0, err
	}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW, 0)
	if err != nil {
		return 0, err
	}
	return fd, unix.Bind(fd, &unix.SockaddrLinklayer{Ifindex: i.Index})
}

// The packets of traffic.py, as they were on the wire.
type traffic struct {
	frames    [][]byte
	all, ipv4 totals // what they are
}

func newTraffic(t *testing.T) *traffic {
	t.Helper()
	script := inTop(t, "testdata", "make", "traffic.py")
	file := filepath.Join(t.TempDir(), "traffic.pcap")
	tool(t, "python3", script, file)
	var x traffic
	for filter, into := range map[string]*totals{"all": &x.all, "ipv4": &x.ipv4} {
		if err := json.Unmarshal([]byte(tool(t, "python3", script, "--totals", filter)), into); err != nil {
			t.Fatal(err)
		}
	}
	d, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for d = d[24:]; len(d) > 0; {
		kept, size := binary.LittleEndian.Uint32(d[8:]), binary.LittleEndian.Uint32(d[12:])
		frame := make([]byte, size)
		copy(frame, d[16:16+kept])
		x.frames = append(x.frames, frame)
		d = d[16+kept:]
	}
	return &x
}

// play sends all, so often, each time between other addresses: from is the first
// of these.
func (x *traffic) play(send func([]byte), from, times int) {
	for i := from; i < from+times; i++ {
		for _, f := range x.frames {
			switch binary.BigEndian.Uint16(f[12:]) {
			case 0x0800: // 10.20.0.0/16 is one end of each
				at := 26
				if f[at] != 10 {
					at = 30
				}
				f[at+1] = byte(i)
			case 0x86dd: // 2001:db8:20::/48 is
				f[22+8], f[38+8] = byte(i), byte(i)
			}
			send(f)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// eventually waits until f is true.
func eventually(t *testing.T, f func() bool, failed func() string) {
	t.Helper()
	for start := time.Now(); !f(); time.Sleep(20 * time.Millisecond) {
		if time.Since(start) > 20*time.Second {
			t.Fatal(failed())
		}
	}
}

//go:build linux

package source

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/weirflow/weir/shared/decode"
)

// activatedMain is a program that systemd has started: it opens the listeners that
// its arguments name, twice each, and hears from them.
func activatedMain() {
	if os.Getenv(activated) == "self" { // systemd says whom it means
		os.Setenv("LISTEN_PID", fmt.Sprint(os.Getpid()))
	}
	sockets, err := Activation()
	fmt.Printf("sockets: %t, %v, environment: %q\n", sockets != nil, err, os.Getenv("LISTEN_FDS")+os.Getenv("LISTEN_FDNAMES"))
	for _, text := range os.Args[1:] {
		l, err := ParseListen(text)
		if err != nil {
			fmt.Println(err)
			continue
		}
		cfg := Default()
		cfg.Sockets = sockets
		for range 2 {
			x, err := Open(l, cfg)
			if err != nil {
				fmt.Println(err)
				break
			}
			fmt.Printf("open %s\n", x.Addr())
			var dst [1]decode.Datagram
			heard := false
			for end := time.Now().Add(10 * time.Second); !heard && time.Now().Before(end); {
				n, err := x.Sources()[0].Read(context.Background(), dst[:])
				heard = n > 0 && err == nil
			}
			fmt.Printf("heard: %t\n", heard)
			x.Close()
		}
	}
}

func TestActivation(t *testing.T) {
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close()
	u, err := udp.(*net.UDPConn).File()
	if err != nil {
		t.Fatal(err)
	}
	defer u.Close()
	s, err := tcp.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()

	run := func(pid, fds, names string, files []*os.File, args ...string) string {
		t.Helper()
		cmd := exec.Command(os.Args[0], args...)
		cmd.Env = append(os.Environ(), activated+"="+pid, "LISTEN_PID=1", "LISTEN_FDS="+fds, "LISTEN_FDNAMES="+names)
		cmd.ExtraFiles = files
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return string(out)
	}
	stop := make(chan struct{})
	defer close(stop)
	go func() { // an exporter over each, until the test ends
		for {
			for _, to := range []net.Addr{udp.LocalAddr(), tcp.Addr()} {
				if c, err := net.Dial(to.Network(), to.String()); err == nil {
					c.Write(ipfixMessage(20, 1))
					c.Close()
				}
			}
			select {
			case <-stop:
				return
			case <-time.After(10 * time.Millisecond):
			}
		}
	}()
	both := []*os.File{u, s}
	out := run("self", "2", "flows:stream", both, udp.LocalAddr().String(), "tcp://?socket=stream", "udp://?socket=stream", "tcp://?socket=other")
	udpAddr, tcpAddr := portOf(udp.LocalAddr()), portOf(tcp.Addr())
	for _, want := range []string{
		"sockets: true, <nil>, environment: \"\"\n",
		fmt.Sprintf("open %s\nheard: true\nopen %s\nheard: true\n", udpAddr, udpAddr),
		fmt.Sprintf("open %s\nheard: true\nopen %s\nheard: true\n", tcpAddr, tcpAddr),
		"listen on socket stream: of those that systemd has opened for us, these are for udp: flows\n",
		"listen on socket other: of those that systemd has opened for us, these are for tcp: stream\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("output lacks %q:\n%s", want, out)
		}
	}
	for _, f := range []struct{ pid, fds, want string }{
		{"other", "2", "sockets: false, <nil>, environment: \"\"\nlisten on socket flows: systemd has opened none for us\n"},
		{"self", "", "sockets: false, <nil>"},
		{"self", "many", `sockets: false, LISTEN_FDS is "many"`},
		{"self", "3", "sockets: false, socket 3 from systemd ():"},
	} {
		if out := run(f.pid, f.fds, "flows:stream", both, "udp://?socket=flows"); !strings.Contains(out, f.want) {
			t.Errorf("LISTEN_PID of %s, LISTEN_FDS=%s: output lacks %q:\n%s", f.pid, f.fds, f.want, out)
		}
	}
}

func TestResolve(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		l, err := ParseListen(text)
		if err != nil {
			t.Fatal(err)
		}
		w, _ := netip.ParseAddrPort(want)
		if got := l.resolve(); got != w {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
	f(":2055", "[::]:2055")
	f("0.0.0.0:2055", "0.0.0.0:2055")
	f("tcp://[2001:db8::1]:4739", "[2001:db8::1]:4739")
	f("localhost:2055", "")
}

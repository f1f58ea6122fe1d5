package main

import (
	"encoding/binary"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/weirflow/weir/shared/flowtest"
)

// The old collector hears what was sent, octet by octet; the report tells what
// was in it.
func TestShadow(t *testing.T) {
	old, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	s := startCommand(t, "shadow", "--from", "127.0.0.1:0", "--to", old.LocalAddr().String(), "--report", "0s")
	conn, err := net.Dial("udp", s.addr(t).String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()

	m := flowtest.New(1)
	fields := []flowtest.Field{flowtest.F(0, 8, 4), flowtest.F(0, 12, 4), flowtest.F(0, 1, 4), flowtest.F(0, 2, 4)}
	rate := []flowtest.Field{flowtest.F(0, 1, 4), flowtest.F(0, 34, 4)} // scope System; samplingInterval
	early := m.Data(260, 3, fields)
	var sent [][]byte
	add := func(sequence uint32, sets ...[]byte) {
		p := flowtest.Packet(9, 7, sets...)
		binary.BigEndian.PutUint32(p[12:], sequence)
		sent = append(sent, p)
	}
	add(1, early)
	add(2, flowtest.Template(9, 260, fields))
	add(3, flowtest.OptionsTemplate(9, 300, 1, rate), flowtest.Set(300, []byte{0, 0, 0, 0, 0, 0, 3, 232}))
	add(5, m.Data(260, 2, fields)) // 4 is not sent
	add(5, m.Data(260, 2, fields))
	sent = append(sent, []byte("no flows"))
	buf := make([]byte, 65536)
	for i, p := range sent {
		if _, err := conn.Write(p); err != nil {
			t.Fatal(err)
		}
		old.SetReadDeadline(time.Now().Add(10 * time.Second))
		n, _, err := old.ReadFrom(buf)
		if err != nil || string(buf[:n]) != string(p) {
			t.Fatalf("datagram %d: the old collector has %x, %v, want %x", i+1, buf[:n], err, p)
		}
	}
	s.cancel()
	if code := s.wait(t); code != exitOK {
		t.Errorf("exit code %d: %s", code, s.stderr.String())
	}
	_, last, _ := strings.Cut(s.stdout.String(), "\nafter ") // the first came at once
	for _, want := range []string{
		"received     6\n", "passed on    6, each as it came", conn.LocalAddr().String() + ", NetFlow v9, domain 7",
		"7 flows in 5 datagrams", "sampled 1 in 1000, says an option",
		"of 5 export packets 0 are missing, 1 may still come, 1 came twice",
		"48 octets of data, which we decoded when that came",
		"the sampling rates of 1 domain",
	} {
		if !strings.Contains(last, want) {
			t.Errorf("%q is not in\n%s", want, last)
		}
	}
}

func TestShadowUsage(t *testing.T) {
	f := func(want string, args ...string) {
		t.Helper()
		if _, stderr, code := weir(t, nil, append([]string{"shadow"}, args...)...); code != exitUsage || !strings.Contains(stderr, want) {
			t.Errorf("%q: exit %d, %q, want %q", args, code, stderr, want)
		}
	}
	f("Write --from :2055")
	f("Write --to HOST:PORT", "--from", ":2055")
	f(`--to: to is "192.0.2.9"`, "--from", ":2055", "--to", "192.0.2.9")
	f("--report: -1s is below 0", "--from", ":2055", "--to", "192.0.2.9:1", "--report", "-1s")
	f("--to: shadow listens at 127.0.0.1:2055 itself", "--from", ":2055", "--to", "127.0.0.1:2055")
	f(`--from: listen address "2055"`, "--from", "2055", "--to", "192.0.2.9:1")
}

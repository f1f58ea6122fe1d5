package source

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io/fs"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/weirflow/weir/shared/decode"
	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/template"
	"github.com/weirflow/weir/testdata"
)

// captures calls f for each capture that an exporter has made.
func captures(t testing.TB, f func(name string, data []byte)) {
	t.Helper()
	n := 0
	err := fs.WalkDir(testdata.FS, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".pcap") || strings.HasPrefix(path, "made/") {
			return err
		}
		b, err := fs.ReadFile(testdata.FS, path)
		n++
		f(path, b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if n == 0 {
		t.Fatal("no captures in testdata")
	}
}

// exportTime returns the export time in the header of d, in seconds.
func exportTime(d []byte) int64 {
	at := 8
	if d[1] == 10 {
		at = 4
	}
	return int64(binary.BigEndian.Uint32(d[at:]))
}

// All times of a record move by as much as its header's, and nothing else does.
func TestShift(t *testing.T) {
	now := time.Unix(2_000_000_000, 123_456_789)
	captures(t, func(name string, data []byte) {
		if strings.HasPrefix(name, "pcap/sflow/") {
			return // its datagrams hold no time of their own
		}
		var shift shifter
		before, after := decode.New(template.NewStore(template.Limits{})), decode.New(template.NewStore(template.Limits{}))
		var old, moved flow.Batch
		flows := 0
		for _, m := range all(t, bytes.NewReader(data)) {
			d := bytes.Clone(m.Data)
			shift.to(now, m.From, d)
			if exportTime(d) != now.Unix() {
				t.Fatalf("%s: packet %d: export time %d, want %d", name, m.Index, exportTime(d), now.Unix())
			}
			old.Reset()
			moved.Reset()
			if err := before.Decode(&old, decode.Datagram{From: m.From, Data: m.Data}); err != nil {
				t.Fatalf("%s: packet %d: %v", name, m.Index, err)
			}
			if err := after.Decode(&moved, decode.Datagram{From: m.From, Data: d}); err != nil {
				t.Fatalf("%s: packet %d, moved: %v", name, m.Index, err)
			}
			if len(moved.Flows) != len(old.Flows) {
				t.Fatalf("%s: packet %d: %d flows, want %d", name, m.Index, len(moved.Flows), len(old.Flows))
			}
			delta := (now.Unix() - exportTime(m.Data)) * 1e9
			for i := range old.Flows {
				o, v := old.Flows[i], moved.Flows[i]
				for _, x := range []*int64{&o.Start, &o.End, &o.Received} {
					*x += delta
				}
				if !near(o.Start, v.Start) || !near(o.End, v.End) {
					t.Errorf("%s: packet %d: flow %d is from %d to %d, want %d to %d", name, m.Index, i+1, v.Start, v.End, o.Start, o.End)
				}
				o.Start, o.End, v.Start, v.End = 0, 0, 0, 0
				if o != v {
					t.Errorf("%s: packet %d: flow %d is %+v, want %+v", name, m.Index, i+1, v, o)
				}
				flows++
			}
		}
		if flows == 0 {
			t.Errorf("%s: no flows", name)
		}
	})
}

// near allows for NTP's fractions, which are cut to nanoseconds.
func near(a, b int64) bool { return a-b <= 1 && b-a <= 1 }

// A datagram that was moved decodes to as many records as before.
func FuzzShift(f *testing.F) {
	captures(f, func(_ string, data []byte) {
		c, err := NewCapture(bytes.NewReader(data))
		if err != nil {
			f.Fatal(err)
		}
		if m, err := c.Next(); err == nil {
			f.Add(bytes.Clone(m.Data))
		}
	})
	f.Fuzz(func(t *testing.T, data []byte) {
		var shift shifter
		d := bytes.Clone(data)
		shift.to(time.Unix(2_000_000_000, 0), rawExporter, d)
		shift.to(time.Unix(2_000_000_000, 0), rawExporter, d)
		var a, b flow.Batch
		x, y := decode.New(template.NewStore(template.Limits{})), decode.New(template.NewStore(template.Limits{}))
		errX := x.Decode(&a, decode.Datagram{From: rawExporter, Data: data})
		errY := y.Decode(&b, decode.Datagram{From: rawExporter, Data: d})
		if errX != errY || len(a.Flows) != len(b.Flows) || len(a.Options) != len(b.Options) {
			t.Fatalf("%v, %d flows, %d options; moved %v, %d, %d", errX, len(a.Flows), len(a.Options), errY, len(b.Flows), len(b.Options))
		}
	})
}

func TestReplay(t *testing.T) {
	data, err := testdata.FS.ReadFile("same/same.pcap")
	if err != nil {
		t.Fatal(err)
	}
	netflow, ipfix := listen(t, "127.0.0.1:0", Default()), listen(t, "127.0.0.1:0", Default())
	to := func(version uint16) netip.AddrPort {
		if version == 10 {
			return ipfix.Addr()
		}
		return netflow.Addr()
	}
	sent, err := Replay(t.Context(), to, ReplayOptions{}, bytes.NewReader(data), bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	want := all(t, bytes.NewReader(data))
	want = append(want, want...)
	if sent != len(want) {
		t.Errorf("sent %d datagrams, want %d", sent, len(want))
	}
	ports := map[netip.AddrPort]netip.AddrPort{} // who sent it here, who did in the capture
	for i, m := range want {
		u := netflow
		if m.Data[1] == 10 {
			u = ipfix
		}
		d := read(t, u)
		if !bytes.Equal(d.Data, m.Data) {
			t.Fatalf("datagram %d arrived changed", i+1)
		}
		if was, ok := ports[d.From]; ok && was != m.From {
			t.Errorf("datagram %d: %s sends for %s and %s", i+1, d.From, was, m.From)
		}
		ports[d.From] = m.From
	}
	if len(ports) != 6 { // three exporters, twice
		t.Errorf("%d sockets sent, want 6", len(ports))
	}
}

// Replayed as though it happened now, a flow of the capture's last minute is of
// the last minute.
func TestReplayNow(t *testing.T) {
	captures(t, func(name string, data []byte) {
		if strings.HasSuffix(name, "/nfreplay.pcap") {
			return // its headers are an hour or a day apart from its flows
		}
		u := listen(t, "127.0.0.1:0", Default())
		to := func(uint16) netip.AddrPort { return u.Addr() }
		sent, err := Replay(t.Context(), to, ReplayOptions{Now: true}, bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		dec := decode.New(template.NewStore(template.Limits{}))
		var b flow.Batch
		for range sent {
			if err := dec.Decode(&b, read(t, u)); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if len(b.Flows) == 0 || dec.Stats.Replaced > 0 {
			t.Errorf("%s: %d flows, %d with a time replaced", name, len(b.Flows), dec.Stats.Replaced)
		}
		for i := range b.Flows {
			if age := time.Since(time.Unix(0, b.Flows[i].End)); age < -2*time.Second || age > 3*time.Minute {
				t.Errorf("%s: flow %d ended %s ago", name, i+1, age)
			}
		}
	})
}

func TestReplayPace(t *testing.T) {
	p := pacer{speed: 10}
	begin := time.Now()
	for _, ms := range []int64{5000, 5100, 5200, 5150, 5400} {
		if err := p.wait(t.Context(), ms*1e6); err != nil {
			t.Fatal(err)
		}
	}
	// 100 + 100 + 0 + 250 ms, ten times as fast; a loaded machine is late.
	if d := time.Since(begin); d < 45*time.Millisecond || d > 2*time.Second {
		t.Errorf("took %s, want about 45ms", d)
	}
	p = pacer{speed: 1, most: time.Millisecond}
	begin = time.Now()
	for i := range int64(5) {
		if err := p.wait(t.Context(), i*3600e9); err != nil {
			t.Fatal(err)
		}
	}
	if d := time.Since(begin); d > 2*time.Second {
		t.Errorf("took %s, want about 4ms", d)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	p = pacer{speed: 1}
	p.wait(ctx, 0)
	if err := p.wait(ctx, 3600e9); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v when the context ended", err)
	}
}

// What goes to another machine doesn't come from 127.0.0.1, and a message that is
// too long for a datagram is left out, and said.
func TestReplayElsewhere(t *testing.T) {
	r := replay{sockets: map[exporter]*net.UDPConn{}}
	defer r.close()
	for _, local := range []bool{true, false} {
		c, err := r.socket(exporter{from: rawExporter, local: local})
		if err != nil {
			t.Fatal(err)
		}
		if a := portOf(c.LocalAddr()).Addr(); a.IsLoopback() != local {
			t.Errorf("to this machine: %t, from %s", local, a)
		}
	}
	u := listen(t, "127.0.0.1:0", Default())
	file := append(ipfixMessage(65535, 1), ipfixMessage(100, 2)...)
	sent, err := Replay(t.Context(), func(uint16) netip.AddrPort { return u.Addr() }, ReplayOptions{}, bytes.NewReader(file))
	if sent != 1 || err == nil || !strings.Contains(err.Error(), "1 messages were left out") {
		t.Errorf("sent %d, %v", sent, err)
	}
	if d := read(t, u); len(d.Data) != 100 {
		t.Errorf("%d octets came", len(d.Data))
	}
}

package scan

import (
	"bytes"
	"encoding/binary"
	"flag"
	"io"
	"net/netip"
	"os"
	"testing"

	"github.com/weirflow/weir/shared/decode"
	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/pcap"
	"github.com/weirflow/weir/shared/template"
)

var update = flag.Bool("update", false, "write testdata/scan-v5.pcap anew")

const capture = "testdata/scan-v5.pcap"

// records are twelve minutes of a small network: in the third minute 10.0.9.66
// tries tcp port 445 on 60 hosts; 10.0.0.53 asks 45 name servers, which answer;
// 10.0.1.7 browses.
func records() (fl []flow.Flow) {
	at := func(minute, n int) int64 { return t0 + int64(minute)*minute60 + int64(n)*500e6 }
	for n := range 60 {
		f := try(0, tcp, 445, at(2, n))
		f.SrcAddr, f.DstAddr, f.SrcPort = ip(10, 0, 9, 66), ip(10, 0, 4, byte(n+1)), uint16(50000+n)
		fl = append(fl, f)
		if n%4 == 0 { // this one refuses
			r := back(f, 4|ack)
			r.End += 1e6
			fl = append(fl, r)
		}
	}
	for n := range 45 {
		f := try(0, udp, 53, at(n%12, n))
		f.SrcAddr, f.DstAddr, f.SrcPort = ip(10, 0, 0, 53), ip(198, 51, 100, byte(n+1)), uint16(20000+n)
		r := back(f, 0)
		r.End += 20e6
		fl = append(fl, f, r)
	}
	for n := range 60 {
		f := try(0, tcp, 443, at(n%12, n))
		f.SrcAddr, f.DstAddr, f.SrcPort = ip(10, 0, 1, 7), ip(203, 0, 113, byte(n%40+1)), uint16(30000+n)
		f.TCPFlags, f.Packets, f.Start = syn|ack|8|1, 14, f.End-8e9
		r := back(f, syn|ack|8|1)
		fl = append(fl, f, r)
	}
	return fl
}

const minute60 = int64(minute)

// makeCapture exports the records as NetFlow v5, as a router does: up to 30 in
// a packet, a minute late.
func makeCapture(t *testing.T) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := pcap.NewWriter(&out)
	if err != nil {
		t.Fatal(err)
	}
	fl := records()
	sequence := 0
	for m := range 14 {
		now := t0 + int64(m)*minute60
		var due []flow.Flow
		for _, f := range fl {
			if f.End >= now-minute60 && f.End < now {
				due = append(due, f)
			}
		}
		for len(due) > 0 {
			n := min(30, len(due))
			d := v5(due[:n], now+30e9, sequence)
			sequence += n
			due = due[n:]
			if err := w.WriteUDP(now+30e9, netip.MustParseAddrPort("192.0.2.1:40000"), netip.MustParseAddrPort("192.0.2.2:2055"), d); err != nil {
				t.Fatal(err)
			}
		}
	}
	if sequence != len(fl) {
		t.Fatalf("%d of %d records exported", sequence, len(fl))
	}
	return out.Bytes()
}

// v5 is an export packet.
func v5(fl []flow.Flow, now int64, sequence int) []byte {
	const uptime = 3_600_000
	d := make([]byte, 24)
	binary.BigEndian.PutUint16(d, 5)
	binary.BigEndian.PutUint16(d[2:], uint16(len(fl)))
	binary.BigEndian.PutUint32(d[4:], uptime)
	binary.BigEndian.PutUint32(d[8:], uint32(now/1e9))
	binary.BigEndian.PutUint32(d[12:], uint32(now%1e9))
	binary.BigEndian.PutUint32(d[16:], uint32(sequence))
	for i := range fl {
		f := &fl[i]
		r := make([]byte, 48)
		copy(r, f.SrcAddr[12:])
		copy(r[4:], f.DstAddr[12:])
		binary.BigEndian.PutUint32(r[16:], uint32(f.Packets))
		binary.BigEndian.PutUint32(r[20:], uint32(f.Packets*60))
		binary.BigEndian.PutUint32(r[24:], uint32(uptime-(now-f.Start)/1e6))
		binary.BigEndian.PutUint32(r[28:], uint32(uptime-(now-f.End)/1e6))
		binary.BigEndian.PutUint16(r[32:], f.SrcPort)
		binary.BigEndian.PutUint16(r[34:], f.DstPort)
		r[37], r[38] = byte(f.TCPFlags), f.Proto
		d = append(d, r...)
	}
	return d
}

// The capture in testdata is what makeCapture makes, and decoded it holds one
// scan.
func TestCapture(t *testing.T) {
	made := makeCapture(t)
	if *update {
		if err := os.WriteFile(capture, made, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile(capture)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(data, made) {
		t.Fatal("it is not what makeCapture makes: go test ./plugins/builtin/scan -update")
	}
	r, err := pcap.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	b := &flow.Batch{}
	dec := decode.New(template.NewStore(template.Limits{}))
	for {
		p, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := dec.Decode(b, decode.Datagram{From: p.Src, Time: p.Time, Data: p.Payload}); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(records()); len(b.Flows) != n {
		t.Fatalf("%d flows of %d", len(b.Flows), n)
	}
	if got := keys(find(t, Default(), b.Flows)); got != "10.0.9.66 tcp 445: 60" {
		t.Errorf("found %q", got)
	}
}

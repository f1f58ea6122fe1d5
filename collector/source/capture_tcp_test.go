package source

import (
	"bytes"
	"encoding/binary"
	"io"
	"testing"

	"github.com/weirflow/weir/shared/decode"
	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/template"
)

// segments makes a pcap file of TCP segments from 192.0.2.1:40000 to
// 192.0.2.2:4739.
type segments struct{ b []byte }

func (f *segments) add(seq uint32, flags byte, payload []byte) {
	if f.b == nil {
		f.b = binary.BigEndian.AppendUint32(nil, 0xa1b2c3d4)
		f.b = append(f.b, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 101)
	}
	n := uint32(40 + len(payload))
	for _, v := range []uint32{1_795_305_600, 0, n, n, 0x45<<24 | n, 0, 64<<24 | 6<<16, 0xc0000201, 0xc0000202, 40000<<16 | 4739, seq, 0, 0x50<<24 | uint32(flags)<<16, 0} {
		f.b = binary.BigEndian.AppendUint32(f.b, v)
	}
	f.b = append(f.b, payload...)
}

// message makes an IPFIX message with a set.
func message(id uint16, content ...uint16) []byte {
	b := be(10, uint16(20+2*len(content)), 0x6b02, 0x5a00, 0, 0, 0, 1, id, uint16(4+2*len(content)))
	return append(b, be(content...)...)
}

// What a connection announces goes with it: another between the same ends knows
// nothing of it. Withdrawals count.
func TestCaptureOfConnections(t *testing.T) {
	var f segments
	seq := uint32(1)
	send := func(flags byte, payload []byte) {
		f.add(seq, flags, payload)
		seq += uint32(len(payload))
	}
	tmpl, data := message(2, 256, 1, 8, 4), message(256, 0x0a00, 1)
	send(2, nil) // SYN
	seq++
	send(0, tmpl)
	send(0, data)               // 1 flow
	send(0, message(2, 256, 0)) // a withdrawal
	send(0, data)               // waits
	send(0, tmpl)               // 1 flow
	send(1, message(3, 400, 0)) // of one that was not announced, and FIN
	seq = 90_000
	send(2, nil)
	seq++
	send(0, data)                      // waits
	send(0, message(2, 256, 1, 7, 2))  // 2 flows
	send(0, message(2, 256, 1, 11, 2)) // another definition
	send(0, data)                      // 2 flows

	c, err := NewCapture(bytes.NewReader(f.b))
	if err != nil {
		t.Fatal(err)
	}
	store := template.NewStore(template.Limits{})
	d := decode.New(store)
	var flows []int
	for {
		m, err := c.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		var b flow.Batch
		d.Decode(&b, m.Datagram)
		flows = append(flows, len(b.Flows))
	}
	want := []int{0, 1, 0, 0, 1, 0, 0, 2, 0, 2}
	if len(flows) != len(want) {
		t.Fatalf("flows %v, want %v", flows, want)
	}
	for i := range want {
		if flows[i] != want[i] {
			t.Fatalf("flows %v, want %v", flows, want)
		}
	}
	if s := d.Stats; s.Templates != 4 || s.Redefined != 1 || s.Withdrawn != 1 || s.Faults[decode.ErrNoTemplate] != 2 || s.Faults[decode.ErrWithdrawal] != 0 {
		t.Errorf("%+v", s)
	}
	if all := store.Sessions(); len(all) != 1 || all[0].Over != template.TCP || all[0].To.Port() != 4739 {
		t.Errorf("%d sessions", len(all))
	}
}

// In a file of messages (RFC 5655) nobody sends in another's name.
func TestWithdrawalInFile(t *testing.T) {
	c, err := NewCapture(bytes.NewReader(append(message(2, 256, 1, 8, 4), message(2, 256, 0)...)))
	if err != nil {
		t.Fatal(err)
	}
	d := decode.New(template.NewStore(template.Limits{}))
	for range 2 {
		m, err := c.Next()
		if err != nil || m.Over != template.File {
			t.Fatalf("over %v, %v", m.Over, err)
		}
		if err := d.Decode(&flow.Batch{}, m.Datagram); err != nil {
			t.Error(err)
		}
	}
	if d.Stats.Withdrawn != 1 {
		t.Errorf("%+v", d.Stats)
	}
}

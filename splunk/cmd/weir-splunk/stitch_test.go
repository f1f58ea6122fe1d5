//go:build unix

package main

import (
	"encoding/binary"
	"encoding/json"
	"encoding/xml"
	"io"
	"slices"
	"syscall"
	"testing"
	"time"
)

// oneWay returns a NetFlow v5 datagram of one TCP flow between two hosts, from
// the client or, if reply is true, back to it.
func oneWay(sequence, client, octets uint32, reply bool) []byte {
	d := v5(1, 0)
	binary.BigEndian.PutUint32(d[16:], sequence)
	src, dst, srcPort, dstPort := []byte{10, 0, 0, byte(client)}, []byte{192, 0, 2, 1}, uint16(50000), uint16(443)
	if reply {
		src, dst, srcPort, dstPort = dst, src, dstPort, srcPort
	}
	r := d[24:]
	copy(r, src)
	copy(r[4:], dst)
	binary.BigEndian.PutUint32(r[16:], octets/100)
	binary.BigEndian.PutUint32(r[20:], octets)
	binary.BigEndian.PutUint16(r[32:], srcPort)
	binary.BigEndian.PutUint16(r[34:], dstPort)
	r[38] = 6
	return d
}

// Two flows of a conversation become one event as soon as both are there. At the
// end, a flow that still waits for its answer is an event at once, and all three
// are written in the ledger.
func TestConversation(t *testing.T) {
	s := launch(t, stanza(t, "types=flows,stats", "stitch=true", "stitch_timeout=1h", "format=json"), nil)
	exporter := s.connect()
	begun := time.Now()
	exporter.Write(oneWay(0, 1, 500, false))
	exporter.Write(oneWay(1, 1, 70000, true))
	head := s.await(1)
	if d := time.Since(begun); d > 5*time.Second {
		t.Errorf("the event came after %s", d)
	}
	exporter.Write(oneWay(2, 2, 900, false))
	time.Sleep(500 * time.Millisecond)
	begun = time.Now()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := s.exit(5 * time.Second); code != 0 {
		t.Errorf("exit code %d: %s", code, s.stderr)
	}
	if d := time.Since(begun); d > 2*time.Second {
		t.Errorf("it ended after %s", d)
	}
	var stream struct {
		Events []struct {
			Sourcetype string `xml:"sourcetype"`
			Data       string `xml:"data"`
		} `xml:"event"`
	}
	if err := xml.NewDecoder(io.MultiReader(head, s.stdout)).Decode(&stream); err != nil {
		t.Fatal(err)
	}
	type event struct {
		Src      string `json:"src_ip"`
		Dest     string `json:"dest_ip"`
		BytesOut uint64 `json:"bytes_out"`
		BytesIn  uint64 `json:"bytes_in"`
	}
	var flows []event
	told := map[string]float64{}
	for _, e := range stream.Events {
		if e.Sourcetype == "weir:flow:json" {
			var f event
			if err := json.Unmarshal([]byte(e.Data), &f); err != nil {
				t.Fatal(err)
			}
			flows = append(flows, f)
			continue
		}
		var f map[string]any
		if err := json.Unmarshal([]byte(e.Data), &f); err != nil {
			t.Fatal(err)
		}
		if f["kind"] == "exporter" {
			for k, v := range f {
				if n, ok := v.(float64); ok {
					told[k] += n
				}
			}
		}
	}
	want := []event{{"10.0.0.1", "192.0.2.1", 500, 70000}, {"10.0.0.2", "192.0.2.1", 900, 0}}
	if !slices.Equal(flows, want) {
		t.Errorf("events %+v, want %+v", flows, want)
	}
	for k, n := range map[string]float64{"sent": 3, "received": 3, "missing": 0, "records": 3, "written": 3, "dropped": 0, "failed": 0, "queued": 0} {
		if v, ok := told[k]; !ok || v != n {
			t.Errorf("%s is %v, want %v", k, v, n)
		}
	}
}

//go:build linux

package main

import (
	"encoding/binary"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// resident returns how much memory a process has, in octets.
func resident(t *testing.T, pid int) (n int64) {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	if _, err := fmt.Sscan(rest, &n); err != nil {
		t.Fatal(err)
	}
	return n << 10
}

// Nobody reads for ten seconds: sockets are read on, memory is bounded, and what
// is dropped is counted, to the record, for each exporter.
func TestReaderStalls(t *testing.T) {
	if testing.Short() {
		t.Skip("takes ten seconds")
	}
	const limit = 4 << 20
	s := launch(t, stanza(t, "types=flows,stats", fmt.Sprintf("buffer_limit=%d", limit)), nil)
	address := s.find(`INFO listening .*address=(\S+)`)
	type exporter struct {
		net.Conn
		sequence uint32
	}
	var all []*exporter
	for _, from := range []string{"127.0.0.2:0", "127.0.0.3:0"} {
		local, _ := net.ResolveUDPAddr("udp4", from)
		c, err := (&net.Dialer{LocalAddr: local}).Dial("udp4", address)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		all = append(all, &exporter{Conn: c})
	}
	const records = 30
	rest := resident(t, s.cmd.Process.Pid)
	most := rest
	for start, n := time.Now(), 0; time.Since(start) < 10*time.Second; n++ {
		x := all[min(n%3, 1)] // the second sends twice as much
		d := v5(records, byte(n))
		binary.BigEndian.PutUint32(d[16:], x.sequence)
		if _, err := x.Write(d); err != nil {
			t.Fatal(err)
		}
		x.sequence += records
		if n%500 == 0 {
			most = max(most, resident(t, s.cmd.Process.Pid))
		}
		time.Sleep(time.Millisecond)
	}
	type result struct {
		flows map[string]uint64
		told  map[string]map[string]float64
		total map[string]float64
		err   error
	}
	read := make(chan result, 1)
	go func() {
		r := result{flows: map[string]uint64{}, told: map[string]map[string]float64{}, total: map[string]float64{}}
		defer func() { read <- r }()
		var stream struct {
			Events []struct {
				Sourcetype string `xml:"sourcetype"`
				Host       string `xml:"host"`
				Data       string `xml:"data"`
			} `xml:"event"`
		}
		if r.err = xml.NewDecoder(s.stdout).Decode(&stream); r.err != nil {
			return
		}
		for _, e := range stream.Events {
			if e.Sourcetype != "weir:stats" {
				r.flows[e.Host]++
				continue
			}
			var f map[string]any
			if r.err = json.Unmarshal([]byte(e.Data), &f); r.err != nil {
				return
			}
			for k, v := range f { // counts add up over the events
				n, ok := v.(float64)
				if !ok {
					continue
				}
				if f["kind"] == "input" {
					r.total[k] += n
					continue
				}
				if r.told[e.Host] == nil {
					r.told[e.Host] = map[string]float64{}
				}
				r.told[e.Host][k] += n
			}
		}
	}()
	time.Sleep(300 * time.Millisecond)
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := s.exit(5 * time.Second); code != 0 {
		t.Errorf("exit code %d: %s", code, s.stderr)
	}
	r := <-read
	if r.err != nil {
		t.Fatal(r.err)
	}
	var events uint64
	for i, host := range []string{"127.0.0.2", "127.0.0.3"} {
		f := r.told[host]
		number := func(key string) uint64 { return uint64(f[key]) }
		sent, received, missing, written, dropped := number("sent"), number("received"), number("missing"), number("written"), number("dropped")
		t.Logf("%s: sent %d (%d), received %d, missing %d, written %d, dropped %d", host, sent, all[i].sequence, received, missing, written, dropped)
		if uint32(sent) != all[i].sequence || sent != received+missing+number("reordering") || received != written+dropped || dropped == 0 || written != r.flows[host] {
			t.Errorf("%d events read, %v", r.flows[host], f)
		}
		events += written
	}
	if r.total["written"] != float64(events) || s.number(`INFO stopped .*written=(\d+)`) != int(events) {
		t.Errorf("%v", r.total)
	}
	s.find(`(?m)^WARN flows were dropped .*(dropped_total)=`)
	// Go's collector lets the heap become twice what is in use.
	if grown := most - rest; grown > 6*limit {
		t.Errorf("memory grew by %d octets, from %d", grown, rest)
	} else {
		t.Logf("memory grew by %.1f MB, from %.1f MB", float64(grown)/1e6, float64(rest)/1e6)
	}
}

package main

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weirflow/weir/shared/flowtest"
	"github.com/weirflow/weir/shared/pcap"
)

func TestGenCommand(t *testing.T) {
	c, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, errs, code := weir(t, nil, "gen", "--to", c.LocalAddr().String(), "--protocol", "netflow9", "--exporters", "2", "--duration", "300ms")
	if code != exitOK || !strings.Contains(errs, "2 exporters send netflow9") || !strings.Contains(errs, "datagrams sent") {
		t.Errorf("exit code %d, %s", code, errs)
	}
	buf := make([]byte, 2000)
	c.SetReadDeadline(time.Now().Add(5 * time.Second))
	if n, _, err := c.ReadFrom(buf); err != nil || n < 100 || buf[1] != 9 {
		t.Errorf("%d octets, %v", n, err)
	}
	for args, want := range map[string]string{
		"--protocol netflow4": `no protocol "netflow4"`,
		"--scene market":      `no scene "market"`,
		"--exporters 0":       "--exporters is 0",
		"--to 127.0.0.1":      "write host:port",
		"--rate -1":           "can't be below 0",
	} {
		if _, errs, code := weir(t, nil, append([]string{"gen"}, strings.Fields(args)...)...); code != exitUsage || !strings.Contains(errs, want) {
			t.Errorf("%s: exit code %d, %s", args, code, errs)
		}
	}
}

func TestReplayCommand(t *testing.T) {
	c, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	path := filepath.Join(t.TempDir(), "v5.pcap")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w, err := pcap.NewWriter(f)
	if err != nil {
		t.Fatal(err)
	}
	m := flowtest.New(1)
	var sent [][]byte
	for i := range 3 {
		sent = append(sent, m.V5(2))
		if err := w.WriteUDP(flowtest.Export*1e9+int64(i)*1e9, flowtest.From, flowtest.From, sent[i]); err != nil {
			t.Fatal(err)
		}
	}
	f.Close()
	_, errs, code := weir(t, nil, "replay", "--to", c.LocalAddr().String(), "--flat-out", path)
	if code != exitOK || !strings.Contains(errs, "3 datagrams sent") {
		t.Errorf("exit code %d, %s", code, errs)
	}
	buf := make([]byte, 2000)
	for i := range sent {
		c.SetReadDeadline(time.Now().Add(5 * time.Second))
		if n, _, err := c.ReadFrom(buf); err != nil || string(buf[:n]) != string(sent[i]) {
			t.Errorf("datagram %d is another: %v", i, err)
		}
	}
	for args, want := range map[string]string{
		"replay " + path: "replay to where",
		"replay --to 127.0.0.1:9 --speed 0 " + path: "--speed is 0",
		"replay --to 127.0.0.1:9":                   "replay what",
		"replay --to 127.0.0.1:9 " + path + ".none": "no such file",
	} {
		if _, errs, code := weir(t, nil, strings.Fields(args)...); code == exitOK || !strings.Contains(errs, want) {
			t.Errorf("%s: exit code %d, %s", args, code, errs)
		}
	}
}

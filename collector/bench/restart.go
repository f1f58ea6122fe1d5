//go:build linux

package main

import (
	"bufio"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/weirflow/weir/shared/flowtest"
)

// restart kills a collector that has heard a template, and measures how long
// the next one takes from its start to the first flow of that template.
func (b *bench) restart() error {
	dir, err := os.MkdirTemp("", "weir-bench-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	port, err := freePort()
	if err != nil {
		return err
	}
	const id = 260
	first, _, err := startRun(port, dir)
	if err != nil {
		return err
	}
	exporter, err := net.Dial("udp4", "127.0.0.1:"+port) // keeps its port
	if err != nil {
		return err
	}
	defer exporter.Close()
	if _, err := exporter.Write(flowtest.Packet(9, 1, flowtest.Template(9, id, flowtest.Twenty))); err != nil {
		return err
	}
	for range 1000 {
		if _, err = os.Stat(filepath.Join(dir, "templates")); err == nil {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	first.Process.Kill()
	first.Wait()
	if err != nil {
		return err
	}

	start := time.Now()
	second, flows, err := startRun(port, dir)
	if err != nil {
		return err
	}
	defer second.Wait()
	defer second.Process.Kill()
	m := flowtest.New(1)
	for time.Since(start) < 20*time.Second {
		exporter.Write(flowtest.Packet(9, 1, m.Data(id, 1, flowtest.Twenty))) // until it listens, nobody hears
		select {
		case <-flows:
			s := time.Since(start).Seconds()
			flowtest.Figure("collector/from the start after a kill to the first flow", s, "s", "<=1", s <= 1)
			return nil
		case <-time.After(5 * time.Millisecond):
		}
	}
	return errors.New("no flow came after a restart")
}

// startRun starts the collector. The channel is closed when it has printed a
// flow.
func startRun(port, dir string) (*exec.Cmd, <-chan struct{}, error) {
	cmd := exec.Command("bin/weir", "run", "--data", dir, "--listen", "127.0.0.1:"+port, "--http", "-", "--print")
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, nil, err
	}
	flows := make(chan struct{})
	go func() {
		lines := bufio.NewScanner(out)
		for seen := false; lines.Scan(); {
			if !seen && strings.Contains(lines.Text(), " → 14.") { // flowtest's destinations
				seen = true
				close(flows)
			}
		}
	}()
	return cmd, flows, bound(port)
}

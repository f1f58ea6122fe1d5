//go:build linux

package main

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// soak runs a collector under a load for a long time, and fails when its
// memory, threads or open files grow after the first twentieth.
func (b *bench) soak(long time.Duration, rate int) error {
	dir, err := os.MkdirTemp("", "weir-bench-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	port, err := freePort()
	if err != nil {
		return err
	}
	cmd := exec.Command("bin/weir", "run", "--data", dir, "--listen", "127.0.0.1:"+port, "--http", "-")
	if err := cmd.Start(); err != nil {
		return err
	}
	defer cmd.Wait()
	defer cmd.Process.Signal(os.Interrupt)
	if err := bound(port); err != nil {
		return err
	}
	to := netip.MustParseAddrPort("127.0.0.1:" + port)
	sent := make(chan error, 1)
	go func() {
		_, _, err := load{exporters: 50, rate: rate / records, seconds: int(long.Seconds())}.send(to)
		sent <- err
	}()
	var base, last usage
	start := time.Now()
	for sample := time.NewTicker(max(long/20, time.Second)); ; {
		select {
		case err := <-sent:
			if err != nil {
				return err
			}
			sent = nil
		case <-sample.C:
		}
		if sent == nil {
			break
		}
		last = usageOf(cmd.Process.Pid)
		if base == (usage{}) {
			base = last
		}
		fmt.Fprintf(os.Stderr, "bench: after %s: %.1f MB, %d threads, %d files\n", time.Since(start).Round(time.Second), float64(last.memory)/1e6, last.threads, last.files)
	}
	if base == (usage{}) {
		return errors.New("too short to tell")
	}
	growth := float64(last.memory)/float64(base.memory) - 1
	flat := growth <= 0.1 && last.threads <= base.threads+4 && last.files <= base.files
	figure(fmt.Sprintf("collector/growth of memory in %s at %d records a second", long, rate), growth*100, "%", "<=10", flat)
	if !flat {
		return errors.New("it grows")
	}
	return nil
}

// A usage is what a process holds.
type usage struct {
	memory  int64 // resident octets
	threads int
	files   int
}

func usageOf(pid int) usage {
	count := func(what string) int {
		entries, _ := os.ReadDir(filepath.Join("/proc", fmt.Sprint(pid), what))
		return len(entries)
	}
	return usage{resident(pid), count("task"), count("fd")}
}

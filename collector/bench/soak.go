//go:build linux

package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"time"

	"github.com/weirflow/weir/shared/flowtest"
)

// soak runs a collector under a load for a long time, and fails when its memory,
// threads, goroutines or open files in the last quarter are more than they were in
// the first half.
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
	api, err := freePort()
	if err != nil {
		return err
	}
	cmd := exec.Command("bin/weir", "run", "--data", dir, "--listen", "127.0.0.1:"+port, "--http", "127.0.0.1:"+api)
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
		_, _, err := flowtest.Load{Exporters: 50, Rate: rate / flowtest.LoadRecords, Seconds: int(long.Seconds())}.Send(to)
		sent <- err
	}()
	var all []usage
	start := time.Now()
	every := max(long/20, time.Second)
	for sample := time.NewTicker(every); ; {
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
		u, err := usageOf(cmd.Process.Pid, api, min(every/2, 5*time.Second))
		if err != nil {
			return err
		}
		all = append(all, u)
		fmt.Fprintf(os.Stderr, "bench: after %s: %.1f MB, %d threads, %d goroutines, %d files\n", time.Since(start).Round(time.Second), float64(u.memory)/1e6, u.threads, u.goroutines, u.files)
	}
	if len(all) < 8 {
		return errors.New("too short to tell")
	}
	base, last := most(all[:len(all)/2]), most(all[len(all)*3/4:])
	growth := float64(last.memory)/float64(base.memory) - 1
	flat := growth <= 0.1 && last.threads <= base.threads+4 && last.goroutines <= base.goroutines && last.files <= base.files
	flowtest.Figure(fmt.Sprintf("collector/growth of memory in %s at %d records a second", long, rate), growth*100, "%", "<=10", flat)
	if !flat {
		return errors.New("it grows")
	}
	return nil
}

// A usage is what a process holds.
type usage struct {
	memory     int64 // resident octets
	threads    int
	goroutines int
	files      int
}

// most returns the most of each that was held at any time.
func most(all []usage) (m usage) {
	for _, u := range all {
		m = usage{max(m.memory, u.memory), max(m.threads, u.threads), max(m.goroutines, u.goroutines), max(m.files, u.files)}
	}
	return m
}

// usageOf asks the kernel, and the process's own metrics at a port of 127.0.0.1. Of
// the open files it returns the least in so long a time: the store has some more for
// a moment, now and then.
func usageOf(pid int, api string, long time.Duration) (usage, error) {
	count := func(what string) int {
		entries, _ := os.ReadDir(filepath.Join("/proc", fmt.Sprint(pid), what))
		return len(entries)
	}
	u := usage{memory: resident(pid), threads: count("task"), files: count("fd")}
	for range 20 {
		time.Sleep(long / 20)
		u.files = min(u.files, count("fd"))
	}
	asked, err := http.Get("http://127.0.0.1:" + api + "/metrics")
	if err != nil {
		return u, err
	}
	defer asked.Body.Close()
	text, err := io.ReadAll(asked.Body)
	if err != nil {
		return u, err
	}
	found := goroutines.FindSubmatch(text)
	if found == nil {
		return u, errors.New("/metrics does not tell how many goroutines there are")
	}
	u.goroutines, err = strconv.Atoi(string(found[1]))
	return u, err
}

var goroutines = regexp.MustCompile(`(?m)^go_goroutines (\d+)$`)

//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/weirflow/weir/shared/flowtest"
)

// A collector is a program that is measured.
type collector struct {
	name string
	// command runs it on a port of 127.0.0.1, with dir for what it writes.
	command func(port, dir string) *exec.Cmd
	// told finds in its output how many records it has seen.
	told *regexp.Regexp
}

// counted returns how many records a collector has seen, by its output.
func (c collector) counted(output string) (n int, err error) {
	all := c.told.FindAllStringSubmatch(output, -1)
	if all == nil {
		return 0, fmt.Errorf("%s told no number of flows:\n%s", c.name, output)
	}
	for _, m := range all {
		i, err := strconv.Atoi(m[1])
		if err != nil {
			return 0, err
		}
		n += i
	}
	return n, nil
}

func weir() collector {
	return collector{
		name: "weir",
		command: func(port, _ string) *exec.Cmd {
			return exec.Command("bin/weir", "listen", "--quiet", "127.0.0.1:"+port)
		},
		told: regexp.MustCompile(`(?m)^flows +(\d+)`),
	}
}

func nfcapd() (collector, bool) {
	path, err := exec.LookPath("nfcapd")
	return collector{
		name: "nfcapd",
		command: func(port, dir string) *exec.Cmd {
			return exec.Command(path, "-w", dir, "-b", "127.0.0.1", "-p", port, "-B", "8388608", "-t", "3600")
		},
		told: regexp.MustCompile(`(?m)^Ident: .* Flows: (\d+)`),
	}, err == nil
}

// A measurement is what became of a load.
type measurement struct {
	sent    int // datagrams
	records int // counted by the collector
	took    time.Duration
	cpu     time.Duration // user and system
	memory  int64         // resident octets at the end
}

// measure runs c under a load.
func measure(c collector, l flowtest.Load) (m measurement, err error) {
	dir, err := os.MkdirTemp("", "weir-bench-*")
	if err != nil {
		return m, err
	}
	defer os.RemoveAll(dir)
	port, err := freePort()
	if err != nil {
		return m, err
	}
	cmd := c.command(port, dir)
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Start(); err != nil {
		return m, err
	}
	if err := bound(port); err != nil {
		cmd.Process.Kill()
		cmd.Wait()
		return m, fmt.Errorf("%s: %w: %s", c.name, err, output.String())
	}
	to := netip.MustParseAddrPort("127.0.0.1:" + port)
	m.sent, m.took, err = l.Send(to)
	time.Sleep(settle)
	m.memory = resident(cmd.Process.Pid)
	cmd.Process.Signal(os.Interrupt)
	if e := cmd.Wait(); err == nil && e != nil && !errors.As(e, new(*exec.ExitError)) {
		err = e
	}
	if err != nil {
		return m, err
	}
	m.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	m.records, err = c.counted(output.String())
	return m, err
}

func freePort() (string, error) {
	c, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer c.Close()
	_, port, err := net.SplitHostPort(c.LocalAddr().String())
	return port, err
}

// bound waits until somebody listens on the port.
func bound(port string) error {
	n, err := strconv.Atoi(port)
	if err != nil {
		return err
	}
	want := fmt.Sprintf(":%04X ", n)
	for range 500 {
		d, err := os.ReadFile("/proc/net/udp")
		if err != nil {
			return err
		}
		if strings.Contains(string(d), want) {
			return nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	return errors.New("it does not listen")
}

// resident returns the resident memory of a process, in octets.
func resident(pid int) int64 {
	n, _ := flowtest.Memory(pid, "VmRSS") // 0 if the process has gone
	return n
}

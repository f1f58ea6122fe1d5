//go:build real

package main

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// totals is what an exporter was fed, or what a collector has of it.
type totals struct {
	Flows, Packets, Bytes uint64
}

// needs skips the test if a program is not installed, and fails it where it has
// to be.
func needs(t *testing.T, programs ...string) {
	t.Helper()
	for _, program := range programs {
		if _, err := exec.LookPath(program); err == nil {
			continue
		}
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s is not installed: run testdata/make/install.sh", program)
		}
		t.Skipf("%s is not installed: run testdata/make/install.sh", program)
	}
}

func freePort(t *testing.T) string {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return strconv.Itoa(c.LocalAddr().(*net.UDPAddr).Port)
}

// inTop returns where a file of the repository is, from any directory.
func inTop(t *testing.T, path ...string) string {
	t.Helper()
	p, err := filepath.Abs(filepath.Join(append([]string{top}, path...)...))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

const top = "../../.."

// A process is a program that runs beside the test, at most as long.
type process struct {
	cmd       *exec.Cmd
	out, errs screen
}

func launch(t *testing.T, name string, args ...string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(name, args...)}
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.errs
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p.cmd.WaitDelay = time.Second // its children may hold these open
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if p.cmd.ProcessState == nil {
			syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
			p.cmd.Wait()
		}
	})
	return p
}

// end tells p to end, and waits for it.
func (p *process) end(t *testing.T, sig os.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(sig); err != nil {
		t.Fatalf("%s: %v\n%s", p.cmd, err, p.errs.String())
	}
	late := time.AfterFunc(20*time.Second, func() { p.cmd.Process.Kill() })
	defer late.Stop()
	if err := p.cmd.Wait(); err != nil && !errors.As(err, new(*exec.ExitError)) || p.cmd.ProcessState.ExitCode() < 0 {
		t.Errorf("%s: %v, %v\n%s", p.cmd, err, p.cmd.ProcessState, p.errs.String())
	}
}

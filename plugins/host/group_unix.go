//go:build unix

package host

import (
	"os"
	"os/exec"
	"syscall"
)

// isolate puts the process into a group of its own, so that all it starts can
// be ended with it and a terminal's interrupt reaches us alone.
func isolate(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// killGroup kills p and its group, unless p is gone: its number may be another's
// by now.
func killGroup(p *os.Process) {
	if p.Signal(syscall.Signal(0)) == nil {
		syscall.Kill(-p.Pid, syscall.SIGKILL)
	}
}

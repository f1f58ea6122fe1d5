package main

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// The help lists every command in a group.
func TestHelpGroups(t *testing.T) {
	out, _, code := weir(t, nil, "--help")
	if code != exitOK || strings.Contains(out, "Additional Commands") {
		t.Errorf("exit %d:\n%s", code, out)
	}
	for _, g := range groups() {
		if !strings.Contains(out, "\n"+g.title+":\n  ") {
			t.Errorf("no group %q in\n%s", g.title, out)
		}
	}
	if !strings.Contains(out, "\nAdditional help topics:\n  weir filter ") {
		t.Errorf("no topic in\n%s", out)
	}
}

// Shells complete every command, and the flags' values where there are few.
func TestCompletionOfCommands(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		if out, stderr, code := weir(t, nil, "completion", shell); code != exitOK || !strings.Contains(out, "weir") || stderr != "" {
			t.Errorf("%s: exit %d, %s", shell, code, stderr)
		}
	}
	if out, stderr, code := weir(t, nil, "completion", "zzz"); code != exitUsage || out != "" || !strings.Contains(stderr, `no shell "zzz": write one of bash, fish, powershell, zsh`) {
		t.Errorf("exit %d, %s%s", code, out, stderr)
	}
	if out, _, code := weir(t, nil, "completion"); code != exitOK || !strings.Contains(out, "bash") {
		t.Errorf("exit %d, %s", code, out)
	}
	out, _, _ := weir(t, nil, cobra.ShellCompNoDescRequestCmd, "")
	for _, g := range groups() {
		for _, c := range g.commands {
			if !strings.Contains("\n"+out, "\n"+c.Name()+"\n") {
				t.Errorf("%s is not completed: %s", c.Name(), out)
			}
		}
	}
	f := func(want string, args ...string) {
		t.Helper()
		if out, _, _ := weir(t, nil, append([]string{cobra.ShellCompNoDescRequestCmd}, args...)...); !strings.Contains("\n"+out, "\n"+want+"\n") {
			t.Errorf("%q: %q is not in %q", args, want, out)
		}
	}
	f("json", "listen", "--format", "")
	f("check", "config", "")
	f("iosxe", "setup", "")
	f("--report", "shadow", "--rep")
}

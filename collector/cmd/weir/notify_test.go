package main

import (
	"context"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// systemd hears when the sockets are open, and when the end begins.
func TestRunNotifies(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	systemd, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Skip("no such sockets here:", err)
	}
	defer systemd.Close()
	systemd.SetReadDeadline(time.Now().Add(20 * time.Second))
	t.Setenv("NOTIFY_SOCKET", path)
	heard := func() string {
		t.Helper()
		b := make([]byte, 100)
		n, err := systemd.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		return string(b[:n])
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var out, errs screen
	code := make(chan int)
	go func() {
		code <- run(ctx, []string{"run", "--data", t.TempDir(), "--http", "-", "--listen", "127.0.0.1:0"}, strings.NewReader(""), &out, &errs)
	}()
	if got := heard(); got != "READY=1" {
		t.Errorf("heard %q first", got)
	}
	errs.shows(t, "listening on UDP")
	cancel()
	if got := heard(); got != "STOPPING=1" {
		t.Errorf("heard %q then", got)
	}
	if c := <-code; c != exitOK {
		t.Errorf("exit code %d: %s", c, errs.String())
	}
}

// Without it, or with one that nobody hears, weir runs.
func TestNotifyNobody(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	if err := notify("READY=1"); err != nil {
		t.Error(err)
	}
	t.Setenv("NOTIFY_SOCKET", filepath.Join(t.TempDir(), "none"))
	if err := notify("READY=1"); err == nil || !strings.Contains(err.Error(), "tell systemd READY=1") {
		t.Errorf("got %v", err)
	}
}

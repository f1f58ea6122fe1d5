package sink

import (
	"context"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A pipe that nobody reads, or not any more, is an error, and holds up nothing.
func TestFilePipe(t *testing.T) {
	f, _, dir := files(t, "pipe", nil)
	path := dir + "/pipe"
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Skip(err)
	}
	if err := f.Open(); err == nil || !strings.Contains(err.Error(), "nobody reads this pipe") {
		t.Fatalf("error %v", err)
	}
	r, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	put(t, f, flows(1, 2))
	buf := make([]byte, 1<<16)
	n, err := r.Read(buf)
	if err != nil || len(lines(t, buf[:n])) != 2 {
		t.Errorf("%q, %v", buf[:n], err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := f.Write(ctx, flows(1, 10000)); err == nil {
		t.Error("a pipe took more than it holds")
	}
	end := make(chan struct{})
	go func() { // what was written, and what is, until r is closed
		defer close(end)
		for {
			if _, err := r.Read(buf); err != nil && err != io.EOF {
				return
			}
		}
	}()
	put(t, f, flows(1, 10000))
	r.Close()
	<-end
}

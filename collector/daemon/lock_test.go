package daemon

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weirflow/weir/collector/config"
)

// A second collector with a data directory in use touches nothing, whatever its
// ports.
func TestSecondRunIsRefused(t *testing.T) {
	const of = "WEIR_TEST_HOLD"
	if dir := os.Getenv(of); dir != "" { // the other process
		if _, err := config.LockData(dir, nil); err != nil {
			t.Fatal(err)
		}
		os.Stdout.WriteString("locked\n")
		io.Copy(io.Discard, os.Stdin)
		return
	}
	dir := t.TempDir()
	other := exec.Command(os.Args[0], "-test.run=^TestSecondRunIsRefused$")
	other.Env = append(os.Environ(), of+"="+dir)
	in, err := other.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := other.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	defer other.Wait()
	defer in.Close()
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "locked\n" {
		t.Fatalf("the other says %q: %v", line, err)
	}
	path := filepath.Join(dir, "flows.jsonl")
	load := configured(t, filepath.Join(t.TempDir(), "weir.yaml"),
		"data: "+dir+"\nlisten: ['127.0.0.1:0']\napi: {listen: '127.0.0.1:0'}\nsinks: [{type: file, path: "+path+"}]")
	c, err := load()
	if err != nil {
		t.Fatal(err)
	}
	d, err := Start(c, Options{})
	if err == nil {
		d.Stop(t.Context())
		t.Fatal("it starts")
	}
	if !strings.Contains(err.Error(), "stop that one, or name another directory") {
		t.Error(err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("its sink's file was opened")
	}
}

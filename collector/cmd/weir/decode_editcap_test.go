//go:build real

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Wireshark's editcap is another one's writer of capture files: what it makes of
// a capture decodes to the same.
func TestDecodeEditcap(t *testing.T) {
	if _, err := exec.LookPath("editcap"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("editcap is not installed: run testdata/make/install.sh")
		}
		t.Skip("editcap is not installed: run testdata/make/install.sh")
	}
	dir := t.TempDir()
	for _, name := range []string{"v9/pmacctd", "ipfix/softflowd-nano", "v5/softflowd"} {
		in := filepath.Join(dir, "in.pcap")
		if err := os.WriteFile(in, capture(t, "pcap/"+name+".pcap"), 0o600); err != nil {
			t.Fatal(err)
		}
		want, errs, code := weir(t, nil, "decode", "--meta", in)
		if code != exitOK || want == "" {
			t.Fatalf("%s: exit code %d, %s", name, code, errs)
		}
		for _, args := range [][]string{
			{"-F", "pcapng"},
			{"-F", "pcapng", "--capture-comment", "a comment"},
			{"-F", "nsecpcap"},
		} {
			out := filepath.Join(dir, "out")
			if text, err := exec.Command("editcap", append(args, in, out)...).CombinedOutput(); err != nil {
				t.Fatalf("editcap %v: %v: %s", args, err, text)
			}
			if got, errs, code := weir(t, nil, "decode", "--meta", out); code != exitOK || got != want {
				t.Errorf("%s, editcap %v: exit code %d, %d octets, want %d: %s", name, args, code, len(got), len(want), errs)
			}
		}
	}
}

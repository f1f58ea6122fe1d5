package main

import (
	"bytes"
	"compress/gzip"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/weirflow/weir/shared/pcap"
)

// Files and the standard input may be compressed.
func TestDecodeCompressed(t *testing.T) {
	in := capture(t, "pcap/v9/pmacctd.pcap")
	want, _, _ := weir(t, in, "decode", "--meta", "-")
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	if _, err := w.Write(in); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	for name, packed := range map[string][]byte{"c.pcap.gz": zipped.Bytes(), "c.pcap.zst": z.EncodeAll(in, nil)} {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, packed, 0o600); err != nil {
			t.Fatal(err)
		}
		for _, arg := range []string{path, "-"} {
			got, errs, code := weir(t, packed, "decode", "--meta", arg)
			if code != exitOK || got != want || got == "" {
				t.Errorf("%s by %s: exit code %d, %d octets, want %d: %s", name, arg, code, len(got), len(want), errs)
			}
		}
		cut := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(cut, packed[:len(packed)-9], 0o600); err != nil {
			t.Fatal(err)
		}
		_, errs, code := weir(t, nil, "decode", cut)
		if code != exitError || !strings.Contains(errs, cut+": ") || !strings.Contains(errs, "data is cut short: unexpected EOF") {
			t.Errorf("%s, cut: exit code %d: %s", name, code, errs)
		}
	}
}

// All captures of the corpus are read to their end, and those in pcapng, which
// file managers can't tell by their names, are among them.
func TestDecodeCorpus(t *testing.T) {
	root := filepath.Join("..", "..", "..", "..", "shared", "corpus")
	if _, err := os.Stat(root); err != nil {
		t.Skip("the corpus is not here: ", err)
	}
	blocks := 0
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || !slices.Contains([]string{".pcap", ".pcapng", ".cap"}, filepath.Ext(path)) {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		r, err := pcap.NewReader(f)
		n := 0
		for err == nil {
			if _, err = r.Next(); err == nil {
				n++
			}
		}
		head := make([]byte, 4)
		if _, err := f.ReadAt(head, 0); err == nil && head[0] == 0x0a {
			blocks++
			if n == 0 {
				t.Errorf("%s: no datagrams, %+v", path, r.Skipped())
			}
		}
		if r != nil && r.Skipped().Gaps > 0 {
			t.Errorf("%s: %+v: something else was taken for IPFIX over TCP", path, r.Skipped())
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if blocks == 0 {
		t.Error("no pcapng file was found")
	}
}

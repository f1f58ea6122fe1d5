package source

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/weirflow/weir/shared/decode"
	"github.com/weirflow/weir/testdata"
)

func gzipped(t *testing.T, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func zstandard(t *testing.T, b []byte) []byte {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	return w.EncodeAll(b, nil)
}

func TestCompressedCapture(t *testing.T) {
	same, err := testdata.FS.ReadFile("same/same.pcap")
	if err != nil {
		t.Fatal(err)
	}
	for name, plain := range map[string][]byte{
		"pcap": same,
		"raw":  bytes.Repeat(append(ipfix(40), v5(3)...), 1000),
	} {
		want := all(t, bytes.NewReader(plain))
		for way, packed := range map[string][]byte{
			"gzip":      gzipped(t, plain),
			"gzip, two": append(gzipped(t, plain[:100]), gzipped(t, plain[100:])...),
			"zstd":      zstandard(t, plain),
			"zstd, two": append(zstandard(t, plain[:100]), zstandard(t, plain[100:])...),
		} {
			got := all(t, bytes.NewReader(packed))
			if !slices.EqualFunc(got, want, func(a, b Message) bool {
				return a.Index == b.Index && a.Offset == b.Offset && a.From == b.From && a.Time == b.Time && bytes.Equal(a.Data, b.Data)
			}) {
				t.Errorf("%s, %s: %d messages, want %d", name, way, len(got), len(want))
			}

			// Cut short, it gives what is whole, and an error that says where.
			c, err := NewCapture(bytes.NewReader(packed[:len(packed)*2/3]))
			if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("%s, %s, cut: %v", name, way, err)
				continue
			}
			n := 0
			for err == nil {
				if _, err = c.Next(); err == nil {
					n++
				}
			}
			if !errors.Is(err, io.ErrUnexpectedEOF) || n > len(want) || n > 0 && !strings.Contains(err.Error(), "at offset") {
				t.Errorf("%s, %s, cut: %d messages of %d, %v", name, way, n, len(want), err)
			}
		}
	}
}

func TestCompressedRefused(t *testing.T) {
	f := func(packed []byte, want string) {
		t.Helper()
		c, err := NewCapture(bytes.NewReader(packed))
		for err == nil {
			_, err = c.Next()
		}
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %v; want one with %q", err, want)
		}
	}
	f(gzipped(t, nil), "capture is empty")
	f(gzipped(t, []byte("hello")), "neither a pcap file nor")
	f(gzipped(t, zstandard(t, v5(1))), "compressed twice")
	f(zstandard(t, gzipped(t, v5(1))), "compressed twice")
	broken := gzipped(t, bytes.Repeat(v5(30), 1000))
	broken[len(broken)-5] ^= 1 // of the checksum
	f(broken, "at offset 1464000: decompress gzip: gzip: invalid checksum")
	f(append([]byte("\x28\xb5\x2f\xfd"), make([]byte, 200)...), "zstd")
}

// What expands without end is ended: small bounds stand in for the large ones.
func TestCompressedExpands(t *testing.T) {
	for way, packed := range map[string][]byte{
		"gzip": gzipped(t, make([]byte, 4<<20)),
		"zstd": zstandard(t, make([]byte, 4<<20)),
	} {
		x := &expansion{way: way, in: bufio.NewReader(bytes.NewReader(packed)), free: 1 << 20, most: 100}
		var err error
		if way == "gzip" {
			x.out, err = gzip.NewReader(counter{x})
		} else {
			x.out, err = zstd.NewReader(counter{x}, zstd.WithDecoderConcurrency(1))
		}
		if err != nil {
			t.Fatal(err)
		}
		n, err := io.Copy(io.Discard, x)
		if !errors.Is(err, ErrExpands) || n < 1<<20 || n > 3<<20 {
			t.Errorf("%s: %d octets, then %v", way, n, err)
		}
		if _, err := x.Read(make([]byte, 1)); !errors.Is(err, ErrExpands) {
			t.Errorf("%s: again %v", way, err)
		}
		x = &expansion{way: way, in: bufio.NewReader(bytes.NewReader(packed)), free: 8 << 20, most: 100}
		if way == "gzip" {
			x.out, err = gzip.NewReader(counter{x})
		} else {
			x.out, err = zstd.NewReader(counter{x}, zstd.WithDecoderConcurrency(1))
		}
		if err != nil {
			t.Fatal(err)
		}
		if n, err := io.Copy(io.Discard, x); err != nil || n != 4<<20 {
			t.Errorf("%s, below what is free: %d octets, %v", way, n, err)
		}
	}
}

// A message is cut off where it ends, however near that is to the most that is
// seen at once.
func TestRawCaptureLong(t *testing.T) {
	var messages [][]byte
	for n := uint16(65520); n != 0; n++ {
		messages = append(messages, ipfix(n), v5(1))
	}
	got := all(t, bytes.NewReader(bytes.Join(messages, nil)))
	if len(got) != len(messages) {
		t.Fatalf("%d messages; want %d", len(got), len(messages))
	}
	at := int64(0)
	for i, m := range got {
		if len(m.Data) != len(messages[i]) || m.Offset != at {
			t.Errorf("message %d has %d octets at %d; want %d at %d", i+1, len(m.Data), m.Offset, len(messages[i]), at)
		}
		at += int64(len(m.Data))
	}
}

func TestFileCompressed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "two.dat.zst")
	if err := os.WriteFile(path, zstandard(t, append(v5(1), v5(2)...)), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := OpenFile(path, ReplayOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var dst [1]decode.Datagram
	for i := range 2 {
		if n, err := f.Read(t.Context(), dst[:]); n != 1 || err != nil || !bytes.Equal(dst[0].Data, v5(i+1)) {
			t.Fatalf("read %d: got %d, %v, %d octets", i+1, n, err, len(dst[0].Data))
		}
	}
}

// Whatever is compressed comes out as it went in, and nothing else does harm.
func FuzzCompressed(f *testing.F) {
	f.Add(v5(2), []byte("\x1f\x8b\x08\x00"))
	f.Add(ipfix(40), []byte("\x28\xb5\x2f\xfd\x04\x00\x01\x00\x00"))
	f.Fuzz(func(t *testing.T, plain, packed []byte) {
		for _, in := range [][]byte{gzipped(t, plain), zstandard(t, plain)} {
			a, err := NewCapture(bytes.NewReader(plain))
			b, err2 := NewCapture(bytes.NewReader(in))
			if compression(plain) != "" {
				continue
			}
			for err == nil && err2 == nil {
				var m, m2 Message
				m, err = a.Next()
				m2, err2 = b.Next()
				if !bytes.Equal(m.Data, m2.Data) || m.Offset != m2.Offset {
					t.Fatalf("%+v, %v; compressed %+v, %v", m, err, m2, err2)
				}
			}
			if err == nil || err2 == nil || err.Error() != err2.Error() {
				t.Fatalf("%v; compressed %v", err, err2)
			}
		}
		c, err := NewCapture(bytes.NewReader(packed))
		for err == nil {
			_, err = c.Next()
		}
	})
}

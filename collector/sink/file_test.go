package sink

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/vmihailenco/msgpack/v5"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/weirflow/weir/shared/flow"
)

// A clock is what the sink is told the time is.
type clock struct{ t time.Time }

func (c *clock) now() time.Time { return c.t }

// noon is the clock's start.
var noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

// files makes a Files below a new directory, short names, and its clock.
func files(t *testing.T, path string, change func(*File)) (*Files, *clock, string) {
	t.Helper()
	dir, k := t.TempDir(), &clock{noon}
	c := DefaultFile()
	c.Path, c.Profile = filepath.Join(dir, path), "flat"
	if change != nil {
		change(&c)
	}
	f, err := NewFile(c, Deps{Now: k.now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f, k, dir
}

func put(t *testing.T, f *Files, b *flow.Batch) {
	t.Helper()
	if err := f.Write(context.Background(), b); err != nil {
		t.Fatal(err)
	}
}

// lines returns the source ports of the JSON lines in data.
func lines(t *testing.T, data []byte) (all []int) {
	t.Helper()
	for d := json.NewDecoder(bytes.NewReader(data)); ; {
		var r struct {
			Port int `json:"src_port"`
		}
		if err := d.Decode(&r); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatalf("%v in %q", err, data)
		}
		all = append(all, r.Port)
	}
}

// holds checks what is below dir: names, and the ports in them.
func holds(t *testing.T, dir string, want map[string][]int) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if info, _ := e.Info(); info.Mode().Perm() != 0o600 && runtime.GOOS != "windows" {
			t.Errorf("%s has mode %v", e.Name(), info.Mode())
		}
		if got := lines(t, unpacked(t, e.Name(), data)); !slices.Equal(got, want[e.Name()]) {
			t.Errorf("%s has %v, want %v", e.Name(), got, want[e.Name()])
		}
		delete(want, e.Name())
	}
	for name := range want {
		t.Errorf("there is no %s", name)
	}
}

// unpacked takes the compression off data.
func unpacked(t *testing.T, name string, data []byte) []byte {
	t.Helper()
	var r io.Reader = bytes.NewReader(data)
	switch filepath.Ext(name) {
	case ".gz":
		z, err := gzip.NewReader(r)
		if err != nil {
			t.Fatal(err)
		}
		r = z
	case ".zst":
		z, err := zstd.NewReader(r)
		if err != nil {
			t.Fatal(err)
		}
		defer z.Close()
		r = z
	}
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return data
}

func TestFile(t *testing.T) {
	f, _, dir := files(t, "flows.jsonl", nil)
	put(t, f, flows(1, 2))
	put(t, f, flows(3, 1))
	put(t, f, flows(4, 0))
	holds(t, dir, map[string][]int{"flows.jsonl": {1, 2, 3}})
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	// The next process continues it.
	g, err := NewFile(f.cfg, Deps{})
	if err != nil {
		t.Fatal(err)
	}
	put(t, g, flows(4, 1))
	holds(t, dir, map[string][]int{"flows.jsonl": {1, 2, 3, 4}})
	if err := g.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestFileEvery(t *testing.T) {
	f, k, dir := files(t, "%Y%m%d-%H.jsonl", func(c *File) { c.Every = time.Hour })
	k.t = noon.Add(59 * time.Minute)
	put(t, f, flows(1, 1))
	k.t = noon.Add(time.Hour)
	put(t, f, flows(2, 1))
	put(t, f, flows(3, 1))
	k.t = noon.Add(3 * time.Hour) // an hour without flows has no file
	put(t, f, flows(4, 1))
	holds(t, dir, map[string][]int{"20261126-12.jsonl": {1}, "20261126-13.jsonl": {2, 3}, "20261126-15.jsonl": {4}})
}

func TestFileSize(t *testing.T) {
	f, k, dir := files(t, "%H.jsonl", func(c *File) { c.Size, c.Every = 4096, time.Hour })
	put(t, f, flows(1, 100)) // more than 4 KiB
	put(t, f, flows(101, 100))
	put(t, f, flows(201, 1))
	k.t = noon.Add(time.Hour)
	put(t, f, flows(202, 1))
	want := map[string][]int{"12.jsonl": count(1, 100), "12-1.jsonl": count(101, 100), "12-2.jsonl": {201}, "13.jsonl": {202}}
	holds(t, dir, want)
	// The next process goes on where there is room.
	g, err := NewFile(f.cfg, Deps{Now: (&clock{noon}).now})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	put(t, g, flows(203, 1))
	holds(t, dir, map[string][]int{"12.jsonl": count(1, 100), "12-1.jsonl": count(101, 100), "12-2.jsonl": {201, 203}, "13.jsonl": {202}})
}

func TestFileCompressed(t *testing.T) {
	for compress, suffix := range map[string]string{compressGzip: ".gz", compressZstd: ".zst"} {
		for _, sync := range []string{syncClose, syncBatch, syncNever} {
			f, _, dir := files(t, "f.jsonl"+suffix, func(c *File) { c.Compress, c.Sync = compress, sync })
			put(t, f, flows(1, 100))
			put(t, f, flows(101, 100))
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
			holds(t, dir, map[string][]int{"f.jsonl" + suffix: count(1, 200)})
			g, err := NewFile(f.cfg, Deps{}) // who knows whether the old one has an end?
			if err != nil {
				t.Fatal(err)
			}
			put(t, g, flows(201, 1))
			if err := g.Close(); err != nil {
				t.Fatal(err)
			}
			holds(t, dir, map[string][]int{"f.jsonl" + suffix: count(1, 200), "f-1.jsonl" + suffix: {201}})
		}
	}
}

// What Write has taken is in the file, compressed or not, and what it has not is
// not, however the stream ends.
func TestFileHoldsWhatIsWritten(t *testing.T) {
	for _, sync := range []string{syncBatch, syncClose, syncNever} {
		for compress, name := range map[string]string{compressZstd: "f.zst", compressGzip: "f.gz"} {
			f, _, dir := files(t, name, func(c *File) { c.Compress, c.Sync = compress, sync })
			is := func(want []int) {
				t.Helper()
				data, err := os.ReadFile(filepath.Join(dir, name))
				if err != nil {
					t.Fatal(err)
				}
				data, err = unpack(compress, data)
				if !errors.Is(err, io.ErrUnexpectedEOF) || !slices.Equal(lines(t, data), want) {
					t.Errorf("%s, sync: %s: %q, %v", compress, sync, data, err)
				}
			}
			put(t, f, flows(1, 3))
			is(count(1, 3))
			put(t, f, flows(4, 2))
			is(count(1, 5))
			f.size.w = &shortWriter{w: f.file, fail: true}
			if err := f.Write(context.Background(), flows(6, 10)); err == nil {
				t.Error("no error")
			}
			is(count(1, 5))
		}
	}
}

// unpack returns what can be had of a stream, and why no more.
func unpack(compress string, data []byte) ([]byte, error) {
	var r io.Reader
	switch compress {
	case compressGzip:
		z, err := gzip.NewReader(bytes.NewReader(data))
		if err != nil {
			return nil, err
		}
		r = z
	case compressZstd:
		z, err := zstd.NewReader(bytes.NewReader(data))
		if err != nil {
			return nil, err
		}
		defer z.Close()
		r = z
	}
	return io.ReadAll(r)
}

// As logrotate does it: rename, then a signal.
func TestFileReopen(t *testing.T) {
	f, _, dir := files(t, "flows", nil)
	put(t, f, flows(1, 1))
	if err := os.Rename(filepath.Join(dir, "flows"), filepath.Join(dir, "flows.1")); err != nil {
		t.Fatal(err)
	}
	put(t, f, flows(2, 1))
	f.Reopen()
	put(t, f, flows(3, 1))
	holds(t, dir, map[string][]int{"flows.1": {1, 2}, "flows": {3}})
}

func TestFileMsgpack(t *testing.T) {
	f, _, dir := files(t, "m", func(c *File) { c.Format = formatMsgpack })
	put(t, f, flows(7, 70))
	data, err := os.ReadFile(filepath.Join(dir, "m"))
	if err != nil {
		t.Fatal(err)
	}
	d := msgpack.NewDecoder(bytes.NewReader(data))
	for i := range 70 {
		m, err := d.DecodeMap()
		if err != nil || fmt.Sprint(m["src_port"]) != fmt.Sprint(7+i) || m["src_addr"] != "192.0.2.1" {
			t.Fatalf("record %d: %v, %v", i, m, err)
		}
	}
	if _, err := d.DecodeMap(); !errors.Is(err, io.EOF) {
		t.Errorf("behind the records: %v", err)
	}
}

// rest is a batch with a flow, an options record and a counter sample.
func rest() *flow.Batch {
	b := flows(1, 1)
	exporter := flow.AddrFrom4([4]byte{203, 0, 113, 1})
	b.Options = append(b.Options, flow.Option{Received: 5, Exporter: exporter, Domain: 9, Template: 256, Version: 10})
	b.Counters = append(b.Counters, flow.Counter{Received: 6, Exporter: exporter, Sequence: 3, Index: 4})
	return b
}

func TestFileRecordsAll(t *testing.T) {
	f, _, dir := files(t, "all", func(c *File) { c.Records = recordsAll })
	put(t, f, rest())
	data, err := os.ReadFile(filepath.Join(dir, "all"))
	if err != nil {
		t.Fatal(err)
	}
	all := strings.Split(string(data), "\n")
	want := []string{
		`{"kind":"options","exporter":"203.0.113.1","domain":9,"received":5,"template":256,"fields":{}}`,
		`{"kind":"counters","exporter":"203.0.113.1","domain":0,"received":6,"fields":{"sequence":3,"class":0,"index":4}}`,
	}
	if len(all) != 4 || !slices.Equal(all[1:3], want) || strings.Contains(all[0], "kind") {
		t.Errorf("got\n%s", data)
	}
	f, _, dir = files(t, "flows", nil)
	put(t, f, rest())
	holds(t, dir, map[string][]int{"flows": {1}})
}

// Each message of the stream is behind its length: field 1 is a flow, 2 options,
// 3 a counter sample.
func TestFileProtobuf(t *testing.T) {
	f, _, dir := files(t, "p", func(c *File) { c.Format, c.Records = formatProtobuf, recordsAll })
	put(t, f, rest())
	data, err := os.ReadFile(filepath.Join(dir, "p"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []protowire.Number{1, 2, 3} {
		m, n := protowire.ConsumeBytes(data)
		if n < 0 {
			t.Fatalf("message %d: %v", want, protowire.ParseError(n))
		}
		data = data[n:]
		field, kind, n := protowire.ConsumeTag(m)
		if field != want || kind != protowire.BytesType || protowire.ConsumeFieldValue(field, kind, m[n:]) != len(m)-n {
			t.Errorf("message %d has field %d of kind %d", want, field, kind)
		}
	}
	if len(data) != 0 {
		t.Errorf("%d octets are left", len(data))
	}
}

func TestStdout(t *testing.T) {
	var out bytes.Buffer
	c := DefaultFile()
	c.Path, c.Profile = stdout, "flat"
	f, err := NewFile(c, Deps{Stdout: &out})
	if err != nil {
		t.Fatal(err)
	}
	put(t, f, flows(1, 2))
	f.Reopen()
	put(t, f, flows(3, 1))
	if err := f.Close(); err != nil || !slices.Equal(lines(t, out.Bytes()), count(1, 3)) {
		t.Errorf("%q, %v", out.Bytes(), err)
	}
}

// Whoever reads standard output may hang: a write ends with its context, and so
// does the sink. What was left behind comes before what follows.
func TestStdoutHangs(t *testing.T) {
	for _, compress := range compressions {
		r, w := io.Pipe()
		c := DefaultFile()
		c.Path, c.Profile, c.Compress = stdout, "flat", compress
		f, err := NewFile(c, Deps{Stdout: w})
		if err != nil {
			t.Fatal(err)
		}
		late := func(n int) {
			t.Helper()
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
			defer cancel()
			start := time.Now()
			if err := f.Write(ctx, flows(n, 1)); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "write standard output: who reads it takes nothing") {
				t.Errorf("%s: error %v", compress, err)
			}
			if d := time.Since(start); d > 5*time.Second {
				t.Errorf("%s: it took %s", compress, d)
			}
		}
		late(1)
		late(2)
		if compress == compressNone {
			got := make(chan []byte)
			go func() {
				all, _ := io.ReadAll(r)
				got <- all
			}()
			put(t, f, flows(3, 1))
			w.Close()
			if all := lines(t, <-got); !slices.Equal(all, []int{1, 3}) {
				t.Errorf("got %v", all)
			}
		}
		start := time.Now()
		f.Close()
		if d := time.Since(start); d > 10*time.Second {
			t.Errorf("%s: to close it took %s", compress, d)
		}
		r.Close()
	}
}

// A disk that is full: the error names the file and says what to do; what was
// written before stays whole, and it goes on by itself.
func TestFileFull(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("this system has no /dev/full")
	}
	for _, compress := range compressions {
		c := DefaultFile()
		c.Path, c.Compress = "/dev/full", compress
		f, err := NewFile(c, Deps{})
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Write(context.Background(), flows(1, 1)); err == nil || !strings.Contains(err.Error(), "/dev/full: no space left on device: make room") {
			t.Errorf("%s: error %v", compress, err)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
}

// A shortWriter writes half and fails.
type shortWriter struct {
	w    io.Writer
	fail bool
}

func (s *shortWriter) Write(p []byte) (int, error) {
	if !s.fail {
		return s.w.Write(p)
	}
	n, _ := s.w.Write(p[:len(p)/2])
	return n, errors.New("broken")
}

func TestFileHalfABatch(t *testing.T) {
	f, _, dir := files(t, "f", nil)
	put(t, f, flows(1, 2))
	f.size.w = &shortWriter{w: f.file, fail: true}
	if err := f.Write(context.Background(), flows(3, 10)); err == nil || !strings.Contains(err.Error(), "write "+f.name+": broken") {
		t.Errorf("error %v", err)
	}
	put(t, f, flows(20, 1))
	holds(t, dir, map[string][]int{"f": {1, 2, 20}})
}

// Half a compressed stream has no continuation: the next batch begins another
// file.
func TestFileHalfAStream(t *testing.T) {
	f, _, dir := files(t, "f.gz", func(c *File) { c.Compress, c.Sync = compressGzip, syncBatch })
	put(t, f, flows(1, 2))
	f.size.w = &shortWriter{w: f.file, fail: true}
	if err := f.Write(context.Background(), flows(3, 10)); err == nil {
		t.Error("no error")
	}
	put(t, f, flows(20, 1))
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(dir, "f-1.gz"))
	if err != nil || !slices.Equal(lines(t, unpacked(t, "f-1.gz", data)), []int{20}) {
		t.Errorf("%v", err)
	}
}

// A compressed file that could not be begun is tried again: a disk that stays
// full is not filled with the names of files.
func TestFileNeverBegun(t *testing.T) {
	for _, compress := range []string{compressGzip, compressZstd} {
		f, _, dir := files(t, "f", func(c *File) { c.Compress, c.Sync = compress, syncBatch })
		for range 5 {
			if err := f.Open(); err != nil {
				t.Fatal(err)
			}
			f.size.w = &shortWriter{w: f.file, fail: true}
			if err := f.Write(context.Background(), flows(3, 10)); err == nil {
				t.Error("no error")
			}
		}
		put(t, f, flows(20, 1))
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		all, _ := os.ReadDir(dir)
		data, err := os.ReadFile(filepath.Join(dir, "f"))
		suffix := map[string]string{compressGzip: ".gz", compressZstd: ".zst"}[compress]
		if err != nil || len(all) != 1 || !slices.Equal(lines(t, unpacked(t, "f"+suffix, data)), []int{20}) {
			t.Errorf("%s: %d files, %v", compress, len(all), err)
		}
	}
}

func TestFileOpenErrors(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{dir: "write the name of a file as path", filepath.Join(dir, "file", "x"): "write the name of a file as path"} {
		c := DefaultFile()
		c.Path = path
		f, err := NewFile(c, Deps{})
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Open(); err == nil || !strings.Contains(err.Error(), "open "+path+": ") || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v", err)
		}
	}
}

// Once the shapes of records are known, a batch costs no memory.
func TestFileNoAllocations(t *testing.T) {
	for _, format := range formats {
		c := DefaultFile()
		c.Path, c.Format = stdout, format
		f, err := NewFile(c, Deps{Stdout: io.Discard})
		if err != nil {
			t.Fatal(err)
		}
		b := flows(1, 100)
		run := func() { put(t, f, b) }
		run()
		if n := testing.AllocsPerRun(100, run); n != 0 {
			t.Errorf("%s: %v allocations", format, n)
		}
	}
}

func TestExpand(t *testing.T) {
	when := time.Date(2026, 2, 3, 4, 5, 6, 0, time.FixedZone("", 3600))
	got, err := expand("/a/%Y/%m/%d-%H%M%S-%j-%s-100%%", when)
	if want := "/a/2026/02/03-030506-034-1770087906-100%"; got != want || err != nil {
		t.Errorf("%s, %v, want %s", got, err, want)
	}
	for _, bad := range []string{"a%", "a%Q"} {
		if _, err := expand(bad, when); err == nil || !strings.Contains(err.Error(), "%%") {
			t.Errorf("%s: %v", bad, err)
		}
	}
	for name, want := range map[string]string{"/a/b.jsonl.gz": "/a/b-3.jsonl.gz", "b": "b-3", ".b": ".b-3", "/a.d/b": "/a.d/b-3", "b.zst": "b-3.zst", "2026.11.jsonl": "2026.11-3.jsonl"} {
		if got := numbered(name, 3); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

func TestFileConfig(t *testing.T) {
	bad := func(want string, change func(*File)) {
		t.Helper()
		c := DefaultFile()
		c.Path = "/x/%H%M%S"
		change(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	bad("path is empty", func(c *File) { c.Path = "" })
	bad("is a directory", func(c *File) { c.Path = "/x/" })
	bad("ends with %", func(c *File) { c.Path = "/x%" })
	bad("profile: ", func(c *File) { c.Profile = "x" })
	bad("format is", func(c *File) { c.Format = "xml" })
	bad("records is", func(c *File) { c.Records = "x" })
	bad("records is all", func(c *File) { c.Records, c.Format = "all", "msgpack" })
	bad("compress is", func(c *File) { c.Compress = "lz4" })
	bad("sync is", func(c *File) { c.Sync = "x" })
	bad("size is 5", func(c *File) { c.Size = 5 })
	bad("every is 1ms", func(c *File) { c.Every = time.Millisecond })
	bad("is the same then", func(c *File) { c.Path, c.Every = "/x/%Y", time.Hour })
	bad("standard output is never", func(c *File) { c.Path, c.Size = "-", 1<<20 })
}

//go:build real

package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// Google's protoc reads what weir writes by flow.proto: as many records of each
// kind as in JSON, the same sums, and no field that the file doesn't have.
func TestDecodeProtoc(t *testing.T) {
	needs(t, "protoc")
	dir := t.TempDir()
	const stream = `syntax = "proto3"; import "flow.proto"; message Records { repeated weir.flow.v1.Record record = 1; }`
	if err := os.WriteFile(filepath.Join(dir, "stream.proto"), []byte(stream), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"v9/pmacctd", "ipfix/softflowd-nano", "v5/softflowd", "sflow/pmacctd", "sflow/openvswitch"} {
		t.Run(name, func(t *testing.T) {
			in := filepath.Join(dir, "in.pcap")
			if err := os.WriteFile(in, capture(t, "pcap/"+name+".pcap"), 0o600); err != nil {
				t.Fatal(err)
			}
			out, errs, code := weir(t, nil, "decode", "--format", "protobuf", "--meta", in)
			if code != exitOK || out == "" {
				t.Fatalf("exit code %d, %s", code, errs)
			}
			cmd := exec.Command("protoc", "--decode=Records", "-I", dir, "-I", "../../../shared/encode", "stream.proto")
			cmd.Stdin = bytes.NewReader(repeated(t, []byte(out)))
			cmd.Stderr = os.Stderr
			text, err := cmd.Output()
			if err != nil {
				t.Fatal(err)
			}
			if unknown := regexp.MustCompile(`(?m)^ *\d+[:{ ].*$`).Find(text); unknown != nil {
				t.Errorf("protoc doesn't know %s", unknown)
			}
			sum := func(pattern string) (n uint64) {
				for _, m := range regexp.MustCompile(pattern).FindAllSubmatch(text, -1) {
					x, _ := strconv.ParseUint(string(m[1]), 10, 64)
					n += x
				}
				return n
			}
			got := map[string]uint64{"bytes": sum(`(?m)^    bytes: (\d+)$`), "packets": sum(`(?m)^    packets: (\d+)$`)}
			for kind, head := range map[string]string{"flow": "  flow {\n", "options": "  options {\n", "counter": "  counter {\n"} {
				if n := bytes.Count(text, []byte("\n"+head)); n > 0 {
					got[kind] = uint64(n)
				}
			}
			want := map[string]uint64{"bytes": 0, "packets": 0}
			lines, _, _ := weir(t, nil, "decode", "--profile", "flat", "--meta", in)
			for _, line := range strings.Split(strings.TrimSpace(lines), "\n") {
				var x struct {
					Kind           string
					Bytes, Packets uint64
				}
				if err := json.Unmarshal([]byte(line), &x); err != nil {
					t.Fatal(err)
				}
				want[x.Kind]++
				want["bytes"] += x.Bytes
				want["packets"] += x.Packets
			}
			if len(got) != len(want) {
				t.Errorf("protoc reads %v, JSON has %v", got, want)
			}
			for k, n := range want {
				if got[k] != n {
					t.Errorf("%s: protoc reads %d, JSON has %d", k, got[k], n)
				}
			}
		})
	}
}

// repeated makes the messages of a stream the elements of a repeated field with
// the number 1: a tag before each length.
func repeated(t *testing.T, stream []byte) (out []byte) {
	t.Helper()
	for len(stream) > 0 {
		size, n := binary.Uvarint(stream)
		if n <= 0 || uint64(len(stream)-n) < size {
			t.Fatalf("no message at %.20x", stream)
		}
		out = append(append(out, 1<<3|2), stream[:n+int(size)]...)
		stream = stream[n+int(size):]
	}
	return out
}

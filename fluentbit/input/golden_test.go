package input

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weirflow/weir/fluentbit/internal/same"
	"github.com/weirflow/weir/testdata"
)

// The flows of every capture in testdata are, as events, what is expected of them.
func TestGolden(t *testing.T) {
	captures := 0
	err := fs.WalkDir(testdata.FS, ".", func(path string, _ fs.DirEntry, err error) error {
		name, is := strings.CutSuffix(path, ".pcap")
		if err != nil || !is || strings.HasPrefix(path, "same") {
			return err
		}
		golden, err := testdata.FS.ReadFile(name + ".jsonl")
		if err != nil {
			return err
		}
		captures++
		cfg := configOf(t, map[string]string{"schema": "ipfix", "types": "flows"})
		r := newRing(64e6, 64e6, chunkSize)
		newSink(r, &cfg).Write(t.Context(), batch(t, path))
		events, err := same.Events(r.drain(nil, 64e6))
		if err != nil {
			return err
		}
		n, others := 0, 0
		for line := range bytes.Lines(golden) {
			n++
			d := json.NewDecoder(bytes.NewReader(line))
			d.UseNumber()
			var want map[string]any
			if err := d.Decode(&want); err != nil {
				return err
			}
			want["exporterIPv4Address"] = want["exporter"]
			delete(want, "exporter")
			if path == "pcap/v9/nfreplay.pcap" { // its times are a day from its header's, ICMPv6 goes by ICMP's name
				delete(want, "flowStartMilliseconds")
				delete(want, "flowEndMilliseconds")
				delete(want, "icmpTypeCodeIPv4")
			}
			if split(want) {
				others++
			}
			i := slices.IndexFunc(events, func(e same.Event) bool { return holds(e.Map, want) })
			if i < 0 {
				t.Errorf("%s: no event is %s", path, line)
				continue
			}
			events = slices.Delete(events, i, i+1)
		}
		if len(events) != others || n == 0 {
			t.Errorf("%s: %d events beside the %d expected, want %d", path, len(events), n, others)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if captures < 30 {
		t.Errorf("only %d captures", captures)
	}
}

// split removes from a record what it says of the other direction, which is an
// event of its own, and tells whether there is any.
func split(r map[string]any) (is bool) {
	octets := text(r["reverseOctetDeltaCount"])
	is = octets != "null" && octets != "0"
	for k := range r {
		if strings.HasPrefix(k, "reverse") {
			delete(r, k)
		}
	}
	return is
}

// holds tells whether got has all that is wanted; times have milliseconds there.
func holds(got, want map[string]any) bool {
	for k, v := range want {
		if text(got[k]) != text(v) {
			return false
		}
	}
	return true
}

// text writes a value so that numbers of msgpack and of JSON are alike.
func text(v any) string {
	if s, ok := v.(string); ok {
		if at, err := time.Parse(time.RFC3339Nano, s); err == nil {
			return at.UTC().Format("2006-01-02T15:04:05.000Z")
		}
	}
	d, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(d)
}

package plugin

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/weirflow/weir/shared/decode"
	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/pcap"
	"github.com/weirflow/weir/shared/query"
	"github.com/weirflow/weir/shared/query/engine"
	"github.com/weirflow/weir/shared/template"
	"github.com/weirflow/weir/testdata"
)

// SEMANTICS, Names: the values of testdata/same come out as expected, field by
// field. The capture is decoded with the times at which it was taken.
func TestSame(t *testing.T) {
	w := engine.NewWindow(engine.MinLimit, time.Unix(0, 0))
	d := decode.New(template.NewStore(template.Limits{}))
	for _, p := range samePackets(t) {
		var b flow.Batch
		if err := d.Decode(&b, decode.Datagram{From: p.Src, Time: p.Time, Data: p.Payload}); err != nil {
			t.Fatalf("packet %d: %v", p.Index, err)
		}
		if err := w.Write(t.Context(), &b); err != nil {
			t.Fatal(err)
		}
	}
	want := sameRecords(t, 0)
	q := panel{Request: query.Request{Shape: query.Flows, From: 0, To: 1 << 62, Limit: len(want)}, model: model{Type: typeFlows}}
	f, err := q.answer(t.Context(), w.View())
	if err != nil {
		t.Fatal(err)
	}
	checkSame(t, f, want)
}

func samePackets(t *testing.T) (all []pcap.Packet) {
	t.Helper()
	file, err := testdata.FS.ReadFile("same/same.pcap")
	if err != nil {
		t.Fatal(err)
	}
	r, err := pcap.NewReader(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	for {
		p, err := r.Next()
		if err == io.EOF {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		p.Payload = bytes.Clone(p.Payload)
		all = append(all, p)
	}
}

// A record is what testdata/same/same.jsonl expects of a flow, by IANA's names;
// values as text.
type record map[string]string

// sameRecords reads the expected records, their times moved by shift.
func sameRecords(t *testing.T, shift time.Duration) (all []record) {
	t.Helper()
	file, err := testdata.FS.ReadFile("same/same.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(bytes.NewReader(file))
	d.UseNumber()
	for d.More() {
		var m map[string]any
		if err := d.Decode(&m); err != nil {
			t.Fatal(err)
		}
		r := record{}
		for k, v := range m {
			text := fmt.Sprint(v)
			switch {
			case k == "exporter":
				k = "exporterIPv4Address"
				if !netip.MustParseAddr(text).Is4() {
					k = "exporterIPv6Address"
				}
			case strings.HasPrefix(k, "flowStart") || strings.HasPrefix(k, "flowEnd") && k != "flowEndReason":
				at, err := time.Parse(time.RFC3339Nano, text)
				if err != nil {
					t.Fatal(err)
				}
				text = at.Add(shift).Format("2006-01-02T15:04:05.000Z")
			}
			r[k] = text
		}
		all = append(all, r)
	}
	if len(all) < 100 {
		t.Fatalf("%d records", len(all))
	}
	return all
}

// text returns r with its keys in order.
func (r record) text() string {
	var s strings.Builder
	for _, k := range slices.Sorted(maps.Keys(r)) {
		fmt.Fprintf(&s, "%s=%s ", k, r[k])
	}
	return s.String()
}

// checkSame compares the rows of a table with the records, in any order. What
// weir adds to a record is its arrival.
func checkSame(t *testing.T, f *data.Frame, want []record) {
	t.Helper()
	if f.Rows() != len(want) {
		t.Errorf("%d rows, not %d", f.Rows(), len(want))
	}
	left := map[string]int{}
	for _, r := range want {
		left[r.text()]++
	}
	for i := range f.Rows() {
		got := record{}
		for _, x := range f.Fields {
			v, there := x.ConcreteAt(i)
			switch at, isTime := v.(time.Time); {
			case !there:
			case x.Name == "collectionTimeMilliseconds":
				if !isTime || at.IsZero() {
					t.Errorf("arrival is %v", v)
				}
			case isTime:
				got[x.Name] = at.UTC().Format("2006-01-02T15:04:05.000Z")
			default:
				got[x.Name] = fmt.Sprint(v)
			}
		}
		if left[got.text()] == 0 {
			t.Errorf("row %d is not expected: %s", i, got.text())
		}
		left[got.text()]--
	}
	for r, n := range left {
		if n > 0 {
			t.Errorf("missing %d times: %s", n, r)
		}
	}
}

package query

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"github.com/weirflow/weir/shared/flow"
)

func addr(s string) flow.Addr { return flow.AddrFrom(netip.MustParseAddr(s)) }

func ask(t *testing.T, text string) *Question {
	t.Helper()
	q, err := Ask(text, asking)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return q
}

// shown writes columns and rows of a table.
func shown(t *Table) string {
	var s strings.Builder
	for _, c := range t.Columns {
		fmt.Fprintf(&s, "%s[%s]", c.Name, c.Unit)
	}
	for _, row := range append(append([][]Cell{}, t.Rows...), t.Other, t.Total) {
		if row == nil {
			continue
		}
		s.WriteString("\n")
		for i, c := range row {
			if i > 0 {
				s.WriteString("|")
			}
			s.WriteString(c.String())
		}
	}
	return s.String()
}

// An hour has 3,600 seconds: 450,000,000 octets in it are 3,600,000,000 bits, at
// 1,000,000 a second; of 900,000,000 octets they are 50 %. An estimate from 100
// samples errs by 19.6 %.
func TestTableOfGroups(t *testing.T) {
	q := ask(t, "top 2 src, proto by bits, packets from 10:00 to 11:00 where port 443")
	a := &Answer{
		Groups: []Group{
			{Key: []Key{{Addr: addr("192.0.2.1")}, {Uint: 6}}, Values: []uint64{450_000_000, 7200}, Samples: 100},
			{Key: []Key{{Missing: true}, {Uint: 253}}, Values: []uint64{225_000_000, 3600}},
		},
		Other: Group{Values: []uint64{225_000_000, 36}}, Others: 5,
		Total: []uint64{900_000_000, 10836},
		Flows: 9, Unknown: 2, Sampled: 3, LeastRate: 10, MostRate: 1000, Scanned: 1000, Bound: 1000, Notes: []string{"a note"},
		Coverage: Coverage{Known: true, Records: 90, Missing: 10, Lost: 45},
	}
	got := q.Table(a, nil)
	want := `src_addr[]proto[]bits[bit]bits_rate[bit/s]share[%]packets[packet]packets_rate[packet/s]error[%]
192.0.2.1|tcp|3600000000|1000000|50|7200|2|19.6
|253|1800000000|500000|25|3600|1|
||1800000000|500000|25|36|0.01|
||7200000000|2000000|100|10836|3.01|`
	if s := shown(got); s != want {
		t.Errorf("table is\n%s\nwant\n%s", s, want)
	}
	if got.Others != 5 || got.Bound != 8000 || got.Flows != 9 || got.Unknown != 2 || got.Sampled != 3 || got.LeastRate != 10 || got.MostRate != 1000 || !got.Scaled || got.Scanned != 1000 || len(got.Notes) != 1 {
		t.Errorf("table is %+v", got)
	}
	if c := got.Complete; c == nil || math.Abs(c.Share-0.45) > 1e-12 { // half of 90 of 100
		t.Errorf("completeness is %+v", c)
	}
	// It survives its JSON.
	b, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	var again Table
	if err := json.Unmarshal(b, &again); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(&again, got) {
		t.Errorf("of its JSON becomes\n%+v, it was\n%+v", again, got)
	}
}

// Bins of 300 s: 37,500 octets in one are 1,000 bit/s.
func TestTableOfBins(t *testing.T) {
	q := ask(t, "series 1 exporter, in_if by bits, distinct src from 10:00 to 10:10 every 5min")
	a := &Answer{
		Groups: []Group{{
			Key: []Key{{Addr: addr("2001:db8::1")}, {Uint: 3}}, Values: []uint64{112_500, 2},
			Bins: [][]uint64{{37_500, 75_000}, {1, 2}},
		}},
		Other: Group{Values: []uint64{37_500, 0}, Bins: [][]uint64{{0, 37_500}}}, Others: 1,
		Total: []uint64{150_000, 0},
	}
	got := q.Table(a, nil)
	want := `exporter[]in_if[]bits[bit]bits_rate[bit/s]share[%]distinct_src_addr[]
2001:db8::1|3|900000|1500|75|2
||300000|500|25|
||1200000|2000|100|`
	if s := shown(got); s != want {
		t.Errorf("table is\n%s\nwant\n%s", s, want)
	}
	lines := []Line{{0, "bits", "bit/s", []float64{1000, 2000}}, {0, "distinct_src_addr", "", []float64{1, 2}}, {-1, "bits", "bit/s", []float64{0, 1000}}}
	if !reflect.DeepEqual(got.Series, lines) {
		t.Errorf("series are %v, want %v", got.Series, lines)
	}
	q = ask(t, "top in_if by bits p95, bytes max, packets last 1h")
	got = q.Table(&Answer{Groups: []Group{{Key: []Key{{Uint: 3}}, Values: []uint64{37_500, 600, 100}}}, Total: []uint64{0, 0, 100}}, nil)
	want = `in_if[]bits_p95[bit/s]bytes_max[B/s]packets[packet]packets_rate[packet/s]
3|1000|2|100|` + formatFloat(100.0/3900) + "\n||" + "|100|" + formatFloat(100.0/3900) // widened to 65 minutes
	if s := shown(got); s != want {
		t.Errorf("table is\n%s\nwant\n%s", s, want)
	}
}

// What is no estimate has no error, and no row is without a value.
func TestTableOfNoEstimates(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		a := &Answer{Groups: []Group{{Key: []Key{{Uint: 7}}, Values: []uint64{6}, Samples: 100}}, Other: Group{Values: []uint64{0}}, Others: 2, Total: []uint64{0}}
		got := ask(t, text+" from 10:00 to 10:01").Table(a, nil)
		if s := shown(got); s != want || got.Others != 2 {
			t.Errorf("%s is\n%s\nwant\n%s", text, s, want)
		}
	}
	f("top as by distinct src", "as[]distinct_src_addr[]\n7|6")
	f("top as by bytes p95 every 1min", "as[]bytes_p95[B/s]error[%]\n7|0.1|19.6")
	f("top as by bytes p95 every 1min raw", "as[]bytes_p95[B/s]\n7|0.1")
	f("top as by flows", "as[]flows[flow]flows_rate[flow/s]share[%]\n7|6|0.1|\n|0|0|\n|0|0|")
}

// In is what an interface let in, and what a host received.
func TestTableOfSides(t *testing.T) {
	group := Group{Key: []Key{{Uint: 7}}, Values: []uint64{30}, In: []uint64{10}, Out: []uint64{20}}
	f := func(text string, g Group, want string) {
		t.Helper()
		got := ask(t, text+" by bytes both from 10:00 to 10:01").Table(&Answer{Groups: []Group{g}}, nil)
		if s := shown(got); s != want {
			t.Errorf("%s is\n%s\nwant\n%s", text, s, want)
		}
	}
	f("top as", group, "as[]bytes[B]bytes_rate[B/s]bytes_in[B]bytes_out[B]share[%]\n7|30|0.5|10|20|")
	f("top if", group, "if[]bytes[B]bytes_rate[B/s]bytes_in[B]bytes_out[B]share[%]\n7|30|0.5|20|10|")
	group.Key = []Key{{Addr: addr("192.0.2.1"), Peer: addr("192.0.2.9")}}
	f("top pair/24", group, "ip_a[]ip_b[]bytes[B]bytes_rate[B/s]bytes_in[B]bytes_out[B]share[%]\n192.0.2.0/24|192.0.2.0/24|30|0.5|10|20|")
}

func TestTableOfTwoPeriods(t *testing.T) {
	q := ask(t, "top 3 dst port by bytes yesterday previous")
	key := func(n uint64) []Key { return []Key{{Uint: n}} }
	now := &Answer{Groups: []Group{{Key: key(443), Values: []uint64{150}}, {Key: key(53), Values: []uint64{50}}, {Key: key(22), Values: []uint64{40}}}, Total: []uint64{300}}
	then := &Answer{Groups: []Group{{Key: key(53), Values: []uint64{200}}, {Key: key(443), Values: []uint64{100}}}, Total: []uint64{300}}
	var asked []string
	got, err := q.Run(t.Context(), func(_ context.Context, r *Request) (*Answer, error) {
		asked = append(asked, fmt.Sprint(when(r.From), " ", when(r.To), " ", r.Limit))
		if len(asked) == 1 {
			return now, nil
		}
		return then, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"2026-11-25T00:00:00Z 2026-11-26T00:00:00Z 3", "2026-11-24T00:00:00Z 2026-11-25T00:00:00Z 100000"}; !reflect.DeepEqual(asked, want) {
		t.Errorf("asked were %q, want %q", asked, want)
	}
	f := func(want string) {
		t.Helper()
		var s []string
		for _, row := range append(got.Rows, got.Total) {
			s = append(s, row[1].String()+" "+row[4].String()+" "+row[5].String())
		}
		if have := strings.Join(s, ", "); have != want {
			t.Errorf("bytes, before and change are %s, want %s", have, want)
		}
	}
	f("150 100 50, 50 200 -75, 40 0 , 300 300 0")
	then.Others = 1 // so what is not there is not known to be nothing
	got = q.Table(now, then)
	f("150 100 50, 50 200 -75, 40  , 300 300 0")
	failed := errors.New("no")
	if _, err := q.Run(t.Context(), func(context.Context, *Request) (*Answer, error) { return nil, failed }); err != failed {
		t.Errorf("error is %v", err)
	}
}

func TestTableOfRecords(t *testing.T) {
	a := &Answer{More: 7}
	fl := a.Batch.Grow(2)
	fl[0] = flow.Flow{Bytes: 100, Proto: 17, SrcAddr: addr("192.0.2.1"), TCPFlags: 0x12, AppName: a.Batch.Strings.Intern([]byte("a\xffb")), Start: asking.UnixNano()}
	for _, x := range []flow.Field{flow.FieldBytes, flow.FieldProto, flow.FieldSrcAddr, flow.FieldTCPFlags, flow.FieldAppName, flow.FieldStart} {
		fl[0].Set.Add(x)
	}
	fl[1].Set.Add(flow.FieldBytes)
	got := ask(t, "flows").Table(a, nil)
	want := "start[]proto[]src_addr[]bytes[B]tcp_flags[]app_name[]\n2026-11-26T12:34:56Z|udp|192.0.2.1|100|SA|a\uFFFDb\n|||0||"
	if s := shown(got); s != want || got.More != 7 || got.Scaled {
		t.Errorf("table is\n%s, want\n%s", s, want)
	}
	got = ask(t, "conversations").Table(&Answer{Conversations: []Conversation{{
		A: addr("192.0.2.1"), B: addr("2001:db8::2"), APort: 40000, BPort: 443, Proto: 6, Start: asking.UnixNano(), End: asking.UnixNano() + 1e9,
		Bytes: [2]uint64{1, 2}, Packets: [2]uint64{3, 4}, Records: [2]uint64{5, 6},
	}}}, nil)
	want = `start[]end[]proto[]a[]a_port[]b[]b_port[]bytes_a[B]bytes_b[B]packets_a[packet]packets_b[packet]flows_a[flow]flows_b[flow]
2026-11-26T12:34:56Z|2026-11-26T12:34:57Z|tcp|192.0.2.1|40000|2001:db8::2|443|1|2|3|4|5|6`
	if s := shown(got); s != want {
		t.Errorf("table is\n%s, want\n%s", s, want)
	}
}

// What is shown of a number is not less than 64 bits hold.
func TestScale(t *testing.T) {
	m := Metric{Of: Bytes, Bits: true}
	if got := m.Scale(1 << 60); got != 1<<63 {
		t.Errorf("is %d", got)
	}
	if got := m.Scale(1 << 61); got != math.MaxUint64 {
		t.Errorf("is %d", got)
	}
}

// A table of another weir's, or of nobody's, is refused.
func TestTableIsChecked(t *testing.T) {
	for _, text := range []string{
		`{"columns": [{"name": "a", "kind": "uint"}], "rows": [[1, 2]]}`,
		`{"columns": [{"name": "a", "kind": "uint"}], "rows": [["x"]]}`,
		`{"columns": [{"name": "a", "kind": "uint"}], "rows": [[-1]]}`,
		`{"columns": [{"name": "a", "kind": "time"}], "rows": [["x"]]}`,
		`{"columns": [{"name": "a", "kind": "who"}]}`,
		`{"series": [{"row": 0}]}`,
		`{"rows": [[18446744073709551616]]}`,
	} {
		if err := json.Unmarshal([]byte(text), new(Table)); err == nil {
			t.Errorf("taken is %s", text)
		}
	}
}

func TestAllFields(t *testing.T) {
	names := map[string]FieldInfo{}
	for _, f := range AllFields() {
		if _, ok := names[f.Name]; ok {
			t.Errorf("%s is there twice", f.Name)
		}
		names[f.Name] = f
		q, ok := FieldNamed(f.Name)
		if !ok || q.Name != f.Name {
			t.Errorf("%s is no field: %v", f.Name, q)
		}
		_, err := Ask("top "+f.Name, asking)
		if ok := err == nil; ok != f.Group {
			t.Errorf("top %s: %v", f.Name, err)
		}
	}
	if f := names["proto"]; f.Column != "proto" || f.Kind != "number" || !f.Group || len(f.Values) < 40 || !f.Ordered {
		t.Errorf("proto is %+v", f)
	}
	if f := names["src ip"]; f.Column != "src_addr" || f.Kind != "address" || f.Ordered {
		t.Errorf("src ip is %+v", f)
	}
	q, _ := FieldNamed("proto")
	if got := q.Names("TC"); !reflect.DeepEqual(got, []string{"tcp", "tcf"}) && !reflect.DeepEqual(got, []string{"tcp"}) {
		t.Errorf("names are %q", got)
	}
	if q, ok := FieldNamed("src"); !ok || q.Name != "src ip" {
		t.Errorf("src is %v", q)
	}
}

package plugin

import (
	"net"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/weirflow/weir/collector/pipeline"
	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/query"
)

// notes looks for a notice of a severity whose text has want in it.
func notes(t *testing.T, f *data.Frame, severity data.NoticeSeverity, want string) {
	t.Helper()
	for _, n := range f.Meta.Notices {
		if n.Severity == severity && strings.Contains(n.Text, want) {
			return
		}
	}
	t.Errorf("no notice %q of severity %v among %+v", want, severity, f.Meta.Notices)
}

// sampledV5 is a NetFlow v5 datagram of one flow of now, sampled 1 in rate, whose number
// of the first flow is sequence.
func sampledV5(sequence byte, rate uint16) []byte {
	d := make([]byte, 24+48)
	d[1], d[3] = 5, 1
	now := time.Now().Unix()
	d[8], d[9], d[10], d[11] = byte(now>>24), byte(now>>16), byte(now>>8), byte(now)
	d[19] = sequence
	d[22], d[23] = 0x40|byte(rate>>8), byte(rate) // deterministic
	d[24+19], d[24+23] = 1, 100
	return d
}

// Who listens himself says what is sampled, missing, cut, and not yet in the window, of
// queries of both kinds.
func TestDoubtsDirect(t *testing.T) {
	d := newTestHub(t).test(t, "u", "127.0.0.1:0", 8)
	_, at := checkHealth(t, d)
	c, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(at.Listening[0]))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	missing := func() bool {
		l := d.ear.now().Pipeline().Ledgers()
		return len(l) == 1 && l[0].Missing > 0
	}
	// Numbers 1, 4, 7 and so on: two are missing each time, once nobody waits for them.
	for n := 0; !missing(); n++ {
		if n == 80 {
			t.Fatalf("nothing is missing: %+v", d.ear.now().Pipeline().Ledgers())
		}
		if _, err := c.Write(sampledV5(byte(1+3*n), 100)); err != nil {
			t.Fatal(err)
		}
		waitFlows(t, d, n+1)
	}
	q := func(json string) *data.Frame {
		t.Helper()
		q := testQuery(json)
		q.TimeRange = backend.TimeRange{From: time.Now().Add(-time.Hour), To: time.Now().Add(time.Minute)}
		r, err := d.QueryData(t.Context(), &backend.QueryDataRequest{Queries: []backend.DataQuery{q}})
		if err != nil || r.Responses["A"].Error != nil {
			t.Fatal(err, r.Responses["A"].Error)
		}
		return r.Responses["A"].Frames[0]
	}
	for _, json := range []string{`{"show":"top","by":["src"]}`, `{"show":"series"}`, `{"type":"top"}`, `{}`} {
		x := q(json)
		notes(t, x, data.NoticeSeverityInfo, "scaled ×100: ")
		notes(t, x, data.NoticeSeverityWarning, "the window is complete since ")
	}
	for _, json := range []string{`{"show":"flows","limit":1}`, `{"type":"flows","limit":1}`} {
		x := q(json)
		notes(t, x, data.NoticeSeverityInfo, "counters are as they were sent: 1 of 1 flows are sampled and stand for more (×100)")
		notes(t, x, data.NoticeSeverityWarning, "the window is complete since ")
	}
	notes(t, q(`{"show":"flows","limit":1}`), data.NoticeSeverityInfo, "cut: 1 of ")
	notes(t, q(`{"type":"flows","limit":1}`), data.NoticeSeverityInfo, "the newest 1 of ")
	notes(t, q(`{"show":"top","raw":true}`), data.NoticeSeverityInfo, "are sampled and stand for more (×100)")
	notes(t, q(`{"show":"top"}`), data.NoticeSeverityWarning, "complete since listening began: ")
	notes(t, q(`{}`), data.NoticeSeverityWarning, "complete since listening began: ")
}

// What did not arrive is told in records, whatever the protocol's numbers count.
func TestArrival(t *testing.T) {
	ledger := func(version uint8, records, received, missing uint64) (l pipeline.Ledger) {
		l.Version, l.Records, l.Received, l.Missing = version, records, received, missing
		return l
	}
	f := func(want string, severity data.NoticeSeverity, all ...pipeline.Ledger) {
		t.Helper()
		n := arrival(all)
		if want == "" && n == nil {
			return
		}
		if len(n) != 1 || n[0].Text != want || n[0].Severity != severity {
			t.Errorf("%+v, want %s", n, want)
		}
	}
	f("", 0)
	f("", 0, ledger(5, 100, 100, 0))
	f("99.90 % complete since listening began: 1 records didn't arrive", data.NoticeSeverityInfo, ledger(5, 999, 999, 1))
	f("90.00 % complete since listening began: 10 records didn't arrive", data.NoticeSeverityWarning, ledger(10, 90, 90, 10))
	// Of 100 packets with 20 records each 5 are missing, and as many of 10 samples.
	f("95.00 % complete since listening began: 100 records didn't arrive", data.NoticeSeverityWarning, ledger(9, 1900, 95, 5))
	f("95.00 % complete since listening began: 150 records didn't arrive", data.NoticeSeverityWarning, ledger(9, 1900, 95, 5), ledger(flow.SFlow5, 950, 95, 5))
	f("", 0, ledger(1, 100, 0, 0))
}

// Rates of flows that are shown as they came.
func TestUnscaled(t *testing.T) {
	if unscaled([]uint64{0, 1, 1}) != nil || unscaled(nil) != nil {
		t.Error("nothing is sampled")
	}
	if n := unscaled([]uint64{0, 1, 1000, 4000}); len(n) != 1 || n[0].Text != "counters are as they were sent: 2 of 4 flows are sampled and stand for more (×1000 to ×4000)" {
		t.Errorf("%+v", n)
	}
}

// An older collector doesn't tell the rates.
func TestScaled(t *testing.T) {
	f := func(want string, unknown uint64, least, most uint32) {
		t.Helper()
		if n := scaled(9, 4, unknown, least, most); n.Text != want {
			t.Errorf("%q, want %q", n.Text, want)
		}
	}
	f("scaled by the sampling rate: 4 of 9 flow records are sampled", 0, 0, 0)
	f("scaled ×10 to ×1000: 4 of 9 flow records are sampled; 2 have an unknown rate and count as they are", 2, 10, 1000)
}

// A collector's answer carries what the collector knows of it. What was recorded lacks an
// eighth of the records.
func TestDoubtsCollector(t *testing.T) {
	d := asks(t, recorded(t).URL, "secret")
	q := func(json string) *data.Frame {
		t.Helper()
		r := respond(t, t.Context(), d, json)
		if r.Error != nil {
			t.Fatal(r.Error)
		}
		return r.Frames[0]
	}
	x := q(`{"show":"top","limit":1,"by":["proto"],"metrics":["distinct src"]}`)
	notes(t, x, data.NoticeSeverityWarning, "87.50 % complete: 1 records didn't arrive, 1 were lost on the way to the store")
	notes(t, x, data.NoticeSeverityInfo, "weir did not run from 12:00 to 12:10")
	notes(t, x, data.NoticeSeverityInfo, "cut: 1 of 2 groups are shown")
	notes(t, x, data.NoticeSeverityInfo, "scaled ×10: 1 of 3 flow records are sampled; 1 have an unknown rate")
	x = q(`{"show":"flows","limit":2}`)
	notes(t, x, data.NoticeSeverityInfo, "cut: 2 of 3 rows are shown")
	notes(t, x, data.NoticeSeverityInfo, "counters are as they were sent: 1 of 2 flows are sampled and stand for more (×10)")
	// What it sums up from parts is near enough.
	a := &asked{Question: query.Question{Request: query.Request{Metrics: []query.Metric{{}}}}}
	f := a.frames(&answer{Table: &query.Table{Bound: 7, Columns: []query.TableColumn{{Name: "bytes", Kind: query.UintCell, Role: query.ValueRole}}}}, "")[0]
	notes(t, f, data.NoticeSeverityInfo, "a group that is not shown may have up to 7 more than it seems")
}

package plugin

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"net"
	"net/netip"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/weirflow/weir/grafana/drive"
	"github.com/weirflow/weir/shared/pcap"
)

// The binary, built without cgo and driven over gRPC as Grafana does it.
func TestBinary(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the plugin")
	}
	if runtime.GOOS != "linux" {
		t.Skip("needs all of 127.0.0.0/8 on loopback")
	}
	bin, err := drive.Build(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for name, f := range map[string]func(*testing.T, string){
		"same": binaryGivesSame, "streams": binaryStreams, "organisations": binaryOrganisations, "saved": binarySaved,
		"restarted": binaryRestarted, "administered": binaryAdministered, "cancelled": binaryCancelled, "errors": binaryErrors,
	} {
		t.Run(name, func(t *testing.T) { f(t, bin) })
	}
}

// It gives testdata/same through its sockets.
func binaryGivesSame(t *testing.T, bin string) {
	g := startBinary(t, bin)
	s, h := checkHealth(t, g)
	if s != backend.HealthStatusOk || len(h.Listening) != 2 || h.Flows != 0 {
		t.Fatalf("%v: %+v", s, h)
	}

	shift := time.Duration(time.Now().Unix()-60-sameEnd.Unix()) * time.Second
	want := sameRecords(t, shift)
	sendSame(t, h.Listening[0], shift)
	for deadline := time.Now().Add(time.Minute); h.Flows < len(want) && time.Now().Before(deadline); {
		time.Sleep(50 * time.Millisecond)
		_, h = checkHealth(t, g)
	}
	if h.Flows != len(want) || h.Exporters != 3 || h.Lost != 0 || len(h.Faults) != 0 || h.Newest == nil || time.Since(*h.Newest) > 5*time.Minute {
		t.Errorf("%+v", h)
	}
	t.Log(h.Message)

	from := sameEnd.Add(shift - 2*time.Minute).Truncate(time.Minute)
	q := func(json string) *data.Frame {
		t.Helper()
		r, err := g.QueryData(t.Context(), &backend.QueryDataRequest{
			PluginContext: g.context,
			Queries: []backend.DataQuery{{
				RefID: "A", JSON: []byte(json), Interval: 7 * time.Second, MaxDataPoints: 1000,
				TimeRange: backend.TimeRange{From: from, To: from.Add(4 * time.Minute)},
			}},
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Responses["A"].Error; err != nil {
			t.Fatal(err)
		}
		return r.Responses["A"].Frames[0]
	}
	checkSame(t, q(`{"type":"flows"}`), want)
	checkTop(t, q(`{"type":"top","metric":"bytes","groupBy":["exporterIPv4Address","dst_port"],"limit":7}`), want)
	checkSeries(t, q(`{"metric":"bits","groupBy":["Proto"],"limit":2}`), want)
	checkKinds(t, q, want)

	f := func(path, body, want string) {
		t.Helper()
		if got := g.call(t, path, body); !strings.Contains(got, want) {
			t.Errorf("%s: %s", path, got)
		}
	}
	f("fields", "", `"name":"src port"`)
	f("exporters", "", `{"address":"127.0.0.10"}`)
	f("values?field=exporter&prefix=127.0.0.1", "", `{"values":["127.0.0.10"]}`)
	f("validate", `{"question":"top 3 scr"}`, `"caret":"top 3 scr\n      ^^^"`)

	weir := g.with(t, map[string]string{"mode": "collector", "url": recorded(t).URL})
	if s, h := checkHealth(t, weir); s != backend.HealthStatusOk || h.Exporters != 3 {
		t.Errorf("%v: %+v", s, h)
	}
	bad := g.with(t, map[string]string{"mode": "collector", "url": "nonsense"})
	if s, h := checkHealth(t, bad); s != backend.HealthStatusError || !strings.Contains(h.Message, "url is") {
		t.Errorf("%v: %+v", s, h)
	}
	marks := officeQuery(`{"show":"findings","format":"annotations"}`)
	if marks.RefID = "marks"; len(weir.ask(t, marks)["marks"].Frames) != 1 || weir.ask(t, marks)["marks"].Frames[0].Rows() == 0 {
		t.Errorf("findings are %+v", weir.ask(t, marks))
	}
	r, err := weir.QueryData(t.Context(), &backend.QueryDataRequest{PluginContext: weir.context, Queries: []backend.DataQuery{
		officeQuery(`{"show":"top","limit":1,"by":["src"],"metrics":["bytes","packets"],"format":"sankey"}`),
	}})
	if err != nil || r.Responses["A"].Error != nil {
		t.Fatal(err, r)
	}
	if got := shown(r.Responses["A"].Frames[0]); got != "src_addr, bytes [decbytes]\n192.0.2.80, 6000\nother, 660" {
		t.Errorf("a collector's answer is\n%s", got)
	}
}

// checkKinds asks the questions of the language for what the records add up to.
func checkKinds(t *testing.T, q func(string) *data.Frame, want []record) {
	t.Helper()
	octets, tcp := 0.0, 0
	for _, r := range want {
		octets += number(t, r["octetDeltaCount"])
		if r["protocolIdentifier"] == "6" {
			tcp++
		}
	}
	sum := func(f *data.Frame, name string) (sum float64) {
		t.Helper()
		x, _ := f.FieldByName(name)
		if x == nil {
			t.Fatalf("no field %s in %s", name, shown(f))
		}
		for i := range x.Len() {
			if v, ok := x.ConcreteAt(i); ok {
				sum += v.(float64)
			}
		}
		return sum
	}
	for json, name := range map[string]string{
		`{"question":"matrix src x dst by bytes"}`:                     "bytes",
		`{"question":"top 3 src/24/48, proto by bytes"}`:               "bytes",
		`{"show":"flows","limit":1000}`:                                "bytes",
		`{"show":"matrix","by":["src","dst"],"format":"sankey"}`:       "bytes",
		`{"show":"top","by":["pair"],"format":"sankey","limit":50000}`: "bytes",
	} {
		if got := sum(q(json), name); math.Abs(got-octets) > 1e-6 {
			t.Errorf("%s has %v octets, not %v", json, got, octets)
		}
	}
	if got := sum(q(`{"show":"top","metrics":["flows"],"where":"proto tcp"}`), "flows"); got != float64(tcp) {
		t.Errorf("%v flows of TCP, not %d", got, tcp)
	}
	if f := q(`{"show":"flows","limit":1000,"format":"logs","where":"proto tcp"}`); f.Rows() != tcp || f.Meta.Type != data.FrameTypeLogLines {
		t.Errorf("%d lines of TCP, not %d", f.Rows(), tcp)
	}
	if f := q(`{"show":"conversations","limit":1000}`); math.Abs(sum(f, "bytes_a")+sum(f, "bytes_b")-octets) > 1e-6 {
		t.Errorf("conversations are %s", shown(f))
	}
	if f := q(`{"show":"series","by":["proto"],"metrics":["bits"],"every":"10s"}`); f.TimeSeriesSchema().Type != data.TimeSeriesTypeWide {
		t.Errorf("series are %s", shown(f))
	}
	heat, eighths := q(`{"show":"series","by":["proto"],"metrics":["bits"],"every":"10s","format":"heatmap"}`), 0.0
	for _, x := range heat.Fields[1:] {
		eighths += sum(heat, x.Name) * 10
	}
	if math.Abs(eighths/8-octets) > 1e-6 || string(heat.Meta.Type) != "heatmap-rows" {
		t.Errorf("the heatmap is %s", shown(heat))
	}
	if f := q(`{"show":"exporters"}`); f.Rows() != 3 || sum(f, "flows") != float64(len(want)) {
		t.Errorf("exporters are %s", shown(f))
	}
	if f := q(`{"show":"top","by":["src country"],"format":"geo"}`); len(f.Fields) == 0 || f.Fields[0].Name != lookup || f.Rows() != 0 {
		t.Errorf("countries, which none of them has, are %s", shown(f))
	}
	if f := q(`{"show":"findings"}`); f.Rows() != 0 || len(f.Meta.Notices) != 1 {
		t.Errorf("findings, which only a collector has, are %s", shown(f))
	}
}

// sameEnd is about when the traffic of testdata/same ended.
var sameEnd = time.Date(2026, 11, 2, 10, 0, 50, 0, time.UTC)

// checkTop compares the octets of the seven largest groups, and of all others,
// with the sums of the records.
func checkTop(t *testing.T, f *data.Frame, want []record) {
	t.Helper()
	if f.Meta.Type != data.FrameTypeNumericLong || len(f.Fields) != 3 || f.Rows() != 8 {
		t.Fatalf("%s with %d fields, %d rows", f.Meta.Type, len(f.Fields), f.Rows())
	}
	sums := map[string]float64{}
	for _, r := range want {
		sums[r["exporterIPv4Address"]+" "+r["destinationTransportPort"]] += number(t, r["octetDeltaCount"])
	}
	last := math.Inf(1)
	for i := range 7 {
		key := fmt.Sprint(f.Fields[0].At(i), " ", f.Fields[1].At(i))
		got := f.Fields[2].At(i).(float64)
		if got != sums[key] || got == 0 || got > last {
			t.Errorf("%s has %v octets, not %v; the one before %v", key, got, sums[key], last)
		}
		last = got
		delete(sums, key)
	}
	rest := 0.0
	for key, n := range sums {
		rest += n
		if n > last {
			t.Errorf("%s with %v octets is not named, one of %v is", key, n, last)
		}
	}
	if f.Fields[0].At(7) != other || f.Fields[1].At(7) != other || f.Fields[2].At(7).(float64) != rest {
		t.Errorf("others: %v, not %v", f.RowCopy(7), rest)
	}
}

// checkSeries adds up what the bins say for the two largest protocols and all
// others.
func checkSeries(t *testing.T, f *data.Frame, want []record) {
	t.Helper()
	if f.Meta.Type != data.FrameTypeTimeSeriesWide || len(f.Fields) != 4 {
		t.Fatalf("%s with %d fields", f.Meta.Type, len(f.Fields))
	}
	sums := map[string]float64{}
	rest, busiest := 0.0, 0
	for _, r := range want {
		sums[r["protocolIdentifier"]] += number(t, r["octetDeltaCount"])
	}
	for _, x := range f.Fields[1:] {
		if x.Config.Unit != "bps" {
			t.Errorf("unit is %q", x.Config.Unit)
		}
		octets, busy := 0.0, 0
		for i := range x.Len() {
			if rate, ok := x.ConcreteAt(i); ok && rate.(float64) > 0 {
				octets += rate.(float64) * 7 / 8
				busy++
			}
		}
		busiest = max(busiest, busy)
		proto := x.Labels["Proto"]
		if proto == other {
			rest = octets
			continue
		}
		if math.Abs(octets-sums[proto]) > 1e-6 {
			t.Errorf("protocol %s has %v octets, not %v", proto, octets, sums[proto])
		}
		delete(sums, proto)
	}
	for _, n := range sums {
		rest -= n
	}
	if math.Abs(rest) > 1e-6 || len(sums) == 0 {
		t.Errorf("others have %v octets too many", rest)
	}
	if busiest < 3 { // a flow of 20 seconds
		t.Errorf("nothing is spread over bins")
	}
}

func number(t *testing.T, s string) float64 {
	t.Helper()
	n, err := strconv.ParseUint(s, 10, 53)
	if err != nil {
		t.Fatal(err)
	}
	return float64(n)
}

// sendSame sends testdata/same, moved by whole seconds so that its times are
// recent, from the addresses that its exporters have, a socket each.
func sendSame(t *testing.T, to netip.AddrPort, shift time.Duration) {
	t.Helper()
	sockets := map[netip.AddrPort]*net.UDPConn{}
	for _, p := range samePackets(t) {
		c := sockets[p.Src]
		if c == nil {
			var err error
			c, err = net.DialUDP("udp4", &net.UDPAddr{IP: p.Src.Addr().AsSlice()}, net.UDPAddrFromAddrPort(to))
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			sockets[p.Src] = c
		}
		moveTimes(p, shift)
		if _, err := c.Write(p.Payload); err != nil {
			t.Fatal(err)
		}
	}
	if len(sockets) != 3 {
		t.Fatalf("%d exporters", len(sockets))
	}
}

// moveTimes moves the header's export time and all milliseconds since 1970 of a
// datagram. The latter are recognised by their value: nothing else in the
// capture is within an hour of its own time.
func moveTimes(p pcap.Packet, shift time.Duration) {
	d := p.Payload
	export := d[8:12]
	if binary.BigEndian.Uint16(d) == 10 {
		export = d[4:8]
	}
	binary.BigEndian.PutUint32(export, binary.BigEndian.Uint32(export)+uint32(shift/time.Second))
	lo, hi := uint64(sameEnd.Add(-time.Hour).UnixMilli()), uint64(sameEnd.Add(time.Hour).UnixMilli())
	for i := 16; i+8 <= len(d); {
		if ms := binary.BigEndian.Uint64(d[i:]); ms > lo && ms < hi {
			binary.BigEndian.PutUint64(d[i:], ms+uint64(shift/time.Millisecond))
			i += 8
		} else {
			i++
		}
	}
}

// A grafana is a running binary with one of its datasources.
type grafana struct {
	*drive.Plugin
	context backend.PluginContext
}

// with is another datasource of the same process.
func (g *grafana) with(t *testing.T, jsonData map[string]string) *grafana {
	t.Helper()
	text, err := json.Marshal(jsonData)
	if err != nil {
		t.Fatal(err)
	}
	other := *g
	other.context.DataSourceInstanceSettings = &backend.DataSourceInstanceSettings{
		ID: 2, UID: "weir", Name: "weir", Type: ID, Updated: time.Now(), JSONData: text, DecryptedSecureJSONData: map[string]string{"token": "secret"},
	}
	return &other
}

// call asks for a resource: by POST if there is a body.
func (g *grafana) call(t *testing.T, path, body string) string {
	t.Helper()
	name, _, _ := strings.Cut(path, "?")
	method := "GET"
	if body != "" {
		method = "POST"
	}
	_, all, err := g.Call(t.Context(), &backend.CallResourceRequest{PluginContext: g.context, Path: name, URL: path, Method: method, Body: []byte(body)})
	if err != nil {
		t.Fatal(err)
	}
	return string(all)
}

// startBinary runs it, with a datasource that listens on two ports.
func startBinary(t *testing.T, bin string, env ...string) *grafana {
	t.Helper()
	p, err := drive.Start(bin, env...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	g := &grafana{Plugin: p, context: ofOrg(7)}
	g.context.PluginID = ID
	return g.saved(`{"listen":"udp://127.0.0.1:0,udp://127.0.0.1:0","window_mb":8}`)
}

// saved is the datasource with other settings.
func (g *grafana) saved(jsonData string) *grafana {
	other := *g
	time.Sleep(2 * time.Millisecond) // as Updated is told in milliseconds
	other.context.DataSourceInstanceSettings = &backend.DataSourceInstanceSettings{
		ID: 1, UID: "flows", Name: "flows", Type: ID, Updated: time.Now(), JSONData: []byte(jsonData),
	}
	return &other
}

// CheckHealth is of the datasource.
func (g *grafana) CheckHealth(ctx context.Context, _ *backend.CheckHealthRequest) (*backend.CheckHealthResult, error) {
	return g.Plugin.CheckHealth(ctx, &backend.CheckHealthRequest{PluginContext: g.context})
}

// ask asks the queries at once.
func (g *grafana) ask(t *testing.T, queries ...backend.DataQuery) backend.Responses {
	t.Helper()
	r, err := g.QueryData(t.Context(), &backend.QueryDataRequest{PluginContext: g.context, Queries: queries})
	if err != nil {
		t.Fatal(err)
	}
	return r.Responses
}

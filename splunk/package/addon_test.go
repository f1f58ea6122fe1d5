package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"image/png"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/splunk/internal/addon"
	"github.com/weirflow/weir/splunk/internal/spl"
	"github.com/weirflow/weir/splunk/modinput"
)

// The package is the same each time, sorted, nobody's, and holds no other
// program than weir.
func TestArchive(t *testing.T) {
	dir := t.TempDir()
	for _, b := range binaries {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, b)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, b), []byte("a program"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	var first []byte
	var name string
	for range 2 {
		var err error
		if name, err = run("../..", dir); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = data
		} else if !bytes.Equal(first, data) {
			t.Error("twice is not the same")
		}
	}
	z, err := gzip.NewReader(bytes.NewReader(first))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	seen := map[string]bool{}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, h.Name)
		inner := strings.TrimPrefix(h.Name, "TA-weir/")
		seen[inner] = true
		want := int64(0o644)
		if h.Typeflag == tar.TypeDir || slices.Contains(binaries, inner) {
			want = 0o755
		}
		if h.Mode != want || h.Uid != 0 || h.Gid != 0 || h.Uname != "" || h.ModTime.Unix() != 1577836800 {
			t.Errorf("%+v", h)
		}
		if base := filepath.Base(h.Name); strings.HasPrefix(base, ".") || strings.HasSuffix(base, "~") {
			t.Errorf("%s is in the package", h.Name)
		}
	}
	if !slices.IsSorted(names) {
		t.Errorf("not sorted: %v", names)
	}
	for _, n := range append(binaries, "app.manifest", "LICENSE.txt", "README.md", "README/inputs.conf.spec", "metadata/default.meta",
		"default/app.conf", "default/inputs.conf", "default/props.conf", "default/transforms.conf", "default/eventtypes.conf", "default/tags.conf",
		"default/macros.conf", "default/savedsearches.conf", "default/data/ui/nav/default.xml",
		"lookups/weir_ports.csv", "static/appIcon.png", "static/appIcon_2x.png") {
		if !seen[n] {
			t.Errorf("the package lacks %s", n)
		}
	}
}

// app.conf and app.manifest say the same; every .conf can be read.
func TestManifest(t *testing.T) {
	files, _ := built(t)
	var m struct {
		Info struct {
			Title, Description string
			ID                 struct{ Name, Version string }
		}
	}
	if err := json.Unmarshal(files["app.manifest"].Data, &m); err != nil {
		t.Fatal(err)
	}
	for name, f := range files {
		if strings.HasSuffix(name, ".conf") || strings.HasSuffix(name, ".meta") {
			if _, err := spl.ParseConf(string(f.Data)); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	conf, _ := spl.ParseConf(string(files["default/app.conf"].Data))
	for _, x := range [][2]string{
		{m.Info.ID.Name, addon.ID}, {m.Info.ID.Name, spl.Find(conf, "id").Of["name"]}, {m.Info.ID.Name, spl.Find(conf, "package").Of["id"]},
		{m.Info.ID.Version, spl.Find(conf, "id").Of["version"]}, {m.Info.ID.Version, spl.Find(conf, "launcher").Of["version"]},
		{m.Info.Description, spl.Find(conf, "launcher").Of["description"]}, {m.Info.Title, spl.Find(conf, "ui").Of["label"]},
	} {
		if x[0] != x[1] || x[0] == "" {
			t.Errorf("%q is not %q", x[0], x[1])
		}
	}
}

func TestIcons(t *testing.T) {
	files, _ := built(t)
	for name, size := range map[string]int{"appIcon.png": 36, "appIcon_2x.png": 72, "appIconAlt.png": 36, "appIconAlt_2x.png": 72} {
		c, err := png.DecodeConfig(bytes.NewReader(files["static/"+name].Data))
		if err != nil || c.Width != size || c.Height != size {
			t.Errorf("%s: %+v, %v", name, c, err)
		}
	}
}

// The three forms of a flow give the same fields.
func TestFormsAreAlike(t *testing.T) {
	_, a := built(t)
	first := spl.Find(a.Props, "weir:flow")
	for _, name := range []string{"weir:flow:kv", "weir:flow:json"} {
		s := spl.Find(a.Props, name)
		for _, k := range slices.Concat(first.Keys, s.Keys) {
			if strings.Contains(k, "KV_") || strings.HasPrefix(k, "REPORT-") {
				continue
			}
			if s.Of[k] != first.Of[k] {
				t.Errorf("[%s] %s = %s, but [weir:flow] has %s", name, k, s.Of[k], first.Of[k])
			}
		}
	}
}

// bytes_in is a column of flows that go both ways.
func columns(t *testing.T, a *spl.Addon) []string {
	t.Helper()
	x := spl.Find(a.Transforms, "weir_flow_columns")
	var names []string
	for f := range strings.SplitSeq(x.Of["FIELDS"], ",") {
		names = append(names, strings.Trim(f, `" `))
	}
	return append(names, "bytes_in", "packets_in", "duration")
}

// usage are the fields of Splunk's own events that the add-on reads.
var usage = strings.Fields("type st h b idx")

// What EVALs and LOOKUPs read is there.
func TestPropsReadColumns(t *testing.T) {
	_, a := built(t)
	own := written(t, a)
	for sourcetype, given := range map[string][]string{
		"weir:flow": columns(t, a), "weir:flow:kv": columns(t, a), "weir:flow:json": columns(t, a), "weir:finding": fields(own["weir:finding"]),
		"weir:stats": fields(own["weir:stats"]), "weir:option": fields(own["weir:option"]), "weir:counter": fields(own["weir:counter"]),
	} {
		// Lookups see what EVALs and other lookups give.
		have := slices.Concat(given, a.Fields(sourcetype), []string{"host", "_time", "_raw"})
		for _, f := range a.Wanted(sourcetype) {
			if !slices.Contains(have, f) {
				t.Errorf("[%s] reads %s, which there is not", sourcetype, f)
			}
		}
	}
}

var (
	query = regexp.MustCompile(`(?s)<search(?: id="(\w+)")?(?: base="(\w+)")?>\s*<query>(.*?)</query>`)
	entry = regexp.MustCompile(`\$(\w+)(\|s)?\$`)
)

// Every search of dashboards, reports and macros asks for fields that there are.
func TestSearches(t *testing.T) {
	files, a := built(t)
	own := written(t, a)
	have := func(search string) []string {
		switch {
		case strings.Contains(search, "weir_flows"):
			return slices.Concat(columns(t, a), a.Fields("weir:flow"))
		case strings.Contains(search, "weir_findings"):
			return fields(own["weir:finding"])
		case strings.Contains(search, "weir_stats"):
			return fields(own["weir:stats"])
		case strings.Contains(search, `"weir:option"`):
			return fields(own["weir:option"])
		case strings.HasPrefix(search, "index=_internal"):
			return usage
		}
		return nil
	}
	n := 0
	check := func(where, search string) {
		t.Helper()
		n++
		unknown, err := a.Check(search, have(search))
		if err != nil {
			t.Errorf("%s: %v", where, err)
		}
		if len(unknown) > 0 {
			t.Errorf("%s: nothing gives %v: %s", where, unknown, search)
		}
	}
	views := map[string]bool{}
	for name, f := range files {
		view, ok := strings.CutPrefix(name, "default/data/ui/views/")
		if !ok {
			continue
		}
		views[strings.TrimSuffix(view, ".xml")] = true
		var form struct {
			XMLName xml.Name
			Version string `xml:"version,attr"`
			Label   string `xml:"label"`
			Inputs  []struct {
				Token   string `xml:"token,attr"`
				Default string `xml:"default"`
			} `xml:"fieldset>input"`
		}
		if err := xml.Unmarshal(f.Data, &form); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if form.XMLName.Local != "form" || form.Version != "1.1" || form.Label == "" {
			t.Errorf("%s: %+v", name, form)
		}
		tokens := map[string]string{"time.earliest": "", "time.latest": ""}
		for _, i := range form.Inputs {
			tokens[i.Token] = i.Default
		}
		bases := map[string]string{}
		all := query.FindAllSubmatch(f.Data, -1)
		if len(all) != bytes.Count(f.Data, []byte("<query>")) {
			t.Errorf("%s has a query that isn't read", name)
		}
		for _, m := range all {
			var text string
			if err := xml.Unmarshal(slices.Concat([]byte("<q>"), m[3], []byte("</q>")), &text); err != nil {
				t.Fatal(err)
			}
			if base := string(m[2]); base != "" {
				if bases[base] == "" {
					t.Errorf("%s has no search %s before it is used", name, base)
				}
				text = bases[base] + " | " + text
			}
			bases[string(m[1])] = text
			text = entry.ReplaceAllStringFunc(text, func(s string) string {
				k := entry.FindStringSubmatch(s)
				v, ok := tokens[k[1]]
				if !ok {
					t.Errorf("%s has no input for %s", name, s)
				}
				if k[2] != "" {
					v = strconv.Quote(v)
				}
				return v
			})
			check(name, text)
		}
	}
	saved, err := spl.ParseConf(string(files["default/savedsearches.conf"].Data))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range saved {
		if s.Of["disabled"] != "1" || s.Of["enableSched"] != "0" {
			t.Errorf("[%s] is on", s.Name)
		}
		check(s.Name, s.Of["search"])
	}
	for _, m := range a.Macros {
		text := m.Of["definition"]
		if strings.HasPrefix(text, `"`) {
			continue // a value
		}
		if strings.HasPrefix(text, "eval ") || strings.HasPrefix(text, "addinfo ") {
			text = "`weir_flows` | `weir_scaled` | " + strings.ReplaceAll(text, "$span$", "300")
		}
		check("["+m.Name+"]", text)
	}
	nav := string(files["default/data/ui/nav/default.xml"].Data)
	for v := range views {
		if !strings.Contains(nav, `<view name="`+v+`"`) {
			t.Errorf("no way leads to %s", v)
		}
	}
	if len(views) != 10 || n < 60 {
		t.Errorf("%d views, %d searches", len(views), n)
	}
}

// A search that asks for what there is not is found out.
func TestSearchesAreReallyRead(t *testing.T) {
	_, a := built(t)
	f := func(search string, want ...string) {
		t.Helper()
		got, err := a.Check(search, slices.Concat(columns(t, a), a.Fields("weir:flow")))
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %v, %v", search, got, err)
		}
	}
	f("`weir_flows` dvc=x | stats sum(bytes) AS b BY src")
	f("`weir_flows` device=x | stats count", "device")
	f("`weir_flows` | stats sum(byte) AS b BY src, dst", "byte", "dst")
	f("`weir_flows` | stats sum(bytes) AS b BY src | sort 0 -bytes", "bytes")
	f("`weir_flows` | eval x=if(y>0, bytes, 1) | table x", "y")
	f("`weir_flows` | stats sum(eval(if(acton=\"a\", 1, 0))) AS n", "acton")
	if _, err := a.Check("`weir_flow`", nil); err == nil {
		t.Error("a macro that isn't there is taken")
	}
	if _, err := a.Check("index=x | foreach bytes", nil); err == nil {
		t.Error("a command that isn't known is taken")
	}
}

// Of both directions of a conversation there is what went that way, from whom to
// whom: no more and no less than when each flow is an event.
func TestWays(t *testing.T) {
	_, a := built(t)
	sums := func(format modinput.Format, stitch bool, b *flow.Batch) map[string]float64 {
		var all []spl.Event
		for _, e := range events(t, format, stitch, b) {
			ev, err := a.Event(e.Sourcetype, e.Host, e.Time, e.Data)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, ev)
		}
		ways, err := a.Run("`weir_scaled` | `weir_ways`", all)
		if err != nil {
			t.Fatal(err)
		}
		sum := map[string]float64{}
		for _, ev := range ways {
			for _, of := range []string{"scaled_bytes", "scaled_packets"} {
				if n, ok := spl.Number(ev[of]); ok && n > 0 {
					sum[fmt.Sprint(of, ev["src"], ev["src_port"], ev["dest"], ev["dest_port"], ev["host"])] += n
				}
			}
		}
		return sum
	}
	n := 0
	captures(t, func(name string, b *flow.Batch) {
		alone := sums(modinput.PSV, false, b)
		if got := sums(modinput.PSV, true, b); !maps.Equal(got, alone) {
			t.Errorf("%s: stitched there are %v, alone %v", name, got, alone)
		}
		n += len(alone)
	})
	if n < 1000 {
		t.Errorf("%d sums", n)
	}

	// An answer goes back the way that the flow has come.
	ways, err := a.Run("`weir_scaled` | `weir_ways`", []spl.Event{{
		"src": "10.0.0.1", "dest": "192.0.2.1", "src_interface": "1", "dest_interface": "2", "in_if_name": "lan", "out_if_name": "wan", "src_as": "0", "dst_as": "64500",
		"bytes": "1100", "bytes_out": "100", "bytes_in": "1000", "packets": "3", "packets_out": "1", "packets_in": "2", "sampling_rate": "10", "perimeter": "outbound", "direction": "outbound",
	}, {"src": "10.0.0.1", "dest": "192.0.2.2"}})
	if err != nil || len(ways) != 3 {
		t.Fatalf("%v, %v", ways, err)
	}
	for i, want := range []spl.Event{
		{"src": "10.0.0.1", "src_interface": "1", "dest_interface": "2", "in_if_name": "lan", "dst_as": "64500", "scaled_bytes": 1000.0, "scaled_packets": 10.0, "direction": "outbound"},
		{"src": "192.0.2.1", "dest": "10.0.0.1", "src_interface": "2", "dest_interface": "1", "in_if_name": "wan", "out_if_name": "lan", "src_as": "64500", "dst_as": "0",
			"scaled_bytes": 10000.0, "scaled_packets": 20.0, "direction": "inbound"},
		{"src": "10.0.0.1", "dest": "192.0.2.2", "scaled_bytes": nil},
	} {
		for k, v := range want {
			if ways[i][k] != v {
				t.Errorf("%d: %s is %v, want %v", i, k, ways[i][k], v)
			}
		}
	}
}

// Bins before the search's time are left out; those in it are as ever.
func TestSpreadFromTheBeginning(t *testing.T) {
	_, a := built(t)
	bins, err := a.Run("`weir_scaled` | `weir_spread(300)`", []spl.Event{
		{"start_time": "1795305000", "end_time": "1795306200", "bytes": "1200", "info_min_time": "1795305750.000"},
		{"start_time": "1795305000", "end_time": "1795305600", "bytes": "1200", "info_min_time": "1795305600.000"}, // it ends where the time begins
	})
	var got []any
	for _, b := range bins {
		got = append(got, b["_time"], b["scaled_bytes"])
	}
	if want := []any{"1795305600", 300.0, "1795305900", 300.0, "1795305600", 0.0}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, want %v; %v", got, want, err)
	}
}

// A flow without times has that of its arrival.
func TestSpreadWithoutTimes(t *testing.T) {
	_, a := built(t)
	bins, err := a.Run("`weir_scaled` | `weir_spread(300)`", []spl.Event{{"_time": 1795305700.5, "bytes": "1000"}})
	if err != nil || len(bins) != 1 || bins[0]["_time"] != "1795305600" || bins[0]["scaled_bytes"] != 1000.0 {
		t.Errorf("%v, %v", bins, err)
	}
}

// SEMANTICS, Rates over time: the bins add up to the flow, each has its share,
// and a flow of no duration goes into one bin.
func TestSpread(t *testing.T) {
	_, a := built(t)
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		span := []int{1, 60, 300, 3600}[r.IntN(4)]
		start := 1795305600 + float64(r.IntN(7_200_000))/1000
		length := []float64{0, 0.001, r.Float64() * 10, float64(r.IntN(20 * span)), float64(span)}[r.IntN(5)]
		if r.IntN(4) == 0 {
			start = float64(int(start) / span * span)
		}
		end := start + length
		bytes, packets, rate := r.IntN(1<<40), r.IntN(1000), []int{0, 1, 1000}[r.IntN(3)]
		ev := spl.Event{
			"start_time": strconv.FormatFloat(start, 'f', 6, 64), "end_time": strconv.FormatFloat(end, 'f', 6, 64),
			"bytes": strconv.Itoa(bytes), "packets": strconv.Itoa(packets),
		}
		if rate > 0 {
			ev["sampling_rate"] = strconv.Itoa(rate)
		}
		bins, err := a.Run(fmt.Sprintf("`weir_scaled` | `weir_spread(%d)`", span), []spl.Event{ev})
		if err != nil {
			t.Fatal(err)
		}
		rate = max(rate, 1)
		var sumBytes, sumPackets float64
		for i, b := range bins {
			n, _ := spl.Number(b["scaled_bytes"])
			p, _ := spl.Number(b["scaled_packets"])
			at, _ := spl.Number(b["_time"])
			if n < 0 || p < 0 || int(at)%span != 0 || i > 0 && bins[i-1]["_time"] == b["_time"] {
				t.Fatalf("%v: bin %d: %v", ev, i, b)
			}
			if length > 0 {
				share := float64(bytes*rate) * (min(at+float64(span), end) - max(at, start)) / (end - start)
				off := 2 + float64(bytes*rate)*1e-6/length // a double has these seconds to a quarter of a microsecond
				if n < share-off || n > share+off {
					t.Fatalf("%v: bin %v has %v of %v, want %v", ev, at, n, bytes*rate, share)
				}
			}
			sumBytes, sumPackets = sumBytes+n, sumPackets+p
			if slices.ContainsFunc(slices.Collect(maps.Keys(b)), func(k string) bool { return strings.HasPrefix(k, "weir_") }) {
				t.Fatalf("left over: %v", b)
			}
		}
		if sumBytes != float64(bytes*rate) || sumPackets != float64(packets*rate) {
			t.Fatalf("%v: %v bytes and %v packets of %d and %d, times %d", ev, sumBytes, sumPackets, bytes, packets, rate)
		}
		if length == 0 && len(bins) != 1 {
			t.Fatalf("%v: %d bins", ev, len(bins))
		}
	}
}

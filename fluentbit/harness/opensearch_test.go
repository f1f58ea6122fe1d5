//go:build real

package harness

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/weirflow/weir/fluentbit/internal/same"
	"github.com/weirflow/weir/shared/pcap"
	"github.com/weirflow/weir/testdata"
)

// TestOpenSearch indexes what in_weir gives to Fluent Bit, as Fluent Bit would,
// in an OpenSearch node that has the index template that we ship.
func TestOpenSearch(t *testing.T) {
	if _, err := os.Stat(weir); err != nil {
		t.Fatalf("%v: make build", err)
	}
	for _, program := range []string{"softflowd", "python3"} {
		if _, err := exec.LookPath(program); err != nil && os.Getenv("CI") == "true" {
			t.Fatalf("%s is not installed: run testdata/make/install.sh", program)
		} else if err != nil {
			t.Skipf("%s is not installed: run testdata/make/install.sh", program)
		}
	}
	up := startNode(t)
	build(t) // meanwhile
	n := up()
	template, err := os.ReadFile("../conf/index-template.json")
	if err != nil {
		t.Fatal(err)
	}
	var ok struct{ Acknowledged bool }
	if n.do(t, "PUT", "/_index_template/weir-netflow", template, &ok); !ok.Acknowledged {
		t.Fatal("the template was not taken")
	}
	t.Run("softflowd", func(t *testing.T) { openSearchSoftflowd(t, n) })
	t.Run("captures", func(t *testing.T) { openSearchCaptures(t, n) })
}

// weir is the command, which make build has built.
const weir = "../../bin/weir"

// A record is what weir decode says of a flow.
type record struct {
	Addr    string `json:"src_addr"`
	Bytes   uint64
	Packets uint64
	Proto   int
	End     int64
}

func decode(t *testing.T, capture string) (records []record) {
	t.Helper()
	out, err := exec.Command(weir, "decode", "--profile", "flat", capture).Output()
	if err != nil {
		t.Fatalf("weir decode %s: %v", capture, err)
	}
	for line := range bytes.Lines(out) {
		var r record
		if err := json.Unmarshal(line, &r); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		records = append(records, r)
	}
	return records
}

// softflowd's sums in the index are those of its datagrams, as weir decode reads
// them, and those that it prints itself.
func openSearchSoftflowd(t *testing.T, n *node) {
	p := start(t, nil, []string{"listeners=udp://127.0.0.1:0", "schema=ecs"})
	datagrams, said := softflowd(t, p.addrs(t, 1)["ecs"])
	records := decode(t, datagrams)
	var sent totals
	talkers := map[string]uint64{}
	for _, r := range records {
		sent.flows++
		sent.packets += r.Packets
		sent.bytes += r.Bytes
		talkers[r.Addr] += r.Bytes
	}
	if sent != said || sent.flows == 0 {
		t.Fatalf("softflowd says %+v, its datagrams %+v", said, sent)
	}

	const index = "logs-netflow.log-softflowd"
	n.index(t, index, p.all(t, func(events []same.Event) bool {
		flows := 0
		for _, e := range events {
			if _, ok := e.Record["network.bytes"]; ok {
				flows++
			}
		}
		return flows >= sent.flows
	}))

	const flows = `{"exists":{"field":"network.bytes"}}`
	type sum struct{ Value float64 }
	var a struct {
		Hits         struct{ Total struct{ Value int } }
		Aggregations struct {
			Bytes, Packets sum
			Talkers        struct {
				Buckets []struct {
					Key   string
					Bytes sum
				}
			}
		}
	}
	n.search(t, index, `{"size":0,"track_total_hits":true,"query":`+flows+`,"aggs":{
		"bytes":{"sum":{"field":"network.bytes"}},"packets":{"sum":{"field":"network.packets"}},
		"talkers":{"terms":{"field":"source.ip","size":1000,"order":{"bytes":"desc"}},"aggs":{"bytes":{"sum":{"field":"source.bytes"}}}}}}`, &a)
	if got := (totals{a.Hits.Total.Value, uint64(a.Aggregations.Packets.Value), uint64(a.Aggregations.Bytes.Value)}); got != sent {
		t.Errorf("the index has %+v, softflowd sent %+v", got, sent)
	}
	indexed := map[string]uint64{}
	for _, b := range a.Aggregations.Talkers.Buckets {
		indexed[b.Key] = uint64(b.Bytes.Value)
	}
	if !maps.Equal(indexed, talkers) {
		t.Errorf("octets by source in the index are %v, sent were %v", indexed, talkers)
	}
	if first := a.Aggregations.Talkers.Buckets[0]; uint64(first.Bytes.Value) != slices.Max(slices.Collect(maps.Values(talkers))) {
		t.Errorf("the top talker is %+v, sent were %v", first, talkers)
	}

	f := func(filter string, want func(record) bool) {
		t.Helper()
		sent := 0
		for _, r := range records {
			if want(r) {
				sent++
			}
		}
		if sent == 0 || sent == len(records) {
			t.Errorf("%s is for %d of %d records", filter, sent, len(records))
		}
		if got := n.count(t, index, `{"bool":{"filter":[`+flows+`,`+filter+`]}}`); got != sent {
			t.Errorf("%s finds %d, sent were %d", filter, got, sent)
		}
	}
	within := func(prefix string) func(record) bool {
		return func(r record) bool { return netip.MustParsePrefix(prefix).Contains(netip.MustParseAddr(r.Addr)) }
	}
	for _, prefix := range []string{"10.20.0.0/16", "198.51.100.0/25", "2001:db8:20::/48"} {
		f(`{"term":{"source.ip":"`+prefix+`"}}`, within(prefix))
	}
	f(`{"term":{"network.transport":"tcp"}}`, func(r record) bool { return r.Proto == 6 })
	f(`{"range":{"network.bytes":{"gte":1000}}}`, func(r record) bool { return r.Bytes >= 1000 })
	ends := []int64{}
	for _, r := range records {
		ends = append(ends, r.End/1e6) // Fluent Bit writes milliseconds
	}
	slices.Sort(ends)
	from, to := ends[len(ends)/4], ends[len(ends)*3/4]
	stamp := func(ms int64) string { return time.UnixMilli(ms).UTC().Format(time.RFC3339Nano) }
	f(`{"range":{"@timestamp":{"gte":"`+stamp(from)+`","lt":"`+stamp(to)+`"}}}`, func(r record) bool {
		return r.End/1e6 >= from && r.End/1e6 < to
	})
}

// Every capture that we have is indexed without an error.
func openSearchCaptures(t *testing.T, n *node) {
	p := start(t, nil, []string{"listeners=udp://127.0.0.1:0", "schema=ecs"})
	to := p.addrs(t, 1)["ecs"]
	exporter, records := netip.MustParseAddr("127.1.0.0"), 0
	err := fs.WalkDir(testdata.FS, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".pcap" || strings.HasPrefix(path, "same/") {
			return err
		}
		exporter = exporter.Next()
		records += len(decode(t, filepath.Join("../../testdata", path)))
		return send(path, exporter, to)
	})
	if err != nil {
		t.Fatal(err)
	}
	const index = "logs-netflow.log-captures"
	n.index(t, index, p.all(t, func(events []same.Event) bool { return len(events) >= records }))
	var a struct {
		Aggregations struct {
			Versions struct{ Buckets []struct{ Key int } }
		}
	}
	n.search(t, index, `{"size":0,"aggs":{"versions":{"terms":{"field":"netflow.exporter.version","order":{"_key":"asc"}}}}}`, &a)
	var versions []int
	for _, b := range a.Aggregations.Versions.Buckets {
		versions = append(versions, b.Key)
	}
	if want := []int{1, 5, 6, 7, 8, 9, 10, 105}; !slices.Equal(versions, want) {
		t.Errorf("the index has records of the versions %v, want %v", versions, want)
	}
}

type totals struct {
	flows          int
	packets, bytes uint64
}

var (
	exported = regexp.MustCompile(`Flows exported: \d+ \((\d+) records\)`)
	protocol = regexp.MustCompile(`(?m)^ *\S+ \(\d+\): +(\d+) +(\d+) `)
)

// softflowd sends the flows of a minute of traffic to the plugin. It returns a
// capture of its datagrams, and what it has counted.
func softflowd(t *testing.T, to netip.AddrPort) (capture string, said totals) {
	t.Helper()
	dir := t.TempDir()
	traffic := filepath.Join(dir, "traffic.pcap")
	make := exec.Command("python3", "../../testdata/make/traffic.py", traffic, strconv.FormatInt(time.Now().Unix()-55, 10))
	if out, err := make.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	between, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer between.Close()
	capture = filepath.Join(dir, "datagrams.pcap")
	file, err := os.Create(capture)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	w, err := pcap.NewWriter(file)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("softflowd", "-r", traffic, "-a", "-d", "-c", "none", "-p", filepath.Join(dir, "pid"), "-v", "9",
		"-n", between.LocalAddr().String())
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if m := exported.FindSubmatch(out); m != nil {
		said.flows, _ = strconv.Atoi(string(m[1]))
	}
	for _, m := range protocol.FindAllSubmatch(out, -1) {
		octets, _ := strconv.ParseUint(string(m[1]), 10, 64)
		packets, _ := strconv.ParseUint(string(m[2]), 10, 64)
		said.bytes += octets
		said.packets += packets
	}
	t.Logf("softflowd says %+v", said)

	between.SetReadDeadline(time.Now().Add(time.Second)) // all are in the socket
	for b := [1 << 16]byte{}; ; {
		size, from, err := between.ReadFromUDPAddrPort(b[:])
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return capture, said
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := w.WriteUDP(time.Now().UnixNano(), from, to, b[:size]); err != nil {
			t.Fatal(err)
		}
		if _, err := between.WriteToUDPAddrPort(b[:size], to); err != nil {
			t.Fatal(err)
		}
	}
}

// send sends the datagrams of a capture, from an address that no other has.
func send(path string, from netip.Addr, to netip.AddrPort) error {
	f, err := testdata.FS.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	r, err := pcap.NewReader(f)
	if err != nil {
		return err
	}
	c, err := net.DialUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(from, 0)), net.UDPAddrFromAddrPort(to))
	if err != nil {
		return err
	}
	defer c.Close()
	for {
		p, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if _, err := c.Write(p.Payload); err != nil {
			return err
		}
	}
}

// all waits until enough events of instance 0 have come and no more come, and
// ends the harness.
func (p *process) all(t *testing.T, enough func([]same.Event) bool) (events []same.Event) {
	t.Helper()
	until(t, "the events", func() bool {
		before := len(events)
		events = p.events(t, 0, 0)
		if !enough(events) {
			return false
		}
		time.Sleep(300 * time.Millisecond)
		return len(events) == before
	})
	if code := p.end(t); code != 0 {
		t.Errorf("status %d", code)
	}
	return p.events(t, 0, len(events))
}

// index indexes events as Fluent Bit's outputs es and opensearch do, and checks
// that the index holds all of each.
func (n *node) index(t *testing.T, index string, events []same.Event) {
	t.Helper()
	var body bytes.Buffer
	w := bufio.NewWriter(&body)
	for _, e := range events {
		e.Map["@timestamp"] = e.Time.Format("2006-01-02T15:04:05.000Z")
		document, err := json.Marshal(e.Map)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(w, "{\"create\":{\"_index\":%q}}\n%s\n", index, document)
	}
	w.Flush()
	var a struct {
		Errors bool
		Items  []struct {
			Create struct {
				Status int
				Error  json.RawMessage
			}
		}
	}
	n.do(t, "POST", "/_bulk?refresh=true", body.Bytes(), &a)
	failed := 0
	for i, item := range a.Items {
		if item.Create.Status == 201 {
			continue
		}
		if failed++; failed <= 5 {
			t.Errorf("event %v: %s", events[i].Map, item.Create.Error)
		}
	}
	if failed > 0 || a.Errors || len(a.Items) != len(events) {
		t.Errorf("of %d events, %d were answered and %d failed", len(events), len(a.Items), failed)
	}
	if got := n.count(t, index, `{"match_all":{}}`); got != len(events) {
		t.Errorf("the index has %d documents, want %d", got, len(events))
	}

	var mappings map[string]struct {
		Mappings struct{ Properties map[string]any }
	}
	n.do(t, "GET", "/"+index+"/_mapping", nil, &mappings)
	types := map[string]string{}
	for _, m := range mappings {
		fieldTypes(types, "", m.Mappings.Properties)
	}
	if types["source.ip"] != "ip" {
		t.Errorf("source.ip is a %q: the template isn't used", types["source.ip"])
	}
	for name, typ := range types {
		if typ == "text" {
			t.Errorf("%s is a text", name)
		}
	}
	// A value that its field didn't take is kept but not indexed: a long text may be.
	var ignored struct {
		Hits struct {
			Hits []struct {
				Ignored []string `json:"_ignored"`
				Source  any      `json:"_source"`
			}
		}
	}
	n.search(t, index, `{"size":1000,"query":{"exists":{"field":"_ignored"}}}`, &ignored)
	said := map[string]bool{}
	for _, h := range ignored.Hits.Hits {
		for _, name := range h.Ignored {
			if types[name] != "keyword" && !said[name] {
				said[name] = true
				t.Errorf("%s, a %s, did not take its value in %v", name, types[name], h.Source)
			}
		}
	}
	t.Logf("%d documents of %d octets, %d fields", len(events), body.Len(), len(types))
}

// fieldTypes gathers the types of fields by their dotted names.
func fieldTypes(dst map[string]string, prefix string, properties map[string]any) {
	for name, v := range properties {
		o := v.(map[string]any)
		if typ, ok := o["type"].(string); ok {
			dst[prefix+name] = typ
		}
		for _, inner := range []string{"properties", "fields"} {
			if in, ok := o[inner].(map[string]any); ok {
				fieldTypes(dst, prefix+name+".", in)
			}
		}
	}
}

package modinput

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/weirflow/weir/shared/flow"
)

// An xmlEvent is an event as another XML reader sees it.
type xmlEvent struct {
	Stanza     string   `xml:"stanza,attr"`
	Time       string   `xml:"time"`
	Sourcetype string   `xml:"sourcetype"`
	Host       string   `xml:"host"`
	Data       string   `xml:"data"`
	More       []string `xml:",any"`
}

func parseEvent(t testing.TB, line []byte) xmlEvent {
	t.Helper()
	var e xmlEvent
	if err := xml.Unmarshal(line, &e); err != nil {
		t.Fatalf("%v in %q", err, line)
	}
	return e
}

// byColumn takes an event's data in the format psv apart.
func byColumn(t testing.TB, data string) map[string]string {
	t.Helper()
	values := strings.Split(data, "|")
	if len(values) > len(columns) {
		t.Fatalf("%d values for %d columns: %q", len(values), len(columns), data)
	}
	m := map[string]string{}
	for i, v := range values {
		if v != "" {
			m[columns[i]] = v
		}
	}
	return m
}

// byEvals takes an event in the format psv apart, and adds the fields that
// props.conf computes:
//
//	dvc_ip = coalesce(dvc_ip, host)
//	end_time = coalesce(end_time, if(isnotnull(duration), _time, null()))
//	start_time = coalesce(start_time, _time - duration)
func byEvals(t testing.TB, e xmlEvent) map[string]string {
	t.Helper()
	m := byColumn(t, e.Data)
	if m["dvc_ip"] == "" && e.Host != "" {
		m["dvc_ip"] = e.Host
	}
	if d, ok := m["duration"]; ok {
		if m["end_time"] == "" {
			m["end_time"] = e.Time
		}
		if m["start_time"] == "" {
			ms := millis(t, e.Time) - millis(t, d)
			m["start_time"] = fmt.Sprintf("%d.%03d", ms/1000, ms%1000)
		}
	}
	return m
}

// millis reads a number with up to three decimals.
func millis(t testing.TB, s string) int64 {
	t.Helper()
	sec, frac, _ := strings.Cut(s, ".")
	n, err := strconv.ParseInt(sec+(frac + "000")[:3], 10, 64)
	if err != nil || len(frac) > 3 {
		t.Fatalf("%q is no time in milliseconds", s)
	}
	return n
}

// sample returns a batch with one flow: an address, times, a MAC and texts.
func sample(app, user string) (*flow.Batch, *flow.Flow) {
	b := new(flow.Batch)
	f := &b.Grow(1)[0]
	*f = flow.Flow{
		Set: flow.SetOf(flow.FieldStart, flow.FieldEnd, flow.FieldReceived, flow.FieldBytes, flow.FieldPackets,
			flow.FieldSrcAddr, flow.FieldDstAddr, flow.FieldSrcPort, flow.FieldDstPort, flow.FieldProto,
			flow.FieldTCPFlags, flow.FieldTOS, flow.FieldInIf, flow.FieldOutIf, flow.FieldSrcAS, flow.FieldDstAS,
			flow.FieldExporter, flow.FieldDomain, flow.FieldVersion, flow.FieldSrcMask, flow.FieldDstMask),
		Start:   1_795_305_600_001_000_000,
		End:     1_795_305_601_250_750_000,
		SrcAddr: flow.AddrFrom4([4]byte{10, 1, 2, 3}), DstAddr: flow.AddrFrom4([4]byte{203, 0, 113, 255}),
		SrcPort: 50123, DstPort: 443, Proto: 6, Bytes: 1 << 40, Packets: 12, TCPFlags: 27,
		InIf: 7, OutIf: 4294967295, SrcAS: 64512, DstAS: 13335, Version: 10,
		Exporter: flow.AddrFrom4([4]byte{192, 0, 2, 1}), Domain: 256, SrcMask: 24,
		Received: 1_795_305_602_000_000_001,
	}
	if app != "" {
		f.AppName = b.Strings.Intern([]byte(app))
		f.Set.Add(flow.FieldAppName)
	}
	if user != "" {
		f.User = b.Strings.Intern([]byte(user))
		f.Set.Add(flow.FieldUser)
	}
	return b, f
}

// addExtras gives f elements without a column.
func addExtras(b *flow.Batch, f *flow.Flow, extras ...flow.Element) func(values ...string) {
	return func(values ...string) {
		n := 0
		for _, v := range values {
			n += flow.ExtraHeader + len(v)
		}
		off, buf := b.Arena(n)
		for i, v := range values {
			flow.PutExtraHeader(buf, extras[i], uint16(len(v)))
			copy(buf[flow.ExtraHeader:], v)
			buf = buf[flow.ExtraHeader+len(v):]
		}
		f.SetExtra(off, uint32(n))
	}
}

func TestEvent(t *testing.T) {
	b, f := sample("ssh", `CORP\jane`)
	f.SrcMAC = 0x001b213c9df8
	f.AppID = 13<<56 | 453
	f.Set.Add(flow.FieldSrcMAC)
	f.Set.Add(flow.FieldAppID)
	addExtras(b, f, flow.Element{ID: 82}, flow.Element{PEN: 64999, ID: 12345}, flow.Element{ID: 160}, flow.Element{ID: 291})(
		"Gi0/1;x=y\x00\x00", "\x01\xff", "\x00\x00\x01\xa2\x00\x8d\x74\x01", // 1795305600001
		"\x01\x03\x00\x00\x00\x01\x00\x00\x00\x04\x00\x00\x00\x00\x00\x52\xff\xff\x03a|b") // a basicList
	got := string(Layout{AllColumns: true}.NewEncoder("weir://core", "weir:flow").Append(nil, b, f))

	want := map[string]string{
		"start_time": "1795305600.001", "end_time": "1795305601.250750", "received_time": "1795305602.000000001", "duration": "1.249",
		"src_ip": "10.1.2.3", "src_port": "50123", "dest_ip": "203.0.113.255", "dest_port": "443",
		"protocol_number": "6", "tcp_flag": "27", "tos": "0", "bytes_out": "1099511627776", "packets_out": "12",
		"src_interface": "7", "dest_interface": "4294967295", "dvc_ip": "192.0.2.1", "domain": "256", "version": "10",
		"src_as": "64512", "dst_as": "13335", "src_mask": "24", "dst_mask": "0",
		"src_mac": "00:1b:21:3c:9d:f8", "app_id": "13:453", "app": "ssh", "user": `CORP\jane`,
		"extras": `interfaceName=Gi0/1%3Bx=y;64999_12345=0x01ff;systemInitTimeMilliseconds=2026-11-22T00:00:00.001Z;` +
			`basicList={"semantic":"allOf","elements":[{"interfaceName":"a%7Cb"}]}`,
	}
	e := parseEvent(t, []byte(got))
	if m := byColumn(t, e.Data); !maps.Equal(m, want) {
		t.Errorf("got  %v\nwant %v", m, want)
	}
	if e.Stanza != "weir://core" || e.Sourcetype != "weir:flow" || e.Host != "192.0.2.1" || e.Time != "1795305601.250" || e.More != nil {
		t.Errorf("event: %+v", e)
	}
	if strings.Count(got, "\n") != 1 || !strings.HasSuffix(got, "</event>\n") {
		t.Errorf("not one line: %q", got)
	}

	// What time and host say stands in no column, but for what they don't say.
	got = string(NewEncoder(PSV, "weir://core", "weir:flow").Append(nil, b, f))
	delete(want, "dvc_ip")
	delete(want, "received_time")
	if m := byColumn(t, parseEvent(t, []byte(got)).Data); !maps.Equal(m, want) {
		t.Errorf("got  %v\nwant %v", m, want)
	}
	f.End -= 750_000
	got = string(NewEncoder(PSV, "weir://core", "weir:flow").Append(nil, b, f))
	delete(want, "start_time")
	delete(want, "end_time")
	if m := byColumn(t, parseEvent(t, []byte(got)).Data); !maps.Equal(m, want) {
		t.Errorf("got  %v\nwant %v", m, want)
	}
}

// Columns behind the last that has a value are not there.
func TestTight(t *testing.T) {
	b, f := sample("", "")
	f.End -= 750_000
	e := Layout{}.NewRaw()
	check := func(back *flow.Flow, want string) {
		t.Helper()
		if f.SetExtra(0, 0); back != nil {
			addAnswer(b, f, back)
		}
		if got := string(e.AppendRaw(nil, b, f)); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	check(nil, "10.1.2.3|203.0.113.255|50123|443|6|1099511627776|12|||1.249|27|0|7|4294967295|||64512|13335|24|0||10|256")
	back := flow.Flow{Set: flow.SetOf(flow.FieldBytes, flow.FieldPackets, flow.FieldProto), Bytes: 4711, Packets: 3}
	check(&back, "10.1.2.3|203.0.113.255|50123|443|6|1099511627776|12|4711|3|1.249|27|0|7|4294967295|||64512|13335|24|0||10|256")
	e = Layout{Turned: true}.NewRaw()
	check(nil, "10.1.2.3|203.0.113.255|50123|443|6|||1099511627776|12|1.249|27|0|7|4294967295|||64512|13335|24|0||10|256")
	check(&back, "10.1.2.3|203.0.113.255|50123|443|6|4711|3|1099511627776|12|1.249|27|0|7|4294967295|||64512|13335|24|0||10|256")
	f.Set.Del(flow.FieldStart)
	f.Set.Del(flow.FieldDomain)
	f.Set.Del(flow.FieldVersion)
	e = Layout{Format: KV}.NewRaw()
	check(&back, "src_ip=10.1.2.3 dest_ip=203.0.113.255 src_port=50123 dest_port=443 protocol_number=6 bytes_out=1099511627776 packets_out=12 "+
		"bytes_in=4711 packets_in=3 tcp_flag=27 tos=0 src_interface=7 dest_interface=4294967295 src_as=64512 dst_as=13335 src_mask=24 dst_mask=0 end_time=1795305601.250")
	e = Layout{Format: JSON}.NewRaw()
	check(&back, `{"src_ip":"10.1.2.3","dest_ip":"203.0.113.255","src_port":50123,"dest_port":443,"protocol_number":6,"bytes_out":1099511627776,"packets_out":12,`+
		`"bytes_in":4711,"packets_in":3,"tcp_flag":27,"tos":0,"src_interface":7,"dest_interface":4294967295,"src_as":64512,"dst_as":13335,"src_mask":24,"dst_mask":0,"end_time":1795305601.250}`)
}

func TestEventJSON(t *testing.T) {
	b, f := sample("a\"b<c>&", "***SPLUNK*** index=x\r\n")
	addExtras(b, f, flow.Element{ID: 82}, flow.Element{ID: 12})("Gi0/1\ufffe", "\x0a\x00\x00\x01")
	line := Layout{Format: JSON, AllColumns: true}.NewEncoder("weir://core", "weir:flow:json").Append(nil, b, f)
	e := parseEvent(t, line)
	if e.Sourcetype != "weir:flow:json" || strings.ContainsAny(e.Data, "\r\n") || strings.Contains(e.Data, "***") {
		t.Errorf("%q", line)
	}
	var got map[string]any
	if err := json.Unmarshal([]byte(e.Data), &got); err != nil {
		t.Fatalf("%v in %s", err, e.Data)
	}
	for k, v := range map[string]any{
		"src_ip": "10.1.2.3", "dest_interface": 4294967295.0, "start_time": 1795305600.001, "tos": 0.0,
		"app": "a\"b<c>&", "user": "***SPLUNK*** index=x\r\n",
		"extras": map[string]any{"interfaceName": "Gi0/1\ufffd", "destinationIPv4Address": "10.0.0.1"},
	} {
		if fmt.Sprint(got[k]) != fmt.Sprint(v) {
			t.Errorf("%s: %v, want %v", k, got[k], v)
		}
	}
	if _, ok := got["sender"]; ok || len(got) != f.Set.Len()+2 {
		t.Errorf("%d members for %d columns: %s", len(got), f.Set.Len()+2, e.Data)
	}
}

func TestEmptyFlow(t *testing.T) {
	b := new(flow.Batch)
	f := &b.Grow(1)[0]
	*f = flow.Flow{}
	e := parseEvent(t, NewEncoder(PSV, "weir://core", "s").Append(nil, b, f))
	if m := byColumn(t, e.Data); len(m) != 0 || e.Host != "" || e.Time != "0.000" {
		t.Errorf("%+v", e)
	}
	e = parseEvent(t, NewEncoder(JSON, "weir://core", "s").Append(nil, b, f))
	if e.Data != "{}" {
		t.Errorf("%+v", e)
	}
}

func TestText(t *testing.T) {
	f := func(in, want string) {
		t.Helper()
		if got := string(appendText([]byte("x"), []byte(in), &escapesOf[PSV][0])); got != "x"+want {
			t.Errorf("%q: %q, want %q", in, got[1:], want)
		}
	}
	f("", "")
	f("plain text", "plain text")
	f("a|b", "a%7Cb")
	f("100%", "100%25")
	f("\r\n\x00\x7f", "%0D%0A%00%7F")
	f("a\u0085b", "a%C2%85b")
	f(`<&>"'`, "&lt;&amp;&gt;&quot;&apos;")
	f("***SPLUNK*** host=x", "%2A**SPLUNK%2A** host=x")
	f("****", "%2A%2A**")
	f("** *", "** *")
	f("über 쎼 😀", "über 쎼 😀")
	f("\xff\xc3", "\ufffd\ufffd")
	f("\ufffd\ufffe\uffff", "\ufffd\ufffd\ufffd")
	f("\xed\xa0\x80", "\ufffd\ufffd\ufffd") // half a surrogate pair
	f("]]>", "]]&gt;")
}

func TestAppendXML(t *testing.T) {
	if got := string(appendXML(nil, []byte(`{"a":"<&>'***\u0001é"}`))); got != `{"a":"&lt;&amp;&gt;'\u002a**\u0001é"}` {
		t.Error(got)
	}
	if got := string(appendMillis([]byte("x"), 1_999_999)); got != "x0.001" {
		t.Error(got)
	}
}

func TestTime(t *testing.T) {
	f := func(in int64, want string) {
		t.Helper()
		buf := make([]byte, 64)
		if got := string(buf[:putTime(buf, 0, in)]); got != want {
			t.Errorf("%d: %s, want %s", in, got, want)
		}
	}
	f(0, "0.000")
	f(1, "0.000000001")
	f(1_795_305_600_999_999_999, "1795305600.999999999")
	f(1_795_305_600_050_000_000, "1795305600.050")
	f(1_795_305_600_000_020_000, "1795305600.000020")
	f(-1_500_000_000, "-1.500")
	f(-1<<63, "-9223372036.854775808")
}

// FuzzEvent holds whatever exporters may send against another XML reader: an
// event has all columns, and its texts come back.
func FuzzEvent(f *testing.F) {
	all := ^uint64(0)
	f.Add("ssh", "jane", "eth0", uint32(0), uint16(82), uint64(1<<20|3), uint64(0), uint64(6))
	f.Add("a|b%;", "***SPLUNK*** host=1.2.3.4", "x;y=z|", uint32(0), uint16(82), all, all, all)
	f.Add("]]></data></event>", "\r\n\x00\x1b\u0085\u2028", "\xff\xfe\ufffe", uint32(9), uint16(1), all, all, uint64(1)<<63)
	f.Add("\xed\xa0\x80", "&amp;<>\"'", "", uint32(29305), uint16(1), uint64(0), uint64(0), uint64(0))
	psv, js := NewEncoder(PSV, `weir://"<&>`, "weir:flow"), NewEncoder(JSON, "weir://x", "weir:flow:json")
	kv := NewEncoder(KV, "weir://x", "weir:flow:kv")
	f.Fuzz(func(t *testing.T, app, user, extra string, pen uint32, id uint16, set0, set1, num uint64) {
		b := new(flow.Batch)
		r := &b.Grow(1)[0]
		*r = flow.Flow{}
		for x := range flow.Field(flow.NumFields) {
			if !(flow.Set{set0, set1}).Has(x) || flow.Fields[x].Kind == flow.KindStr {
				continue
			}
			r.Set.Add(x)
			if a := r.Addr(x); a != nil {
				*a = flow.AddrFrom4([4]byte{byte(num), byte(num >> 8), byte(num >> 16), byte(x)})
				if num&1 != 0 {
					*a = flow.Addr{0: byte(num), 3: byte(x), 15: byte(num >> 8)}
				}
			} else {
				r.SetUint(x, num)
			}
		}
		for x, s := range map[flow.Field]string{flow.FieldAppName: app, flow.FieldUser: user} {
			r.SetUint(x, uint64(b.Strings.Intern([]byte(s))))
			r.Set.Add(x)
		}
		if len(extra) < 1<<16 && (pen != 29305 || len(extra) != 8) { // that would be an answer
			addExtras(b, r, flow.Element{PEN: pen, ID: id})(extra)
		}
		line := psv.Append(nil, b, r)
		e := parseEvent(t, line)
		m := byColumn(t, e.Data)
		for name, s := range map[string]string{"app": app, "user": user} {
			got, err := url.PathUnescape(m[name])
			if err != nil || got != clean(s) {
				t.Errorf("%s: %q is %q, %v", name, s, m[name], err)
			}
		}
		if strings.Contains(e.Data, "***") || strings.ContainsFunc(e.Data, unicode.IsControl) || e.More != nil || e.Stanza != `weir://"<&>` {
			t.Errorf("%q", line)
		}
		if x := m["extras"]; r.HasExtra() && strings.Count(x, ";") != 0 || r.HasExtra() != strings.Contains(x, "=") {
			t.Errorf("extras %q", x)
		}

		line = js.Append(nil, b, r)
		e = parseEvent(t, line)
		var o map[string]any
		if err := json.Unmarshal([]byte(e.Data), &o); err != nil {
			t.Fatalf("%v in %q", err, e.Data)
		}
		trimmed := func(s string) string { return clean(strings.TrimRight(s, "\x00")) }
		if o["app"] != trimmed(app) || o["user"] != trimmed(user) {
			t.Errorf("%q for %q, %q", e.Data, app, user)
		}
		if strings.Contains(e.Data, "***") || strings.ContainsFunc(e.Data, unicode.IsControl) || e.More != nil {
			t.Errorf("%q", line)
		}

		// Both formats of text agree.
		line = kv.Append(nil, b, r)
		e = parseEvent(t, line)
		pairs := byPair(t, e.Data)
		maps.DeleteFunc(pairs, func(_, v string) bool { return v == "" })
		for name, v := range m {
			if unescape(t, pairs[name]) != unescape(t, v) {
				t.Errorf("%s is %q, in psv %q", name, pairs[name], v)
			}
		}
		if len(pairs) != len(m) {
			t.Errorf("%q is %v, psv %v", line, pairs, m)
		}
		for name, s := range map[string]string{"app": app, "user": user} {
			if got := unescape(t, pairs[name]); got != clean(s) {
				t.Errorf("%s: %q is %q", name, s, pairs[name])
			}
		}
		if strings.Contains(e.Data, "***") || strings.ContainsFunc(e.Data, unicode.IsControl) || e.More != nil {
			t.Errorf("%q", line)
		}

		// Nothing is between the events of a stream but what ends them.
		var s xmlStream
		stream := []byte("<stream>\n")
		for _, enc := range []*Encoder{psv, js, kv} {
			stream = enc.Append(stream, b, r)
		}
		stream = append(stream, "</stream>\n"...)
		if err := xml.Unmarshal(stream, &s); err != nil || len(s.Events) != 3 || s.Events[2].Data != e.Data {
			t.Errorf("%v in %q", err, stream)
		}
		if n := strings.Count(string(stream), "\n"); n != 5 {
			t.Errorf("%d lines: %q", n, stream)
		}
	})
}

// byPair takes an event's data in the format kv apart.
func byPair(t testing.TB, data string) map[string]string {
	t.Helper()
	m := map[string]string{}
	for data != "" {
		name, rest, ok := strings.Cut(data, "=")
		if !ok || strings.ContainsAny(name, "\" =") || m[name] != "" {
			t.Fatalf("%q", data)
		}
		value := ""
		if quoted, is := strings.CutPrefix(rest, `"`); is {
			value, data, ok = strings.Cut(quoted, `"`)
			if !ok || data != "" && data[0] != ' ' {
				t.Fatalf("%q", rest)
			}
			data = strings.TrimPrefix(data, " ")
		} else {
			value, data, _ = strings.Cut(rest, " ")
		}
		m[name] = value
	}
	return m
}

// clean is what is left of s when all that XML can't hold has been replaced,
// an octet at a time.
func clean(s string) string {
	var out []rune
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		if r == 0xfffe || r == 0xffff {
			r = utf8.RuneError
		}
		out = append(out, r)
		s = s[n:]
	}
	return string(out)
}

func TestEncoderDoesNotAllocate(t *testing.T) {
	for _, format := range []Format{PSV, JSON, KV} {
		e := NewEncoder(format, "weir://core", format.Sourcetype())
		b, f := sample("a|b<&>", "\xff***x")
		addExtras(b, f, flow.Element{ID: 82}, flow.Element{PEN: 64999, ID: 12345}, flow.Element{ID: 160})(
			"Gi0/1", "\x01\xff", "\x00\x00\x01\xa2\x02\x00\x00\x01")
		g := *f
		g.Set.Del(flow.FieldAppName) // another shape
		g.SrcAddr = flow.Addr{0: 0x20, 1: 0x01, 15: 1}
		dst := make([]byte, 0, 4096)
		if n := testing.AllocsPerRun(100, func() {
			dst = e.Append(dst[:0], b, f)
			dst = e.Append(dst, b, &g)
		}); n != 0 {
			t.Errorf("%s: %v allocations", format, n)
		}
	}
}

func TestPlansAreBounded(t *testing.T) {
	e := NewEncoder(PSV, "weir://core", "weir:flow")
	b, f := sample("", "")
	for i := range uint64(3 * maxPlans) {
		f.Set = flow.Set{i}
		e.Append(nil, b, f)
	}
	if len(e.plans) > maxPlans {
		t.Errorf("%d plans", len(e.plans))
	}
}

func BenchmarkAppend(b *testing.B) {
	for _, format := range []Format{PSV, JSON, KV} {
		b.Run(format.String(), func(b *testing.B) {
			e := NewEncoder(format, "weir://core", format.Sourcetype())
			batch, f := sample("", "")
			f.End -= 750_000 // milliseconds, as most exporters send
			f.Received -= 1
			var dst []byte
			b.ReportAllocs()
			for b.Loop() {
				dst = e.Append(dst[:0], batch, f)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
			b.ReportMetric(float64(len(dst)), "octets/event")
		})
	}
}

func TestColumns(t *testing.T) {
	names := Columns()
	for i := range flow.Fields {
		if !slices.Contains(names, flow.Fields[i].CIM) {
			t.Errorf("no column for %s: run go generate", flow.Fields[i].Name)
		}
	}
	if len(names) != flow.NumFields+len(own) || len(slices.Compact(slices.Sorted(slices.Values(names)))) != len(names) {
		t.Errorf("%d columns for %d fields and %d of our own", len(names), flow.NumFields, len(own))
	}
}

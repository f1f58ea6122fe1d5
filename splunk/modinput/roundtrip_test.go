package modinput

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/weirflow/weir/shared/decode"
	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/ie"
	"github.com/weirflow/weir/shared/pcap"
	"github.com/weirflow/weir/shared/template"
	"github.com/weirflow/weir/testdata"
)

// captures calls f with what each datagram of each capture of testdata gives.
func captures(t *testing.T, f func(name string, b *flow.Batch)) {
	t.Helper()
	seen := 0
	err := fs.WalkDir(testdata.FS, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(name, ".pcap") {
			return err
		}
		seen++
		file, err := testdata.FS.Open(name)
		if err != nil {
			return err
		}
		defer file.Close()
		r, err := pcap.NewReader(file)
		if err != nil {
			return err
		}
		dec := decode.New(template.NewStore(template.Limits{}))
		var b flow.Batch
		for {
			p, err := r.Next()
			if err == io.EOF {
				return nil
			}
			if err != nil {
				return err
			}
			b.Reset()
			_ = dec.Decode(&b, decode.Datagram{From: p.Src, Time: p.Time, Data: bytes.Clone(p.Payload)})
			f(name, &b)
		}
	})
	if err != nil || seen < 30 {
		t.Fatalf("%d captures, %v", seen, err)
	}
}

// asText returns a column's value as an event has it, made with nothing of the
// Encoder's.
func asText(b *flow.Batch, f *flow.Flow, x flow.Field) string {
	v := f.Uint(x)
	switch flow.Fields[x].Kind {
	case flow.KindAddr:
		return f.Addr(x).String()
	case flow.KindTime:
		s := fmt.Sprintf("%d.%09d", v/1e9, v%1e9)
		for strings.HasSuffix(s, "000") && !strings.HasSuffix(s[:len(s)-3], ".") {
			s = s[:len(s)-3]
		}
		return s
	case flow.KindMAC:
		s := fmt.Sprintf("%012x", v)
		return s[:2] + ":" + s[2:4] + ":" + s[4:6] + ":" + s[6:8] + ":" + s[8:10] + ":" + s[10:]
	case flow.KindApp:
		return fmt.Sprintf("%d:%d", v>>56, v<<8>>8)
	case flow.KindStr:
		return clean(string(b.Strings.Get(flow.Str(v))))
	}
	return strconv.FormatUint(v, 10)
}

// extrasOf returns the values of f's extras by their name.
func extrasOf(t *testing.T, b *flow.Batch, f *flow.Flow) map[string]string {
	t.Helper()
	m := map[string]string{}
	for x, v := range b.Extra(f) {
		known, _ := ie.Lookup(x.PEN, x.ID)
		text := ie.AppendJSON(nil, known.Type, v)
		var s any
		if err := json.Unmarshal(text, &s); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		value := string(text)
		if s, ok := s.(string); ok {
			value = clean(s)
		}
		m[string(x.AppendOrd(ie.AppendName(nil, x.PEN, x.ID)))] = value
	}
	return m
}

// Every event of every capture gives back the values of its flow, all of them
// and no others.
func TestEventsGiveFlowsBack(t *testing.T) {
	for _, all := range []bool{false, true} {
		e := Layout{AllColumns: all}.NewEncoder("weir://core", "weir:flow")
		values := 0
		captures(t, func(name string, b *flow.Batch) {
			for i := range b.Flows {
				f := &b.Flows[i]
				line := e.Append(nil, b, f)
				var event xmlEvent
				if err := xml.Unmarshal(line, &event); err != nil {
					t.Fatalf("%s: %v in %q", name, err, line)
				}
				got := byEvals(t, event)
				want := map[string]string{}
				for x, ok := f.Set.Next(0); ok; x, ok = f.Set.Next(x + 1) {
					if v := asText(b, f, x); v != "" && (all || x != flow.FieldReceived) {
						want[columnName(x)] = v
					}
				}
				delete(got, "duration")
				extra := map[string]string{}
				for pair := range strings.SplitSeq(got["extras"], ";") {
					if k, v, ok := strings.Cut(pair, "="); ok {
						extra[k] = unescape(t, v)
					}
				}
				delete(got, "extras")
				for k, v := range got {
					if flow.Fields[flow.FieldAppName].CIM == k || k == "user" {
						v = unescape(t, v)
					}
					if want[k] != v {
						t.Errorf("%s: %s is %q, want %q: %q", name, k, v, want[k], line)
					}
					delete(want, k)
					values++
				}
				if len(want) > 0 {
					t.Errorf("%s: lacks %v: %q", name, want, line)
				}
				wantExtra := extrasOf(t, b, f)
				for k, v := range extra {
					if wantExtra[k] != v {
						t.Errorf("%s: %s is %q, want %q", name, k, v, wantExtra[k])
					}
					delete(wantExtra, k)
					values++
				}
				if len(wantExtra) > 0 {
					t.Errorf("%s: lacks %v: %q", name, wantExtra, line)
				}
			}
		})
		t.Logf("all %t: %d values", all, values)
	}
}

func unescape(t testing.TB, v string) string {
	t.Helper()
	s, err := url.PathUnescape(v)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

package encode

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/weirflow/weir/shared/decode"
	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/flowtest"
	"github.com/weirflow/weir/shared/ie"
	"github.com/weirflow/weir/shared/template"
)

// Structured data is the same in JSON and msgpack, in each profile.
func TestLists(t *testing.T) {
	fields := []flowtest.Field{flowtest.F(0, 7, 2), flowtest.F(0, 293, 0xffff)}
	inner := []flowtest.Field{flowtest.F(0, 8, 4), flowtest.F(0, 8, 4), flowtest.F(0, 82, 0xffff), flowtest.F(0, 291, 0xffff)}
	record := []byte{
		0, 80, // sourceTransportPort
		42, 3, // a subTemplateMultiList of all of
		1, 45, 0, 33, // template 301, 33 octets with these
		10, 0, 0, 1, 10, 0, 0, 2, 3, 'a', '"', 'b', 5, 4, 0, 4, 0, 1, // a list without elements
		10, 0, 0, 3, 10, 0, 0, 4, 0, 1, 9, // and one that is cut
		3, 231, 0, 8, 1, 2, 3, 4, // template 999 is not known
	}
	var b flow.Batch
	d := decode.New(template.NewStore(template.Limits{}))
	d.Decode(&b, decode.Datagram{From: flowtest.From, Data: flowtest.Packet(10, 1, flowtest.Template(10, 300, fields), flowtest.Template(10, 301, inner), flowtest.Set(300, record))})
	if len(b.Flows) != 1 {
		t.Fatalf("%d flows", len(b.Flows))
	}
	want := `{"semantic":"allOf","elements":[` +
		`{"sourceIPv4Address":"10.0.0.1","sourceIPv4Address_2":"10.0.0.2","interfaceName":"a\"b","basicList":{"semantic":"ordered","elements":[]}},` +
		`{"sourceIPv4Address":"10.0.0.3","sourceIPv4Address_2":"10.0.0.4","interfaceName":"","basicList":"0x09"},` +
		`{"template":999,"octets":"0x01020304"}]}`
	var wanted any
	if err := json.Unmarshal([]byte(want), &wanted); err != nil {
		t.Fatal(err)
	}
	for _, p := range allProfiles {
		e := New(p)
		text := e.AppendJSON(nil, &b, &b.Flows[0])
		if !bytes.Contains(text, []byte(want)) {
			t.Errorf("%v: %s, want %s", p, text, want)
		}
		var fromJSON, fromMsgpack any
		if err := json.Unmarshal(text, &fromJSON); err != nil {
			t.Fatal(err)
		}
		if err := msgpack.Unmarshal(e.AppendMsgpack(nil, &b, b.Flows), &fromMsgpack); err != nil {
			t.Fatal(err)
		}
		find := func(v any) string {
			m := v.(map[string]any)
			if p == ECS {
				m = m["netflow"].(map[string]any)
			}
			for k, v := range m {
				if strings.HasSuffix(k, "subTemplateMultiList") || strings.HasSuffix(k, "sub_template_multi_list") {
					return fmt.Sprint(v)
				}
			}
			return "nothing"
		}
		if j, m := find(fromJSON), find(fromMsgpack); j != m || j != fmt.Sprint(wanted) {
			t.Errorf("%v: JSON %s, msgpack %s", p, j, m)
		}
	}
}

// A form that no decoder made ends, and doesn't grow.
func TestListsOfHostileForm(t *testing.T) {
	group := func(id, n uint16, records ...byte) []byte {
		d := []byte{ie.ListForm, 3, 0, 0, 0, 1, 0, 0, 0, byte(len(records)), 0, 0, 0, 0}
		d = binary.BigEndian.AppendUint16(d, id)
		return append(binary.BigEndian.AppendUint16(d, n), records...)
	}
	deep := []byte{ie.ListForm, 3}
	for range 200 {
		deep = group(291, 0xffff, append([]byte{byte(min(len(deep), 250))}, deep[:min(len(deep), 250)]...)...)
	}
	e := New(IPFIX)
	for _, v := range [][]byte{group(4, 0, 1, 2, 3), group(4, 9, 1), group(82, 0xffff, 200, 1), deep, {ie.ListForm, 3, 0}} {
		text := ie.AppendJSON(nil, ie.BasicList, v)
		if !json.Valid(text) || len(text) > 64*(len(v)+2) {
			t.Errorf("%x: %s", v, text)
		}
		out := e.appendList(nil, v, 0)
		var m any
		if err := msgpack.Unmarshal(out, &m); err != nil {
			t.Errorf("%x: %v in %x", v, err, out)
		}
	}
}

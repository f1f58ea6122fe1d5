package detect

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/vmihailenco/msgpack/v5"
)

// unpacked is what an independent decoder reads from data, with numbers as JSON
// has them.
func unpacked(t *testing.T, data []byte) any {
	t.Helper()
	d := msgpack.NewDecoder(bytes.NewReader(data))
	d.UseLooseInterfaceDecoding(true)
	v, err := d.DecodeInterface()
	if err != nil {
		t.Fatal(err)
	}
	if left := d.Buffered().(*bytes.Reader).Len(); left != 0 {
		t.Fatalf("%d octets are left", left)
	}
	return numbers(v)
}

func numbers(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			v[k] = numbers(x)
		}
	case []any:
		for i, x := range v {
			v[i] = numbers(x)
		}
	case int64:
		return float64(v)
	case uint64:
		return float64(v)
	}
	return v
}

func TestFindingMsgpack(t *testing.T) {
	long := whole() // lengths of every kind
	long.Technique, long.Actions = "", nil
	long.Explanation, long.Key = strings.Repeat("é", 2000), strings.Repeat("k", 200)
	for i := range 20 {
		long.Entities = append(long.Entities, Entity{"target", "ip", fmt.Sprint(i)})
		long.Metrics[fmt.Sprint(i)] = -1.25
	}
	for len(long.Evidence) < MaxEvidence {
		long.Evidence = append(long.Evidence, long.Evidence[0])
	}
	for _, f := range []Finding{whole(), long, {Severity: Low, End: 1}} {
		text, err := json.Marshal(f)
		if err != nil {
			t.Fatal(err)
		}
		var want any
		if err := json.Unmarshal(text, &want); err != nil {
			t.Fatal(err)
		}
		data := f.AppendMsgpack([]byte("before"))
		if got := unpacked(t, data[len("before"):]); !reflect.DeepEqual(got, want) {
			t.Errorf("got  %v\nwant %v", got, want)
		}
		if again := f.AppendMsgpack([]byte("before")); !bytes.Equal(again, data) {
			t.Error("the same finding gives other octets")
		}
	}
}

// The event of the Forward protocol: [[EventTime, {}], {finding}].
func TestFindingEvent(t *testing.T) {
	f := whole()
	got := f.AppendEvent(nil)
	// 1,795,305,900 s and 1 ns
	head := []byte{0x92, 0x92, 0xd7, 0x00, 0x6b, 0x02, 0x31, 0xac, 0, 0, 0, 1, 0x80}
	if !bytes.HasPrefix(got, head) || !bytes.Equal(got[len(head):], f.AppendMsgpack(nil)) {
		t.Errorf("got %x", got[:40])
	}
}

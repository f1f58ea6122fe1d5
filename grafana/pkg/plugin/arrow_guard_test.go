package plugin

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/ipc"

	"github.com/weirflow/weir/shared/query"
)

// recordings are what was recorded of a collector, with the questions.
func recordings(t testing.TB) map[string]*query.Question {
	t.Helper()
	var questions map[string]string
	if err := json.Unmarshal(recording(t, "questions.json"), &questions); err != nil {
		t.Fatal(err)
	}
	all := map[string]*query.Question{}
	for name, text := range questions {
		if q, err := query.Ask(text, noon); err == nil && filepath.Ext(name) == ".arrow" {
			all[name] = q
		}
	}
	return all
}

// allocated is how many octets f takes from the heap in all.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// A number in an answer that is false, whichever, costs an error or nothing, and no
// more memory than the largest message may take.
func TestArrowCounts(t *testing.T) {
	refused := 0
	for _, name := range []string{"top.arrow", "series.arrow", "flows.arrow"} {
		q := recordings(t)[name]
		whole := recording(t, name)
		for at := 0; at+4 <= len(whole); at += 4 {
			for _, n := range []uint32{1<<32 - 1, 1<<31 - 1, 1 << 24, 1 << 20} {
				text := bytes.Clone(whole)
				binary.LittleEndian.PutUint32(text[at:], n)
				var err error
				if got := allocated(func() { _, err = readArrow(bytes.NewReader(text), q) }); got > mostArrowBody+mostArrowHead+(8<<20) {
					t.Fatalf("%s with %#x at %d takes %d octets, %v", name, n, at, got, err)
				}
				if err != nil {
					refused++
				}
			}
		}
	}
	if refused < 500 {
		t.Errorf("%d are refused", refused)
	}
}

// An answer that ends before its end is no answer, also between two messages.
func TestArrowTorn(t *testing.T) {
	q, whole := recordings(t)["top.arrow"], recording(t, "top.arrow")
	for n := range whole {
		if table, err := readArrow(bytes.NewReader(whole[:n]), q); err == nil {
			t.Errorf("%d octets: %+v", n, table)
		}
	}
	if _, err := readArrow(io.MultiReader(bytes.NewReader(whole[:len(whole)-8]), broken{}), q); err == nil {
		t.Error("a connection that breaks is no end")
	}
}

// broken is a connection that breaks.
type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("connection reset") }

// More than was asked for is refused, before it is held.
func TestArrowIsBounded(t *testing.T) {
	f := func(name, want string, change func(q *query.Question, text []byte) []byte) {
		t.Helper()
		q := *recordings(t)[name]
		text := change(&q, bytes.Clone(recording(t, name)))
		if _, err := readArrow(bytes.NewReader(text), &q); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", name, err, want)
		}
	}
	same := func(text []byte) []byte { return text }
	f("flows.arrow", "more than 1 rows", func(q *query.Question, text []byte) []byte { q.Limit = 1; return same(text) })
	f("top.arrow", "no stream of Arrow", func(_ *query.Question, text []byte) []byte { return text[4:] })
	f("top.arrow", "a head of 67108864 octets", func(_ *query.Question, text []byte) []byte {
		binary.LittleEndian.PutUint32(text[4:], 64<<20)
		return text
	})
	head := func(text []byte) (b flatHead, table int) {
		b = text[8 : 8+binary.LittleEndian.Uint32(text[4:])]
		return b, b.at(b.field(b.at(0), messageHeader))
	}
	count := func(b flatHead, table, slot, n int) {
		_, at := b.vector(table, slot, 1)
		binary.LittleEndian.PutUint32(b[at-4:], uint32(n))
	}
	f("top.arrow", "makes no sense", func(_ *query.Question, text []byte) []byte {
		b, schema := head(text)
		count(b, schema, schemaFields, 1<<30)
		return text
	})
	f("top.arrow", "makes no sense", func(_ *query.Question, text []byte) []byte {
		b, schema := head(text)
		count(b, schema, schemaMeta, 1<<30)
		return text
	})
	f("top.arrow", "129 columns, of at most 128", func(_ *query.Question, text []byte) []byte {
		b, schema := head(text)
		count(b, schema, schemaFields, 129)
		return text
	})
	f("top.arrow", "names more than it has", func(*query.Question, []byte) []byte {
		// All columns have one long name, which is there once.
		fields := []arrow.Field{{Name: strings.Repeat("a", 10_000), Type: arrow.BinaryTypes.String}, {Name: "b", Type: arrow.BinaryTypes.String}, {Name: "c", Type: arrow.BinaryTypes.String}}
		var out bytes.Buffer
		if err := ipc.NewWriter(&out, ipc.WithSchema(arrow.NewSchema(fields, nil))).Close(); err != nil {
			t.Fatal(err)
		}
		b, schema := head(out.Bytes())
		n, at := b.vector(schema, schemaFields, 4)
		long := b.at(b.field(b.at(at), fieldName))
		for i := 1; i < n; i++ {
			place := b.field(b.at(at+4*i), fieldName)
			binary.LittleEndian.PutUint32(b[place:], uint32(long-place))
		}
		return out.Bytes()
	})
	f("top.arrow", "of kind 1, not 3", func(_ *query.Question, text []byte) []byte {
		n := 8 + binary.LittleEndian.Uint32(text[4:])
		return append(bytes.Clone(text[:n]), text...)
	})
	// What an answer has beside its rows.
	about := func(text, want string) {
		t.Helper()
		var x query.Table
		if err := readAbout(text, &x); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40s: %v", text, err)
		}
	}
	about(`{"rows":[[1]]}`, "it has rows")
	about(`{"columns":[`+strings.Repeat(`{},`, mostColumns)+`{}]}`, "it has 129 columns")
	about(`{"other":[`+strings.Repeat("0,", mostAside/2)+`0]}`, "octets beside its rows")
	about(`{"total":[`+strings.Repeat("0,", mostAside/2)+`0]}`, "octets beside its rows")
}

// Whatever comes is an answer or an error.
func FuzzArrow(f *testing.F) {
	for name := range recordings(f) {
		f.Add(recording(f, name))
	}
	all := recordings(f)
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, q := range all {
			table, err := readArrow(bytes.NewReader(text), q)
			if err != nil {
				continue
			}
			again, err := readArrow(bytes.NewReader(text), q)
			if err != nil || len(again.Rows) != len(table.Rows) {
				t.Errorf("%d rows, then %v", len(table.Rows), err)
			}
			a := &asked{Question: *q}
			for _, frame := range a.frames(&answer{Table: table}, "u") {
				if _, err := frame.RowLen(); err != nil {
					t.Error(err)
				}
			}
		}
	})
}

package store

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go/format"

	"github.com/weirflow/weir/shared/flow"
)

// The files of version 1, as the first weir that had them wrote one: they are read
// for ever.
func TestReadsVersion1(t *testing.T) {
	var got []string
	err := readFile("testdata/segment-v1.parquet", func(b *flow.Batch) error {
		for i := range b.Flows {
			got = append(got, text(b, &b.Flows[i]))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		`Start=1795514400250000000 End=1795514401000000000 Bytes=1500 SrcMAC=11111111111 AppID=216172782113784251 SrcAddr=192.0.2.1 DstAddr=2001:db8::1 AppName="dns" SrcPort=443 Proto=6 marks=2`,
		`Received=1795514400000000000 Bytes=18446744073709551615 SrcAddr=10.0.0.1 InIf=4294967295 marks=0 {9 33 0}=0102`,
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("the flows are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// fileOf writes a file of one column and two rows.
func fileOf(t *testing.T, name, schema string) string {
	t.Helper()
	w := newFileWriter()
	var out bytes.Buffer
	w.begin(&out)
	w.group(2)
	w.numbers(&leaf{name: "src_port", part: partNumber, bits: 16, whole: true}, []uint64{1, 2}, nil)
	w.numbers(&leaf{name: name, part: partNumber, bits: 32, whole: true}, []uint64{3, 4}, nil)
	w.endGroup()
	if err := w.finish([]format.KeyValue{{Key: metaSchema, Value: schema}}, "test"); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "a.parquet")
	if err := os.WriteFile(file, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestReadsOtherSchemas(t *testing.T) {
	n := 0
	count := func(b *flow.Batch) error {
		for i := range b.Flows {
			if f := &b.Flows[i]; f.Set != flow.SetOf(flow.FieldSrcPort) || int(f.SrcPort) != n+1 {
				t.Error(text(b, f))
			}
			n++
		}
		return nil
	}
	if err := readFile(fileOf(t, "a_later_column", "1"), count); err != nil || n != 2 {
		t.Errorf("a column that this weir doesn't know: %d flows, %v", n, err)
	}
	if err := readFile(fileOf(t, "in_if", "2"), count); !errors.Is(err, errNewer) {
		t.Errorf("a later schema: %v", err)
	}
	if err := readFile(fileOf(t, "in_if", "x"), count); err == nil {
		t.Error("a schema that is no number is read")
	}
	if err := readFile(fileOf(t, "end", "1"), count); err == nil {
		t.Error("a time of 32 bits is read")
	}
}

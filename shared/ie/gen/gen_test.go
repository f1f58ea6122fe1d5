package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weirflow/weir/shared/ie"
)

func TestUpToDate(t *testing.T) {
	regs, err := read("../registry")
	if err != nil {
		t.Fatal(err)
	}
	want, err := render(regs)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../zelements.go")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("shared/ie/zelements.go is not what its registries make; run go generate ./shared/ie")
	}
}

func TestRefuses(t *testing.T) {
	f := func(name, text, want string) {
		t.Helper()
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := read(dir); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v; want one with %q", name, err, want)
		}
	}
	const head = ie.Columns + "\n"
	f("0-iana.csv", "id,name\n1,a\n", "header")
	f("0-iana.csv", head, "no elements")
	f("0-iana.csv", head+"0,a,string,,\n", "reserved")
	f("0-iana.csv", head+"1,a,string,,\n32768,b,string,,\n", "one of NetFlow v9's")
	f("0-iana.csv", head+"1,a b,string,,\n", "line 2")
	f("0-iana.csv", head+"1,`,string,,\n", "line 2")
	f("0-iana.csv", head+"1,a,text,,\n", `unknown type "text"`)
	f("0-iana.csv", head+"1,a,string,odd,\n", `unknown semantics "odd"`)
	f("0-iana.csv", head+"2,a,string,,\n1,b,string,,\n", "does not ascend")
	f("0-iana.csv", head+"1,a,string,,\n1,b,string,,\n", "already")
	f("iana.csv", head+"1,a,string,,\n", "<pen>-<name>.csv")
	f("9-cisco.csv", head+"1,a,string,,\n", "of IANA's elements")
	f("29305-reverse.csv", head+"1,a,string,,\n", "made from")
	f("4294967296-big.csv", head+"1,a,string,,\n", "out of range")
}

// Files that are good apart, not together.
func TestRefusesTogether(t *testing.T) {
	one := func(pen uint32, name string, id uint16, element string) enterprise {
		return enterprise{pen, name, []ie.Element{{PEN: pen, ID: id, Name: element}}}
	}
	f := func(want string, all ...enterprise) {
		t.Helper()
		if err := check(all); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v; want one with %q", err, want)
		}
	}
	iana, v9 := one(0, "iana", 1, "a"), one(0, "netflow9", 40000, "b")
	if err := check([]enterprise{iana, v9, one(9, "cisco", 1, "a")}); err != nil {
		t.Error(err)
	}
	f("one of NetFlow v9's", iana, one(9, "cisco", 1, "a"))
	f("one of NetFlow v9's", iana, one(0, "more", 2, "b"))
	f("1 and 40000 are both named a", iana, one(0, "netflow9", 40000, "a"))
	f("two files for enterprise 9: x, y", iana, v9, one(9, "x", 1, "a"), one(9, "y", 2, "b"))
	f("two files for enterprise 0", iana, v9, one(0, "more", 50000, "c"))
}

// Two enterprises: runs follow each other, a shared name belongs to the lower.
func TestRender(t *testing.T) {
	code, err := render([]enterprise{
		{0, "iana", []ie.Element{
			{ID: 1, Name: "b", Type: ie.String},
			{ID: 3, Name: "a", Type: ie.Unsigned8, Semantics: ie.Flags, Units: "bits"},
		}},
		{9, "cisco", []ie.Element{{PEN: 9, ID: 7, Name: "a", Type: ie.String, Units: "bits"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"{0, 0, 2}, // iana", "{9, 2, 3}, // cisco",
		"{2, 3, 1, 1, 5, 1},", "{4, 7, 1, 13, 0, 1},",
		"\t1, 2, 0,\n", "names = `b\na\na\n`", "reverseNames = `reverseB\nreverseA\n`",
	} {
		if !strings.Contains(string(code), want) {
			t.Errorf("no %q in\n%s", want, code)
		}
	}
}

func TestConvert(t *testing.T) {
	const doc = `<?xml version='1.0' encoding='UTF-8'?>
<registry xmlns="http://www.iana.org/assignments" id="ipfix">
<registry id="ipfix-information-elements">
<record><name>Reserved</name><elementId>0</elementId></record>
<record><name>tagged
</name><dataType>string</dataType><elementId>288</elementId><units>bits</units></record>
<record><name></name><dataType>string</dataType><elementId>416</elementId></record>
<record><name>Unassigned</name><elementId>534-32767</elementId></record>
</registry>
<registry id="other"><record><name>x</name><dataType>string</dataType><elementId>5</elementId></record></registry>
</registry>`
	var out bytes.Buffer
	if err := convert(&out, strings.NewReader(doc)); err != nil {
		t.Fatal(err)
	}
	if want := "id,name,type,semantics,units\n288,tagged,string,,bits\n"; out.String() != want {
		t.Errorf("got %q; want %q", out.String(), want)
	}
	if err := convert(&out, strings.NewReader("<registry>")); err == nil {
		t.Error("a document that ends early is not an error")
	}
}

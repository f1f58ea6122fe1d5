package ie

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"testing"
)

func TestReadCSV(t *testing.T) {
	const text = "\ufeff# mine\n\nid,name,type,semantics,units\r\n7,b,string,,\n# a remark\n" +
		"1,a,unsigned64,deltaCounter,octets\n0,c,boolean,default,\n"
	want := []Element{
		{64999, 7, String, Default, "b", ""},
		{64999, 1, Unsigned64, DeltaCounter, "a", "octets"},
		{64999, 0, Boolean, Default, "c", ""},
	}
	got, err := ReadCSV(strings.NewReader(text), 64999)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("ReadCSV = %+v, %v; want %+v", got, err, want)
	}
	got, err = ReadCSV(strings.NewReader(Columns+"\n65535,a,string,,\n"), 0)
	if err != nil || len(got) != 1 || got[0].ID != 65535 {
		t.Errorf("a number of NetFlow v9: ReadCSV = %+v, %v", got, err)
	}
}

func TestReadCSVRefuses(t *testing.T) {
	f := func(pen uint32, text, want string) {
		t.Helper()
		e, err := ReadCSV(strings.NewReader(text), pen)
		if err == nil || e != nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60q: %v, error %v; want one with %q", text, e, err, want)
		}
	}
	const head = Columns + "\n"
	f(9, "", "no header")
	f(9, "# only a remark\n", "no header")
	f(9, "1,a,string,,\n", "line 1: the header is not")
	f(9, head+"1,a,string\n", "line 2: 3 columns, not 5")
	f(9, head+"1,a,string,,,\n", "line 2: 6 columns, not 5")
	f(9, head+"\n# x\n-1,a,string,,\n", `line 4: id "-1" is not a number`)
	f(9, head+"65536,a,string,,\n", "line 2: id")
	f(9, head+"32768,a,string,,\n", "line 2: id 32768 of enterprise 9")
	f(0, head+"0,a,string,,\n", "line 2: id 0 is reserved")
	f(9, head+"1,a,text,,\n", `line 2: unknown type "text"`)
	f(9, head+"1,a,string,odd,\n", `line 2: unknown semantics "odd"`)
	f(9, head+"1,a b,string,,\n", "line 2: name")
	f(9, head+"1,é,string,,\n", "line 2: name")
	f(9, head+"1,\"a\",string,,\n", "line 2: name")
	f(9, head+"1,a,string,,\"b\"\n", "line 2: units")
	f(9, head+"1,a,string,,\n2,b,string,,\n1,c,string,,\n", "line 4: id 1 is on line 2 already")
	f(9, head+"1,a,string,,\n2,"+strings.Repeat("b", maxLine)+",string,,\n", "line 3: longer than 1024 bytes")
	f(ReversePEN, head+"1,a,string,,\n", "made from the elements of enterprise 0")
}

// endless never runs out of its text.
type endless string

func (s endless) Read(p []byte) (int, error) {
	return copy(p, bytes.Repeat([]byte(s), len(p)/len(s)+1)), nil
}

func TestReadCSVEnds(t *testing.T) {
	remark := "#" + strings.Repeat("x", 500) + "\n"
	for _, s := range []string{remark, "1,a", "\"", ",", "\x00"} {
		for _, head := range []string{"", Columns + "\n"} {
			_, err := ReadCSV(io.MultiReader(strings.NewReader(head), endless(s)), 9)
			if err == nil || !strings.Contains(err.Error(), "line ") {
				t.Errorf("no end of %.9q: error %v; want one that names a line", s, err)
			}
		}
	}
}

func FuzzReadCSV(f *testing.F) {
	f.Add(Columns+"\n1,a,string,,\n", uint32(9))
	f.Add("# x\n"+Columns+"\n40000,a,unsigned8,flags,bits\n", uint32(0))
	f.Fuzz(func(t *testing.T, text string, pen uint32) {
		elements, err := ReadCSV(strings.NewReader(text), pen)
		if err != nil {
			return
		}
		x, err := newOverlay(elements)
		if err != nil {
			return
		}
		for _, e := range elements {
			if got, ok := x.lookup(e.PEN, e.ID); !ok || got != e {
				t.Errorf("lookup(%d, %d) = %+v, %v; want %+v", e.PEN, e.ID, got, ok, e)
			}
			if got, ok := x.named(e.Name); !ok || got != e {
				t.Errorf("named(%q) = %+v, %v; want %+v", e.Name, got, ok, e)
			}
		}
	})
}

package sflow

import (
	"slices"
	"strings"
	"testing"
)

// The types that are a word with a meaning.
var meanings = strings.Fields("protocol ip flags tos ethertype status duplex ifType truth percent side segment acl wlan http app machine os domain " +
	"sourceType ifFormat")

func TestFormats(t *testing.T) {
	check := func(f Format) {
		var names []string
		for x := range strings.FieldsSeq(f.Fields) {
			name, typ, has := strings.Cut(x, ":")
			if x == "|" {
				continue
			}
			if slices.Contains(names, name) {
				t.Errorf("%s has %s twice", f.Name, name)
			}
			names = append(names, name)
			_, kind := kinds[typ]
			_, parts := Structures[typ]
			if has && !kind && !parts && !slices.Contains(meanings, typ) {
				t.Errorf("%s: %s is of type %q, which nobody knows", f.Name, name, typ)
			}
		}
		if f.Name == "" || f.Ref == "" || len(names) == 0 {
			t.Errorf("a format without name, document or fields: %+v", f)
		}
	}
	for _, formats := range []map[uint32]Format{Flows, Counters} {
		names := map[string]uint32{}
		for number, f := range formats {
			check(f)
			if other, ok := names[f.Name]; ok {
				t.Errorf("%d and %d are both %s", number, other, f.Name)
			}
			names[f.Name] = number
		}
	}
	for name, fields := range Structures {
		check(Format{name, fields, "part"})
	}
}

// The lengths that documents state for records of a fixed length.
func TestLengths(t *testing.T) {
	sizes := map[Kind]int{Word: 4, Int: 4, Float: 4, Long: 8, MAC: 8, IPv4: 4, IPv6: 16}
	for format, want := range map[uint32]int{1: 88, 2: 52, 3: 72, 4: 80, 5: 28, 7: 56, 1001: 28, 2003: 80, 2004: 72, 2005: 52, 2006: 40, 2101: 12, 2104: 40} {
		l, _ := OfCounter(uint16(format), nil)
		n := 0
		for _, f := range l.Fields {
			n += sizes[f.Kind]
		}
		if n != want {
			t.Errorf("%s has %d octets, want %d", l.Name, n, want)
		}
	}
	for format, want := range map[uint16]int{2: 24, 3: 32, 4: 56, 1001: 16, 1020: 8, 1023: 32, 1026: 56, 1030: 4, 2100: 20, 2101: 44, Input: 8, Reason: 4} {
		l, _ := OfFlow(format, nil)
		n := 0
		for _, f := range l.Fields {
			n += sizes[f.Kind]
		}
		if n != want {
			t.Errorf("%s has %d octets, want %d", l.Name, n, want)
		}
	}
}

func TestCursor(t *testing.T) {
	c := Cursor{Rest: []byte{0, 0, 0, 5, 'h', 'e', 'l', 'l', 'o', 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2}}
	if v := string(c.Text()); v != "hello" || c.Count() != 2 || c.Word() != 1 || c.Word() != 2 || c.Bad || len(c.Rest) != 0 {
		t.Errorf("%q, then %+v", v, c)
	}
	for _, d := range [][]byte{{}, {0, 0, 0}, {255, 255, 255, 255}, {0, 0, 0, 1}, {0, 0, 0, 2, 0, 0, 0}, {255, 255, 255, 253, 1, 2, 3, 4}} {
		c := Cursor{Rest: d}
		if v := c.Text(); !c.Bad || v != nil {
			t.Errorf("text in %x: %x", d, v)
		}
		c = Cursor{Rest: d}
		if n := c.Count(); !c.Bad || n != 0 {
			t.Errorf("count in %x: %d", d, n)
		}
	}
	c = Cursor{Rest: []byte{1}}
	if c.Word() != 0 || !c.Bad || len(c.Take(16)) != 16 {
		t.Error("what is not there is not zeros")
	}
}

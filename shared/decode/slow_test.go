package decode

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"testing"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/flowtest"
)

// The slow, obvious decoder: it walks a record field by field and says for each
// which column or extra it must be found in.

// want is what one record must hold: text of columns by name, and extras.
type want struct {
	columns map[string]string
	extras  []string
}

// No options have said when the exporter was started.
func slow(version uint8, fields []flowtest.Field, data []byte) (all []want) {
	boot := slices.IndexFunc(fields, func(f flowtest.Field) bool { return f.PEN == 0 && f.ID == 160 })
	adrift := version == 10 && (boot < 0 || fields[boot].Len != 8)
	for len(data) > 0 {
		w := want{columns: map[string]string{}}
		best := map[flow.Field]int{} // index in fields
		type val struct {
			f flowtest.Field
			v []byte
		}
		var vals []val
		rest := data
		ok := true
		for _, f := range fields {
			n := int(f.Len)
			if version == 10 && f.Len == 0xffff {
				if len(rest) < 1 {
					ok = false
					break
				}
				n = int(rest[0])
				rest = rest[1:]
				if n == 255 {
					if len(rest) < 2 {
						ok = false
						break
					}
					n = int(binary.BigEndian.Uint16(rest))
					rest = rest[2:]
				}
			}
			if len(rest) < n {
				ok = false
				break
			}
			vals = append(vals, val{f, rest[:n]})
			rest = rest[n:]
		}
		if !ok || len(rest) == len(data) {
			return all
		}
		data = rest
		rank := func(x flow.Field, id uint16) int { return slices.Index(flow.Fields[x].IEs, id) }
		fixedFirst := []int{}
		for i, v := range vals {
			if v.f.Len != 0xffff || version == 9 {
				fixedFirst = append(fixedFirst, i)
			}
		}
		for i, v := range vals {
			if v.f.Len == 0xffff && version == 10 {
				fixedFirst = append(fixedFirst, i)
			}
		}
		taken := map[int]bool{}
		for _, i := range fixedFirst {
			v := vals[i]
			x, ok := columnFor(v.f, version)
			if !ok {
				continue
			}
			variable := v.f.Len == 0xffff && version == 10
			if j, have := best[x]; have && (variable || rank(x, vals[j].f.ID) <= rank(x, v.f.ID)) {
				continue
			} else if have {
				delete(taken, j)
			}
			best[x] = i
			taken[i] = true
		}
		for _, i := range fixedFirst {
			v := vals[i]
			if taken[i] {
				x, _ := columnFor(v.f, version)
				w.columns[flow.Fields[x].Name] = fmt.Sprintf("%x", bytes.TrimLeft(v.v, "\x00"))
				if flow.Fields[x].Kind == flow.KindStr {
					w.columns[flow.Fields[x].Name] = fmt.Sprintf("%x", bytes.TrimRight(v.v, "\x00"))
				}
			}
			if (!taken[i] || adrift && (v.f.ID == 21 || v.f.ID == 22)) && v.f.Len > 0 && (v.f.ID != 210 || v.f.PEN != 0) { // 210 is padding
				w.extras = append(w.extras, fmt.Sprintf("%d/%d=%x", v.f.PEN, v.f.ID, v.v))
			}
		}
		all = append(all, w)
	}
	return all
}

// columnFor says which column a field may fill; those that take more than the
// field's own octets (times, rates, applications) are tested elsewhere.
func columnFor(f flowtest.Field, version uint8) (flow.Field, bool) {
	if f.PEN != 0 || f.Len == 0 {
		return 0, false
	}
	for i := range flow.Fields {
		c := &flow.Fields[i]
		if !slices.Contains(c.IEs, f.ID) {
			continue
		}
		ok := false
		switch c.Kind {
		case flow.KindAddr:
			ok = f.Len == 4 || f.Len == 16
		case flow.KindMAC:
			ok = f.Len == 6
		case flow.KindStr:
			ok = true
		case flow.KindUint, flow.KindApp:
			ok = f.Len <= 8
		case flow.KindTime:
			ok = flow.Field(i) != flow.FieldReceived && timeLens[f.ID] == f.Len
		}
		if f.Len == 0xffff && version == 10 && c.Kind != flow.KindStr && c.Kind != flow.KindApp {
			ok = false
		}
		return flow.Field(i), ok
	}
	return 0, false
}

var timeLens = map[uint16]uint16{21: 4, 22: 4, 150: 4, 151: 4, 152: 8, 153: 8, 154: 8, 155: 8, 156: 8, 157: 8, 158: 4, 159: 4, 322: 4, 323: 8, 324: 8, 325: 8}

// sameAsSlow holds the flows of b against the slow decoder.
func sameAsSlow(t *testing.T, b *flow.Batch, version uint8, fields []flowtest.Field, set []byte) {
	t.Helper()
	all := slow(version, fields, set)
	if len(all) != len(b.Flows) {
		t.Fatalf("%d flows, want %d", len(b.Flows), len(all))
	}
	for i, w := range all {
		f := &b.Flows[i]
		for name, hex := range w.columns {
			x, _ := flow.FieldByName(name)
			if !f.Set.Has(x) {
				t.Errorf("record %d: %s is absent", i, name)
				continue
			}
			got := ""
			switch flow.Fields[x].Kind {
			case flow.KindTime, flow.KindApp:
				continue
			case flow.KindAddr:
				a := f.Addr(x)
				got = fmt.Sprintf("%x", bytes.TrimLeft(a[:], "\x00"))
				if a.Is4() {
					got = fmt.Sprintf("%x", bytes.TrimLeft(a[12:], "\x00"))
				}
			case flow.KindStr:
				got = fmt.Sprintf("%x", b.Strings.Get(flow.Str(f.Uint(x))))
			default:
				v := f.Uint(x)
				if v == 1<<(8*flow.Fields[x].Size)-1 {
					continue // as large as the column holds
				}
				got = fmt.Sprintf("%x", bytes.TrimLeft(be(v, 8), "\x00"))
			}
			if got != hex {
				t.Errorf("record %d: %s is %s, want %s", i, name, got, hex)
			}
		}
		var extras []string
		for e, v := range b.Extra(f) {
			extras = append(extras, fmt.Sprintf("%d/%d=%x", e.PEN, e.ID, v))
		}
		if !slices.Equal(extras, w.extras) {
			t.Errorf("record %d: extras %v, want %v", i, extras, w.extras)
		}
	}
}

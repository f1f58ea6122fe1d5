package plugin

import (
	"strconv"
	"strings"
	"time"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/query"
)

// A value is a column's value of some flow: in uint, addr or str, by its kind.
type value struct {
	field flow.Field
	set   bool // whether the flow has the column
	uint  uint64
	addr  flow.Addr
	str   string
}

// valueOf returns column x of f.
func valueOf(b *flow.Batch, f *flow.Flow, x flow.Field) value {
	v := value{field: x, set: f.Set.Has(x)}
	switch a := f.Addr(x); {
	case a != nil:
		v.addr = *a
	case flow.Fields[x].Kind == flow.KindStr:
		v.str = string(b.Strings.Get(flow.Str(f.Uint(x))))
	default:
		v.uint = f.Uint(x)
	}
	return v
}

// keyText returns the value that a group has of d.
func keyText(d *query.Dim, k *query.Key) string {
	return value{d.Of.Fields[0], !k.Missing, k.Uint, k.Addr, k.Text}.String()
}

// missing is the text of a column that a flow doesn't have.
const missing = "(none)"

// String returns the value as weir writes it everywhere: addresses in RFC 5952
// form, times in RFC 3339, applications as engine:selector.
func (v value) String() string {
	if !v.set {
		return missing
	}
	switch flow.Fields[v.field].Kind {
	case flow.KindAddr:
		return v.addr.String()
	case flow.KindStr:
		return strings.ToValidUTF8(v.str, "\uFFFD")
	case flow.KindTime:
		layout := "2006-01-02T15:04:05.000Z"
		switch {
		case v.uint%1e3 != 0:
			layout = "2006-01-02T15:04:05.000000000Z"
		case v.uint%1e6 != 0:
			layout = "2006-01-02T15:04:05.000000Z"
		}
		return time.Unix(0, int64(v.uint)).UTC().Format(layout)
	case flow.KindMAC:
		return mac(flow.MAC(v.uint))
	case flow.KindApp:
		return strconv.FormatUint(v.uint>>56, 10) + ":" + strconv.FormatUint(v.uint&(1<<56-1), 10)
	}
	return strconv.FormatUint(v.uint, 10)
}

func mac(m flow.MAC) string {
	const hex = "0123456789abcdef"
	var t []byte
	for shift := 44; shift >= 0; shift -= 4 {
		t = append(t, hex[m>>shift&15])
		if shift%8 == 0 && shift > 0 {
			t = append(t, ':')
		}
	}
	return string(t)
}

package wire

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/weirflow/weir/plugins/detectpb"
	"github.com/weirflow/weir/shared/flow"
)

func le32(d []byte) uint32         { return binary.LittleEndian.Uint32(d) }
func putLE32(d []byte, v uint32)   { binary.LittleEndian.PutUint32(d, v) }
func le16(d []byte) uint16         { return binary.LittleEndian.Uint16(d) }
func putLE16(d []byte, v uint16)   { binary.LittleEndian.PutUint16(d, v) }
func has(bits []byte, i int) bool  { return bits[i>>3]>>(i&7)&1 != 0 }
func octets(rows int) (octets int) { return (rows + 7) / 8 }

// A Decoder turns columns into rows. One goroutine uses it at a time.
type Decoder struct {
	fields []target // by the sender's number
	texts  []flow.Str
}

// A target is the column that a sender's column fills.
type target struct {
	field flow.Field
	known bool
}

// NewDecoder makes a Decoder for a sender that announced o. Columns that this
// side doesn't know are ignored; one that has another form here is an error.
func NewDecoder(o *detectpb.Open) (*Decoder, error) {
	d := &Decoder{}
	for _, c := range o.GetColumns() {
		x, ok := flow.FieldByName(c.GetName())
		if ok && (uint32(width(x)) != c.GetWidth() || (flow.Fields[x].Kind == flow.KindStr) != c.GetText()) {
			return nil, fmt.Errorf("column %s has %d octets there and %d here", c.GetName(), c.GetWidth(), width(x))
		}
		d.fields = append(d.fields, target{x, ok})
	}
	return d, nil
}

var errColumn = errors.New("column's length doesn't fit its rows")

// Decode resets b and fills it with the rows of m. After an error b holds
// nothing of use.
func (d *Decoder) Decode(b *flow.Batch, m *detectpb.Batch) error {
	b.Reset()
	if m.GetRows() > MaxRows {
		return fmt.Errorf("batch of %d rows is over %d", m.GetRows(), MaxRows)
	}
	rows := int(m.GetRows())
	every, err := d.check(m, rows)
	if err != nil {
		return err
	}
	d.texts = append(d.texts[:0], 0)
	for _, s := range m.GetStrings() {
		d.texts = append(d.texts, b.Strings.Intern(s))
	}
	proto := flow.Flow{Set: every}
	all := b.Grow(rows)
	for lo := 0; lo < rows; lo += block {
		fl := all[lo:min(lo+block, rows)]
		for i := range fl {
			fl[i] = proto
		}
		for _, c := range m.GetColumns() {
			t := d.fields[c.Index]
			switch {
			case !t.known:
			case c.Encoding == detectpb.Column_IPV4:
				store4(fl, c.Data[4*lo:], t.field)
			default:
				store(fl, c.Data[width(t.field)*lo:], t.field)
			}
		}
	}
	for _, c := range m.GetColumns() {
		t := d.fields[c.Index]
		if t.known && len(c.Present) > 0 {
			mask(all, c, t.field)
		}
		if t.known && flow.Fields[t.field].Kind == flow.KindStr {
			if err := d.texted(all, t.field); err != nil {
				return err
			}
		}
	}
	return nil
}

// check compares all lengths in m with its rows and returns the columns that
// every row has.
func (d *Decoder) check(m *detectpb.Batch, rows int) (every flow.Set, err error) {
	for _, c := range m.GetColumns() {
		if int(c.GetIndex()) >= len(d.fields) {
			return every, fmt.Errorf("column %d was not announced", c.GetIndex())
		}
		t := d.fields[c.Index]
		if !t.known {
			continue
		}
		w := width(t.field)
		switch c.GetEncoding() {
		case detectpb.Column_PLAIN:
		case detectpb.Column_IPV4:
			if w = 4; flow.Fields[t.field].Kind != flow.KindAddr {
				return every, fmt.Errorf("column %s holds no addresses", flow.Fields[t.field].Name)
			}
		default:
			return every, fmt.Errorf("encoding %d is not known", c.GetEncoding())
		}
		if len(c.GetData()) != w*rows || len(c.GetPresent()) != 0 && len(c.GetPresent()) != octets(rows) {
			return every, fmt.Errorf("%s: %w", flow.Fields[t.field].Name, errColumn)
		}
		if len(c.GetPresent()) == 0 {
			every.Add(t.field)
		}
	}
	return every, nil
}

// mask notes which rows have column x. Those that don't get the zero address;
// their other values crossed as zero.
func mask(fl []flow.Flow, c *detectpb.Column, x flow.Field) {
	for i := range fl {
		if has(c.Present, i) {
			fl[i].Set.Add(x)
		} else if c.Encoding == detectpb.Column_IPV4 {
			*fl[i].Addr(x) = flow.Addr{}
		}
	}
}

// texted turns numbers of the message's strings into those of the batch.
func (d *Decoder) texted(fl []flow.Flow, x flow.Field) error {
	for i := range fl {
		v := fl[i].Uint(x)
		if v >= uint64(len(d.texts)) {
			return fmt.Errorf("%s: string %d of %d", flow.Fields[x].Name, v, len(d.texts)-1)
		}
		fl[i].SetUint(x, uint64(d.texts[v]))
	}
	return nil
}

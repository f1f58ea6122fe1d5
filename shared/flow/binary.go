package flow

import (
	"encoding/binary"
	"errors"
)

// ErrBatch is what ReadBatch returns for octets that are no batch.
var ErrBatch = errors.New("not a batch of flows")

// AppendBatch appends all that b holds to dst, in a form that ReadBatch of the
// same version of weir reads: for a queue on disk, not for keeping. Strings that
// no flow has, as when a column was hidden, stay out. Numbers are big-endian.
func AppendBatch(dst []byte, b *Batch) []byte {
	u32 := binary.BigEndian.AppendUint32
	dst = u32(dst, uint32(NumFields))
	number := used(b)
	dst = appendStrings(dst, &b.Strings, number)
	dst = append(u32(dst, uint32(len(b.arena))), b.arena...)
	dst = u32(dst, uint32(len(b.Flows)))
	for i := range b.Flows {
		dst = appendFlow(dst, &b.Flows[i], number)
	}
	dst = u32(dst, uint32(len(b.Options)))
	for i := range b.Options {
		o := &b.Options[i]
		dst = binary.BigEndian.AppendUint64(dst, uint64(o.Received))
		dst = append(append(dst, o.Exporter[:]...), o.Sender[:]...)
		dst = u32(dst, o.Domain)
		dst = binary.BigEndian.AppendUint16(dst, o.Template)
		dst = append(dst, o.Version, o.Scopes)
		dst = u32(u32(dst, o.extra.off), o.extra.n)
	}
	dst = u32(dst, uint32(len(b.Counters)))
	for i := range b.Counters {
		dst = appendCounter(dst, &b.Counters[i])
	}
	return dst
}

// strColumns are those whose values are Strs or Names.
var strColumns = func() (s Set) {
	for x := range Fields {
		if Fields[x].Kind == KindStr {
			s.Add(Field(x))
		}
	}
	return s
}()

// used returns, by Str, the number that a string of b is written under; 0 if no
// flow has it. The order stays.
func used(b *Batch) []uint32 {
	number := make([]uint32, b.Strings.Len()+1)
	if len(number) == 1 {
		return number
	}
	for i := range b.Flows {
		f := &b.Flows[i]
		set := Set{f.Set[0] & strColumns[0], f.Set[1] & strColumns[1]}
		for x, ok := set.Next(0); ok; x, ok = set.Next(x + 1) {
			if v := f.Uint(x); v < uint64(len(number)) {
				number[v] = 1
			}
		}
	}
	number[0] = 0
	n := uint32(0)
	for i := range number {
		if number[i] != 0 {
			n++
			number[i] = n
		}
	}
	return number
}

func appendStrings(dst []byte, s *Strings, number []uint32) []byte {
	at := len(dst)
	dst = binary.BigEndian.AppendUint32(dst, 0)
	n, end := uint32(0), uint32(0)
	for i, x := range number {
		if x != 0 {
			n, end = x, end+uint32(len(s.Get(Str(i))))
			dst = binary.BigEndian.AppendUint32(dst, end)
		}
	}
	binary.BigEndian.PutUint32(dst[at:], n)
	for i, x := range number {
		if x != 0 {
			dst = append(dst, s.Get(Str(i))...)
		}
	}
	return dst
}

// appendFlow appends f, whose strings are written under number.
func appendFlow(dst []byte, f *Flow, number []uint32) []byte {
	dst = binary.BigEndian.AppendUint64(dst, f.Set[0])
	dst = binary.BigEndian.AppendUint64(dst, f.Set[1])
	dst = append(dst, byte(f.Marks))
	dst = binary.BigEndian.AppendUint32(dst, f.extra.off)
	dst = binary.BigEndian.AppendUint32(dst, f.extra.n)
	for x, ok := f.Set.Next(0); ok; x, ok = f.Set.Next(x + 1) {
		if a := f.Addr(x); a != nil {
			dst = append(dst, a[:]...)
			continue
		}
		v := f.Uint(x)
		if strColumns.Has(x) {
			if v < uint64(len(number)) {
				v = uint64(number[v])
			} else {
				v = 0
			}
		}
		dst = binary.AppendUvarint(dst, v)
	}
	return dst
}

func appendCounter(dst []byte, c *Counter) []byte {
	dst = binary.BigEndian.AppendUint64(dst, uint64(c.Received))
	dst = append(append(dst, c.Exporter[:]...), c.Sender[:]...)
	for _, v := range [...]uint32{c.Domain, c.Sequence, c.Class, c.Index, c.extra.off, c.extra.n} {
		dst = binary.BigEndian.AppendUint32(dst, v)
	}
	has := byte(0)
	if c.HasInterface {
		has = 1
	}
	dst = append(dst, c.Version, has)
	for _, v := range c.Interface.words() {
		dst = binary.BigEndian.AppendUint64(dst, *v)
	}
	for _, v := range c.Interface.halves() {
		dst = binary.BigEndian.AppendUint32(dst, *v)
	}
	return dst
}

func (i *Interface) words() [3]*uint64 { return [...]*uint64{&i.Speed, &i.InOctets, &i.OutOctets} }

func (i *Interface) halves() [16]*uint32 {
	return [...]*uint32{
		&i.Index, &i.Type, &i.Direction, &i.Status,
		&i.InUnicast, &i.InMulticast, &i.InBroadcast, &i.InDiscards, &i.InErrors, &i.InUnknownProtos,
		&i.OutUnicast, &i.OutMulticast, &i.OutBroadcast, &i.OutDiscards, &i.OutErrors, &i.Promiscuous,
	}
}

// ReadBatch puts what AppendBatch has written into b, in place of what it holds.
func ReadBatch(b *Batch, d []byte) error {
	b.Reset()
	r := batchReader{d: d}
	if r.uint32() != NumFields {
		return ErrBatch
	}
	r.strings(&b.Strings)
	n := r.count(1)
	_, arena := b.Arena(n)
	copy(arena, r.octets(n))
	for range r.count(25) {
		b.Flows = append(b.Flows, r.flow(b))
	}
	for range r.count(56) {
		o := Option{Received: int64(r.uint64()), Exporter: r.addr(), Sender: r.addr(), Domain: r.uint32(), Template: r.uint16(), Version: r.octet(), Scopes: r.octet()}
		o.extra = r.span(b)
		b.Options = append(b.Options, o)
	}
	for range r.count(154) {
		b.Counters = append(b.Counters, r.counter(b))
	}
	if r.bad || len(r.d) > 0 {
		b.Reset()
		return ErrBatch
	}
	return nil
}

// A batchReader takes octets apart. After an error it is bad and reads zeros.
type batchReader struct {
	d   []byte
	bad bool
}

var zeros [16]byte

func (r *batchReader) octets(n int) []byte {
	if r.bad || n > len(r.d) {
		r.bad = true
		return zeros[:min(n, len(zeros))]
	}
	v := r.d[:n]
	r.d = r.d[n:]
	return v
}

func (r *batchReader) octet() byte    { return r.octets(1)[0] }
func (r *batchReader) uint16() uint16 { return binary.BigEndian.Uint16(r.octets(2)) }
func (r *batchReader) uint32() uint32 { return binary.BigEndian.Uint32(r.octets(4)) }
func (r *batchReader) uint64() uint64 { return binary.BigEndian.Uint64(r.octets(8)) }
func (r *batchReader) addr() Addr     { return Addr(r.octets(16)) }

// count reads how many things of at least size octets follow.
func (r *batchReader) count(size int) int {
	n := uint64(r.uint32())
	if r.bad || n*uint64(size) > uint64(len(r.d)) {
		r.bad = true
		return 0
	}
	return int(n)
}

func (r *batchReader) span(b *Batch) span {
	s := span{r.uint32(), r.uint32()}
	if uint64(s.off)+uint64(s.n) > uint64(len(b.arena)) {
		r.bad = true
		return span{}
	}
	return s
}

func (r *batchReader) strings(s *Strings) {
	ends := r.octets(4 * r.count(4))
	if r.bad {
		return
	}
	from := uint32(0)
	text := r.d
	for ; len(ends) > 0; ends = ends[4:] {
		end := binary.BigEndian.Uint32(ends)
		if end <= from || uint64(end) > uint64(len(text)) {
			r.bad = true
			return
		}
		s.Intern(text[from:end])
		from = end
	}
	r.octets(int(from))
}

func (r *batchReader) flow(b *Batch) (f Flow) {
	set := Set{r.uint64(), r.uint64()}
	f.Marks = Mark(r.octet())
	f.extra = r.span(b)
	for x, ok := set.Next(0); ok && !r.bad; x, ok = set.Next(x + 1) {
		if int(x) >= NumFields {
			r.bad = true
			break
		}
		if a := f.Addr(x); a != nil {
			*a = r.addr()
			continue
		}
		v, n := binary.Uvarint(r.d)
		if n <= 0 || Fields[x].Kind == KindStr && v > uint64(b.Strings.Len()) {
			r.bad = true
			break
		}
		r.d = r.d[n:]
		f.SetUint(x, v)
	}
	f.Set = set
	return f
}

func (r *batchReader) counter(b *Batch) (c Counter) {
	c = Counter{Received: int64(r.uint64()), Exporter: r.addr(), Sender: r.addr(), Domain: r.uint32(), Sequence: r.uint32(), Class: r.uint32(), Index: r.uint32()}
	c.extra = r.span(b)
	c.Version, c.HasInterface = r.octet(), r.octet() == 1
	for _, v := range c.Interface.words() {
		*v = r.uint64()
	}
	for _, v := range c.Interface.halves() {
		*v = r.uint32()
	}
	return c
}

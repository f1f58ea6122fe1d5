package modinput

import "github.com/weirflow/weir/shared/flow"

// A remap brings flows from one batch into another. It knows the texts that are
// there already: to look one up costs more than its number.
type remap struct {
	epoch uint32
	seen  []uint64 // by the number in the one: epoch<<32 | the number in the other
}

// texts are the columns that are texts.
var texts = func() (s flow.Set) {
	for x := range flow.Fields {
		if flow.Fields[x].Kind == flow.KindStr {
			s.Add(flow.Field(x))
		}
	}
	return s
}()

// start is called for a new batch to take from.
func (r *remap) start(b *flow.Batch) {
	r.restart()
	r.room(b)
}

// restart is called for a new batch to bring them to.
func (r *remap) restart() {
	if r.epoch++; r.epoch == 0 {
		r.forget()
		r.epoch = 1
	}
}

// begin does both, for the one of that number.
func (r *remap) begin(b *flow.Batch, epoch uint32) {
	r.epoch = epoch
	r.room(b)
}

func (r *remap) room(b *flow.Batch) {
	if n := b.Strings.Len() + 1; len(r.seen) < n {
		r.seen = append(r.seen, make([]uint64, n+n/2-len(r.seen))...)
	}
}

// forget forgets all texts.
func (r *remap) forget() { clear(r.seen) }

// copy gives g, a flow of p that was f of b, the texts and the extras of f, those
// behind extras that g has, and returns how many octets p has now more.
func (r *remap) copy(p *flow.Batch, g *flow.Flow, b *flow.Batch, f *flow.Flow) (octets int) {
	set := flow.Set{f.Set[0] & texts[0], f.Set[1] & texts[1]}
	for x, ok := set.Next(0); ok; x, ok = set.Next(x + 1) {
		v := f.Uint(x)
		y := uint32(0)
		if v != 0 && v <= uint64(b.Strings.Len()) {
			if v >= uint64(len(r.seen)) {
				r.room(b)
			}
			m := r.seen[v]
			if y = uint32(m); uint32(m>>32) != r.epoch || y == 0 {
				text := b.Strings.Get(flow.Str(v))
				y = uint32(p.Strings.Intern(text))
				r.seen[v] = uint64(r.epoch)<<32 | uint64(y)
				octets += len(text)
			}
		}
		g.SetUint(x, uint64(y))
	}
	if f.HasExtra() {
		p.JoinExtra(g, b, f)
		_, n := f.ExtraAt()
		octets += int(n)
	}
	return octets
}

package host

import (
	"bytes"
	"cmp"
	"slices"
	"time"

	"github.com/weirflow/weir/plugins/detect"
	"github.com/weirflow/weir/shared/flow"
)

// An Orderer holds rows back until all that end before them may be thought to
// have come, and hands them out ordered by (End, Exporter, Domain, arrival). Its
// clock is the time at which rows were received: the watermark stays lateness
// behind the latest of them. A row that comes behind the watermark is left out
// and counted. One goroutine uses it at a time.
type Orderer struct {
	lateness  int64
	watermark int64
	received  int64 // the latest
	serial    uint64
	late      int

	held  []place     // in no order
	rows  []flow.Flow // held rows and free places; they don't move
	free  []int32     // in rows
	texts *flow.Strings
	other *flow.Strings // spare
	kept  int           // texts when they were last cleaned
}

// A place says where a held row is, and what it is mostly sorted by.
type place struct {
	end    int64
	serial uint64
	row    int32
}

// Lateness is how long after its end a flow may be received: exporters report
// one when it has been silent for their inactive timeout, and a long one each
// active timeout.
const Lateness = 2 * time.Minute

// MaxHeld is the number of rows that an Orderer holds, in about 180 MB; with
// more, the watermark moves on early.
const MaxHeld = 1 << 19

// NewOrderer makes an Orderer; 0 stands for Lateness.
func NewOrderer(lateness time.Duration) *Orderer {
	return &Orderer{lateness: int64(cmp.Or(lateness, Lateness)), texts: &flow.Strings{}, other: &flow.Strings{}}
}

// Add takes copies of the rows of b, without their elements that have no
// column.
func (o *Orderer) Add(b *flow.Batch) {
	for i := range b.Flows {
		f := &b.Flows[i]
		o.received = max(o.received, f.Received)
		if f.End < o.watermark {
			o.late++
			continue
		}
		var n int32
		if last := len(o.free) - 1; last >= 0 {
			n, o.free = o.free[last], o.free[:last]
		} else {
			n = int32(len(o.rows))
			o.rows = append(o.rows, flow.Flow{})
		}
		to := &o.rows[n]
		*to = *f
		to.SetExtra(0, 0)
		retext(to, o.texts, &b.Strings)
		o.serial++
		o.held = append(o.held, place{f.End, o.serial, n})
	}
}

// Ready tells whether enough time has passed, or enough rows have come, for
// Release to be worth its cost.
func (o *Orderer) Ready() bool {
	return len(o.held) >= MaxHeld || o.received-o.lateness-o.watermark >= o.lateness/8
}

// Release fills in with the rows that are due, and the watermark behind them.
// in.Flows is reset, or made; in.Exporters is left alone.
func (o *Orderer) Release(in *detect.Input) {
	watermark := o.received - o.lateness
	if len(o.held) >= MaxHeld {
		slices.SortFunc(o.held, func(a, b place) int { return cmp.Compare(a.end, b.end) })
		watermark = max(watermark, o.held[len(o.held)/2].end)
	}
	o.release(in, watermark)
}

// Finish is Release when no row will follow: all are due, and the watermark is
// detect.Forever.
func (o *Orderer) Finish(in *detect.Input) { o.release(in, detect.Forever) }

func (o *Orderer) release(in *detect.Input, watermark int64) {
	o.watermark = max(o.watermark, watermark)
	// Those that are due move to the front.
	due := 0
	for i := range o.held {
		if o.held[i].end < o.watermark || o.watermark == detect.Forever {
			o.held[i], o.held[due] = o.held[due], o.held[i]
			due++
		}
	}
	slices.SortFunc(o.held[:due], o.compare)

	if in.Flows == nil {
		in.Flows = &flow.Batch{}
	}
	in.Flows.Reset()
	out := in.Flows.Grow(due)
	for i, p := range o.held[:due] {
		out[i] = o.rows[p.row]
		retext(&out[i], &in.Flows.Strings, o.texts)
		o.free = append(o.free, p.row)
	}
	o.held = o.held[:copy(o.held, o.held[due:])]
	o.clean()
	in.Watermark, in.Late = o.watermark, o.late
	o.late = 0
}

func (o *Orderer) compare(a, b place) int {
	if a.end != b.end {
		return cmp.Compare(a.end, b.end)
	}
	f, g := &o.rows[a.row], &o.rows[b.row]
	return cmp.Or(
		bytes.Compare(f.Exporter[:], g.Exporter[:]),
		cmp.Compare(f.Domain, g.Domain),
		cmp.Compare(a.serial, b.serial),
	)
}

// clean forgets texts that no held row has, when there may be many.
func (o *Orderer) clean() {
	if o.texts.Len() < 2*o.kept+1024 {
		return
	}
	o.other.Reset()
	for _, p := range o.held {
		retext(&o.rows[p.row], o.other, o.texts)
	}
	o.texts, o.other = o.other, o.texts
	o.kept = o.texts.Len()
}

// textFields are the columns that refer to a batch's strings.
var textFields = func() (set flow.Set) {
	for x := range flow.Fields {
		if flow.Fields[x].Kind == flow.KindStr {
			set.Add(flow.Field(x))
		}
	}
	return set
}()

// retext makes the texts of f refer to to instead of from.
func retext(f *flow.Flow, to, from *flow.Strings) {
	s := flow.Set{f.Set[0] & textFields[0], f.Set[1] & textFields[1]}
	for x, ok := s.Next(0); ok; x, ok = s.Next(x + 1) {
		f.SetUint(x, uint64(to.Intern(from.Get(flow.Str(f.Uint(x))))))
	}
}

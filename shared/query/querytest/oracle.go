package querytest

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"math"
	"math/big"
	"slices"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/query"
)

// Oracle answers r, which is valid, from the flows of b: with maps, and numbers of
// any size. Of filters it takes the word of query.Filter.Match.
func Oracle(b *flow.Batch, r *query.Request) *query.Answer {
	o := &oracle{b: b, r: r, answer: &query.Answer{}}
	o.total = o.account()
	o.observe()
	switch r.Shape {
	case query.Groups:
		o.groups()
	case query.Flows:
		o.flows()
	case query.Conversations:
		o.conversations()
	}
	var rates []uint32
	for _, p := range o.parts {
		n := one(p.whole(1))
		o.answer.Flows += n
		if p.f.SamplingRate == 0 {
			o.answer.Unknown += n
		}
		if p.f.SamplingRate > 1 {
			o.answer.Sampled += n
			rates = append(rates, p.f.SamplingRate)
		}
		o.total.add(o, p)
	}
	if o.answer.Sampled > 0 {
		o.answer.LeastRate, o.answer.MostRate = slices.Min(rates), slices.Max(rates)
	}
	for m := range r.Metrics {
		n := uint64(0)
		if r.Metrics[m].Fold == query.Total && r.Metrics[m].Of != query.Distinct {
			n = most(o.total.sums[m])
		}
		o.answer.Total = append(o.answer.Total, n)
	}
	return o.answer
}

type oracle struct {
	b      *flow.Batch
	r      *query.Request
	parts  []part // what counts
	total  *account
	answer *query.Answer
}

// A part is what counts of a flow: of what it has in [from, to), all.
type part struct {
	f          *flow.Flow
	start, end int64
	from, to   int64
}

func one(v *big.Int) uint64 { return v.Uint64() }

// most is v, or the most that 64 bits hold.
func most(v *big.Int) uint64 {
	if v.IsUint64() {
		return v.Uint64()
	}
	return math.MaxUint64
}

func span(f *flow.Flow) (start, end int64) {
	hasStart, hasEnd := f.Set.Has(flow.FieldStart), f.Set.Has(flow.FieldEnd)
	switch {
	case hasStart && hasEnd && f.End < f.Start:
		return f.Start, f.Start
	case hasStart && hasEnd:
		return f.Start, f.End
	case hasStart:
		return f.Start, f.Start
	case hasEnd:
		return f.End, f.End
	}
	return f.Received, f.Received
}

func seen(start, end, from, to int64) bool {
	if start == end {
		return from <= start && start < to
	}
	return start < to && end > from
}

// carried is what a flow of that volume has in [from, to): SEMANTICS, Rates over
// time.
func carried(volume *big.Int, start, end, from, to int64) *big.Int {
	if start == end {
		if seen(start, end, from, to) {
			return volume
		}
		return new(big.Int)
	}
	until := func(t int64) *big.Int {
		t = min(max(t, start), end)
		x := new(big.Int).Sub(big.NewInt(t), big.NewInt(start))
		return x.Div(x.Mul(x, volume), new(big.Int).Sub(big.NewInt(end), big.NewInt(start)))
	}
	return new(big.Int).Sub(until(to), until(from))
}

// in returns what p has in [from, to) of a volume of its flow.
func (p part) in(volume *big.Int, from, to int64) *big.Int {
	from, to = max(from, p.from), min(to, p.to)
	if from >= to {
		return new(big.Int)
	}
	return carried(volume, p.start, p.end, from, to)
}

func (p part) whole(volume uint64) *big.Int {
	return carried(new(big.Int).SetUint64(volume), p.start, p.end, p.from, p.to)
}

// volume is what there is of the whole flow, scaled unless raw.
func volume(f *flow.Flow, of query.Volume, raw bool) *big.Int {
	n := uint64(1)
	switch of {
	case query.Bytes:
		n = f.Bytes
	case query.Packets:
		n = f.Packets
	}
	v := new(big.Int).SetUint64(n)
	if of != query.Records && !raw {
		v.Mul(v, big.NewInt(int64(max(f.SamplingRate, 1))))
	}
	return v.SetUint64(most(v))
}

// observe finds the parts of flows that count: of those that the filter chooses
// what was seen in the interval, and with Dedup, of that the minutes in which the
// flow's point of observation is the one with the most bytes.
func (o *oracle) observe() {
	type observed struct {
		tuple  string
		minute int64
		point  string
	}
	minutes := func(f *flow.Flow, each func(from, to int64)) {
		start, end := span(f)
		from, to := max(start, o.r.From), min(end, o.r.To)
		minute := from / query.DedupBin * query.DedupBin
		for minute -= query.DedupBin; minute <= to; minute += query.DedupBin {
			if seen(start, end, minute, minute+query.DedupBin) {
				each(minute, minute+query.DedupBin)
			}
		}
	}
	bytes := map[observed]*big.Int{}
	best := map[observed]string{}      // point is ""
	points := map[string][]query.Key{} // by text
	of := func(f *flow.Flow, from int64) observed {
		tuple := o.key(f, flow.FieldSrcAddr, flow.FieldDstAddr, flow.FieldProto, flow.FieldSrcPort, flow.FieldDstPort)
		point := o.key(f, flow.FieldExporter, flow.FieldDomain, flow.FieldDirection)
		points[textOf(point)] = point
		return observed{textOf(tuple), from, textOf(point)}
	}
	tuple := func(f *flow.Flow) bool { return f.Set.Has(flow.FieldSrcAddr) && f.Set.Has(flow.FieldDstAddr) }
	var chosen []*flow.Flow
	for i := range o.b.Flows {
		f := &o.b.Flows[i]
		if o.r.Filter != nil && !o.r.Filter.Match(o.b, f) {
			continue
		}
		chosen = append(chosen, f)
		if !o.r.Dedup || !tuple(f) {
			continue
		}
		start, end := span(f)
		minutes(f, func(from, to int64) {
			at := of(f, from)
			if bytes[at] == nil {
				bytes[at] = new(big.Int)
			}
			bytes[at].Add(bytes[at], carried(volume(f, query.Bytes, false), start, end, from, to))
		})
	}
	for at, n := range bytes {
		point := at.point
		at.point = ""
		old, ok := best[at]
		had := bytes[observed{at.tuple, at.minute, old}]
		if !ok || most(n) > most(had) || most(n) == most(had) && compareKeys(points[point], points[old], false) < 0 {
			best[at] = point
		}
	}
	for _, f := range chosen {
		start, end := span(f)
		add := func(from, to int64) {
			from, to = max(from, o.r.From), min(to, o.r.To)
			if from < to && seen(start, end, from, to) {
				o.parts = append(o.parts, part{f, start, end, from, to})
			}
		}
		if !o.r.Dedup || !tuple(f) {
			add(o.r.From, o.r.To)
			continue
		}
		minutes(f, func(from, to int64) {
			at := of(f, from)
			point := at.point
			if at.point = ""; best[at] == point {
				add(from, to)
			}
		})
	}
}

// key is what f has in columns.
func (o *oracle) key(f *flow.Flow, columns ...flow.Field) (all []query.Key) {
	for _, x := range columns {
		all = append(all, o.value(f, x))
	}
	return all
}

func (o *oracle) value(f *flow.Flow, x flow.Field) query.Key {
	if !f.Set.Has(x) {
		return query.Key{Missing: true}
	}
	switch flow.Fields[x].Kind {
	case flow.KindAddr:
		return query.Key{Addr: *f.Addr(x)}
	case flow.KindStr:
		return query.Key{Text: string(bytes.ToValidUTF8(o.b.Strings.Get(flow.Str(f.Uint(x))), []byte("\uFFFD")))}
	}
	return query.Key{Uint: f.Uint(x)}
}

// side is what the source side (0) or the destination side (1) of f has for d.
func (o *oracle) side(f *flow.Flow, d *query.Dim, side int) query.Key {
	if len(d.Of.Fields) == 1 {
		side = 0
	}
	k := o.value(f, d.Of.Fields[side])
	if k.Missing {
		return k
	}
	k.Uint = k.Uint >> d.Of.Shift & d.Of.Mask
	bits, skip := int(d.Bit6), 0
	if k.Addr.Is4() {
		bits, skip = int(d.Bits), 96
	}
	if d.Of.Kind == query.Address && bits > 0 {
		for i := skip + bits; i < 128; i++ {
			k.Addr[i/8] &^= 0x80 >> (i % 8)
		}
	}
	return k
}

// A reading is a group that a flow counts for, and as which side.
type reading struct {
	key     []query.Key
	in, out bool
}

func (o *oracle) readings(f *flow.Flow) []reading {
	var keys [2][]query.Key
	var has [2]bool // a column that either side may have
	lower, pairs := -1, 0
	for i := range o.r.By {
		d := &o.r.By[i]
		src, dst := o.side(f, d, 0), o.side(f, d, 1)
		if d.Pair {
			pairs++
			k := query.Key{Missing: true}
			if !src.Missing && !dst.Missing {
				lower = bytes.Compare(src.Addr[:], dst.Addr[:])
				k = query.Key{Addr: src.Addr, Peer: dst.Addr}
				if lower > 0 {
					k = query.Key{Addr: dst.Addr, Peer: src.Addr}
				}
			} else {
				lower = 0
			}
			src, dst = k, k
		} else if d.Either() {
			has[0] = has[0] || !src.Missing
			has[1] = has[1] || !dst.Missing
		}
		keys[0], keys[1] = append(keys[0], src), append(keys[1], dst)
	}
	switch {
	case pairs > 0:
		return []reading{{keys[0], lower >= 0, lower <= 0}}
	case !o.r.Either():
		return []reading{{keys[0], false, false}}
	case has[0] && !has[1]:
		return []reading{{keys[0], false, true}}
	case has[1] && !has[0]:
		return []reading{{keys[1], true, false}}
	case slices.Equal(keys[0], keys[1]):
		return []reading{{keys[0], true, true}}
	}
	return []reading{{keys[0], false, true}, {keys[1], true, false}}
}

// An account adds up what parts of flows have.
type account struct {
	key      []query.Key
	sums     []*big.Int           // of each metric
	bins     [][]*big.Int         // of each metric
	distinct []map[query.Key]bool // of each metric
	present  []bool               // of each bin: a flow was seen
	samples  *big.Int
	in, out  *account
}

func (o *oracle) account() *account {
	a := &account{samples: new(big.Int), present: make([]bool, o.r.Bins())}
	for range o.r.Metrics {
		a.sums = append(a.sums, new(big.Int))
		a.distinct = append(a.distinct, map[query.Key]bool{})
		var bins []*big.Int
		for range o.r.Bins() {
			bins = append(bins, new(big.Int))
		}
		a.bins = append(a.bins, bins)
	}
	return a
}

// bin returns the ends of bin k.
func (o *oracle) bin(k int) (from, to int64) {
	from = o.r.From + int64(k)*o.r.Bin
	if o.r.To-from < o.r.Bin {
		return from, o.r.To
	}
	return from, from + o.r.Bin
}

// textOf tells keys apart.
func textOf(keys []query.Key) (s string) {
	for _, k := range keys {
		s += fmt.Sprintf("%v %d %x %x %q,", k.Missing, k.Uint, k.Addr[:], k.Peer[:], k.Text)
	}
	return s
}

func (a *account) add(o *oracle, p part) {
	for m, metric := range o.r.Metrics {
		if metric.Of == query.Distinct {
			if v := o.value(p.f, metric.Column); !v.Missing {
				a.distinct[m][v] = true
			}
			continue
		}
		v := volume(p.f, metric.Of, o.r.Raw)
		a.sums[m].Add(a.sums[m], p.in(v, o.r.From, o.r.To))
		for k := range a.bins[m] {
			if from, to := o.bin(k); from < p.to && to > p.from {
				a.bins[m][k].Add(a.bins[m][k], p.in(v, from, to))
			}
		}
	}
	for k := range a.present {
		from, to := o.bin(k)
		from, to = max(from, p.from), min(to, p.to)
		a.present[k] = a.present[k] || from < to && seen(p.start, p.end, from, to)
	}
	if p.f.SamplingRate > 1 {
		a.samples.Add(a.samples, p.whole(p.f.Packets))
	}
}

// values are what the metrics are.
func (a *account) values(r *query.Request) (all []uint64) {
	for m, metric := range r.Metrics {
		if metric.Of == query.Distinct {
			all = append(all, uint64(len(a.distinct[m])))
			continue
		}
		if metric.Fold == query.Total {
			all = append(all, most(a.sums[m]))
			continue
		}
		var bins []uint64
		for k, v := range a.bins[m] {
			if a.present[k] || !r.Present {
				bins = append(bins, most(v))
			}
		}
		slices.Sort(bins)
		switch {
		case len(bins) == 0:
			all = append(all, 0)
		case metric.Fold == query.Peak:
			all = append(all, bins[len(bins)-1])
		default:
			all = append(all, bins[(metric.Pct*len(bins)+99)/100-1])
		}
	}
	return all
}

// series are the bins of each metric but of Distinct.
func (a *account) series(r *query.Request) (all [][]uint64) {
	for m, metric := range r.Metrics {
		var bins []uint64
		for _, v := range a.bins[m] {
			if metric.Of != query.Distinct {
				bins = append(bins, most(v))
			}
		}
		all = append(all, bins)
	}
	return all
}

func (a *account) group(r *query.Request) query.Group {
	g := query.Group{Key: a.key, Values: a.values(r), Samples: most(a.samples)}
	if r.Series {
		g.Bins = a.series(r)
	}
	if r.Sides {
		g.In, g.Out = a.in.values(r), a.out.values(r)
	}
	return g
}

func (o *oracle) groups() {
	r, all := o.r, map[string]*account{}
	for _, p := range o.parts {
		for _, g := range o.readings(p.f) {
			k := textOf(g.key)
			if all[k] == nil {
				all[k] = o.account()
				all[k].key, all[k].in, all[k].out = g.key, o.account(), o.account()
			}
			a := all[k]
			a.add(o, p)
			if g.in {
				a.in.add(o, p)
			}
			if g.out {
				a.out.add(o, p)
			}
		}
	}
	groups := make([]query.Group, 0, len(all))
	for _, a := range all {
		groups = append(groups, a.group(r))
	}
	slices.SortFunc(groups, func(a, b query.Group) int {
		return cmp.Or(cmp.Compare(b.Values[0], a.Values[0]), o.compareGroups(a.Key, b.Key))
	})
	n := min(len(groups), r.Limit)
	o.answer.Groups, o.answer.Others = groups[:n:n], len(groups)-n
	if o.answer.Others > 0 {
		o.answer.Other = o.sum(groups[n:])
	}
}

// sum is what groups have together, of that which can be added.
func (o *oracle) sum(groups []query.Group) (s query.Group) {
	add := func(to *uint64, v uint64) {
		*to = most(new(big.Int).Add(new(big.Int).SetUint64(*to), new(big.Int).SetUint64(v)))
	}
	n := len(o.r.Metrics)
	s.Values = make([]uint64, n)
	if o.r.Sides {
		s.In, s.Out = make([]uint64, n), make([]uint64, n)
	}
	if o.r.Series {
		s.Bins = make([][]uint64, n)
	}
	for _, g := range groups {
		add(&s.Samples, g.Samples)
		for m, metric := range o.r.Metrics {
			if metric.Of == query.Distinct {
				continue
			}
			if o.r.Series && s.Bins[m] == nil {
				s.Bins[m] = make([]uint64, o.r.Bins())
			}
			if o.r.Series {
				for i, v := range g.Bins[m] {
					add(&s.Bins[m][i], v)
				}
			}
			if metric.Fold != query.Total {
				continue
			}
			add(&s.Values[m], g.Values[m])
			if o.r.Sides {
				add(&s.In[m], g.In[m])
				add(&s.Out[m], g.Out[m])
			}
		}
	}
	return s
}

func (o *oracle) compareGroups(a, b []query.Key) int {
	for i := range a {
		isTime := o.r.By[i].Of.Kind == query.Time
		if c := compareKeys(a[i:i+1], b[i:i+1], isTime); c != 0 {
			return c
		}
	}
	return 0
}

// compareKeys orders keys: what is missing comes last.
func compareKeys(a, b []query.Key, isTime bool) int {
	for i := range a {
		x, y := &a[i], &b[i]
		switch {
		case x.Missing && y.Missing:
			continue
		case x.Missing:
			return 1
		case y.Missing:
			return -1
		}
		c := cmp.Compare(x.Uint, y.Uint)
		if isTime {
			c = cmp.Compare(int64(x.Uint), int64(y.Uint))
		}
		if c = cmp.Or(c, bytes.Compare(x.Addr[:], y.Addr[:]), bytes.Compare(x.Peer[:], y.Peer[:]), cmp.Compare(x.Text, y.Text)); c != 0 {
			return c
		}
	}
	return 0
}

// rank is what orders the records of an answer: the larger, the earlier.
func rank(r *query.Request, f *flow.Flow) (size uint64, known bool, received int64) {
	if len(r.Metrics) > 0 {
		size = most(volume(f, r.Metrics[0].Of, r.Raw))
	}
	return size, f.Set.Has(flow.FieldReceived), f.Received
}

func (o *oracle) flows() {
	var all []flow.Flow
	for _, p := range o.parts {
		all = append(all, *p.f)
	}
	slices.SortStableFunc(all, func(f, g flow.Flow) int {
		a, knownA, atA := rank(o.r, &f)
		b, knownB, atB := rank(o.r, &g)
		last := 0
		if knownA != knownB {
			last = 1
			if knownA {
				last = -1
			}
		}
		return cmp.Or(cmp.Compare(b, a), last, cmp.Compare(atB, atA))
	})
	n := min(len(all), o.r.Limit)
	o.answer.More = len(all) - n
	o.answer.Batch = *copyOf(o.b, all[:n])
}

// copyOf is a batch of flows, which belong to b.
func copyOf(b *flow.Batch, flows []flow.Flow) *flow.Batch {
	only := *b
	only.Flows = flows
	c := &flow.Batch{}
	if err := flow.ReadBatch(c, flow.AppendBatch(nil, &only)); err != nil {
		panic(err)
	}
	return c
}

// An endpoint is an address with a port.
type endpoint struct {
	addr flow.Addr
	port uint16
}

func (e endpoint) compare(f endpoint) int {
	return cmp.Or(bytes.Compare(e.addr[:], f.addr[:]), cmp.Compare(e.port, f.port))
}

func (o *oracle) conversations() {
	type key struct {
		a, b  endpoint // a is the lower one
		proto uint8
	}
	of := func(f *flow.Flow) key {
		k := key{endpoint{f.SrcAddr, f.SrcPort}, endpoint{f.DstAddr, f.DstPort}, f.Proto}
		if k.a.compare(k.b) > 0 {
			k.a, k.b = k.b, k.a
		}
		return k
	}
	all := map[key][]part{}
	for _, p := range o.parts {
		if p.f.Set.Has(flow.FieldSrcAddr) && p.f.Set.Has(flow.FieldDstAddr) {
			all[of(p.f)] = append(all[of(p.f)], p)
		}
	}
	var found []query.Conversation
	for k := range maps.Keys(all) {
		parts := all[k]
		slices.SortFunc(parts, func(a, b part) int { return cmp.Compare(a.start, b.start) })
		for len(parts) > 0 {
			n, end := 1, big.NewInt(parts[0].end)
			for n < len(parts) && new(big.Int).Sub(big.NewInt(parts[n].start), end).Cmp(big.NewInt(o.r.Idle)) <= 0 {
				if e := big.NewInt(parts[n].end); e.Cmp(end) > 0 {
					end = e
				}
				n++
			}
			found = append(found, o.conversation(k.a, k.b, k.proto, parts[:n]))
			parts = parts[n:]
		}
	}
	of1 := query.Bytes
	if len(o.r.Metrics) > 0 {
		of1 = o.r.Metrics[0].Of
	}
	size := func(c query.Conversation) uint64 {
		two := [...][2]uint64{query.Bytes: c.Bytes, query.Packets: c.Packets, query.Records: c.Records}[of1]
		return most(new(big.Int).Add(new(big.Int).SetUint64(two[0]), new(big.Int).SetUint64(two[1])))
	}
	slices.SortFunc(found, func(a, b query.Conversation) int {
		return cmp.Or(cmp.Compare(size(b), size(a)), cmp.Compare(a.Start, b.Start),
			bytes.Compare(a.A[:], b.A[:]), bytes.Compare(a.B[:], b.B[:]),
			cmp.Compare(a.APort, b.APort), cmp.Compare(a.BPort, b.BPort), cmp.Compare(a.Proto, b.Proto))
	})
	n := min(len(found), o.r.Limit)
	o.answer.Conversations, o.answer.More = found[:n], len(found)-n
}

// conversation is made of flows between two ends, a the lower one.
func (o *oracle) conversation(a, b endpoint, proto uint8, parts []part) query.Conversation {
	from := func(e endpoint) (all []part) {
		for _, p := range parts {
			if (endpoint{p.f.SrcAddr, p.f.SrcPort}) == e {
				all = append(all, p)
			}
		}
		return all
	}
	first := func(e endpoint) int64 {
		at := int64(math.MaxInt64)
		for _, p := range from(e) {
			at = min(at, p.start)
		}
		return at
	}
	opens := func(e endpoint) bool {
		for _, p := range from(e) {
			if p.start == first(e) && p.f.Proto == 6 && p.f.TCPFlags&0x12 == 0x02 {
				return true
			}
		}
		return false
	}
	initiates := func(x, y endpoint) bool {
		switch {
		case len(from(x)) == 0 || len(from(y)) == 0:
			return len(from(x)) > 0
		case first(x) != first(y):
			return first(x) < first(y)
		case opens(x) != opens(y):
			return opens(x)
		case x.port != y.port:
			return x.port > y.port
		}
		return x.compare(y) < 0
	}
	if initiates(b, a) {
		a, b = b, a
	}
	c := query.Conversation{A: a.addr, APort: a.port, B: b.addr, BPort: b.port, Proto: proto, Start: math.MaxInt64, End: math.MinInt64}
	sums := func(of query.Volume) (two [2]uint64) {
		for i, e := range []endpoint{a, b} {
			sum := new(big.Int)
			if i == 1 && a == b {
				break
			}
			for _, p := range from(e) {
				sum.Add(sum, p.in(volume(p.f, of, o.r.Raw), p.from, p.to))
			}
			two[i] = most(sum)
		}
		return two
	}
	c.Bytes, c.Packets, c.Records = sums(query.Bytes), sums(query.Packets), sums(query.Records)
	for _, p := range parts {
		c.Start, c.End = min(c.Start, p.start), max(c.End, p.end)
	}
	return c
}

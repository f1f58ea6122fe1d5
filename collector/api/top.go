package api

import (
	"cmp"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/query"
)

// Top is what came in an interval: one line of GET /api/v1/flows/top. Octets and
// packets are multiplied by the sampling rates, where those are known; what is more
// than 64 bits hold is the most that they do. From is as long before To as the
// interval took, whatever was done to the clock in it.
type Top struct {
	From   time.Time `json:"from"`
	To     time.Time `json:"to"`
	Total  Volume    `json:"total"`
	NoRate uint64    `json:"rate_unknown"` // flows whose sampling rate is not known
	// Tables are by source, destination, port (the lower one) and exporter, the
	// largest first.
	Tables map[string]Table `json:"tables"`
}

// A Table is what came by one thing.
type Table struct {
	Rows  []Row  `json:"rows"`
	Other Volume `json:"other"` // of all rows that are not shown
}

// A Row is one of a Table.
type Row struct {
	Key string `json:"key"`
	Volume
}

// Volume is what flows carry.
type Volume struct {
	Octets  uint64 `json:"octets"`
	Packets uint64 `json:"packets"`
	Flows   uint64 `json:"flows"`
}

func (v *Volume) add(x Volume) {
	v.Octets = flow.Plus(v.Octets, x.Octets)
	v.Packets = flow.Plus(v.Packets, x.Packets)
	v.Flows += x.Flows
}

// sub takes x away, what is there at most: sums that were too large are less.
func (v *Volume) sub(x Volume) {
	v.Octets -= min(v.Octets, x.Octets)
	v.Packets -= min(v.Packets, x.Packets)
	v.Flows -= x.Flows
}

// mostKeys is how many things a table tells apart in an interval.
const mostKeys = 1 << 16

// topKey is what flows are summed up by.
type topKey struct {
	addr  flow.Addr
	port  uint16
	proto uint8
}

// topTables says what the tables are by. false: it has none.
var topTables = []struct {
	name string
	key  func(f *flow.Flow) (topKey, bool)
	text func(topKey) string
}{
	{"source", func(f *flow.Flow) (topKey, bool) { return topKey{addr: f.SrcAddr}, f.Set.Has(flow.FieldSrcAddr) }, addrText},
	{"destination", func(f *flow.Flow) (topKey, bool) { return topKey{addr: f.DstAddr}, f.Set.Has(flow.FieldDstAddr) }, addrText},
	{"port", servicePort, portText},
	{"exporter", func(f *flow.Flow) (topKey, bool) { return topKey{addr: f.Exporter}, true }, addrText},
}

func addrText(k topKey) string { return k.addr.String() }

// servicePort takes the lower port for that of the service.
func servicePort(f *flow.Flow) (topKey, bool) {
	ok := f.Set.Has(flow.FieldSrcPort) && f.Set.Has(flow.FieldDstPort) && (f.SrcPort != 0 || f.DstPort != 0)
	port := min(f.SrcPort, f.DstPort)
	if port == 0 {
		port = max(f.SrcPort, f.DstPort)
	}
	return topKey{port: port, proto: f.Proto}, ok
}

func portText(k topKey) string {
	proto := flow.ProtoName(k.proto)
	if proto == "" {
		proto = strconv.Itoa(int(k.proto))
	}
	return strconv.Itoa(int(k.port)) + "/" + proto
}

// A counter sums up for one client.
type counter struct {
	filter *query.Filter
	which  []uint32 // of the sink's goroutine

	mu     sync.Mutex
	total  Volume
	noRate uint64
	sums   []map[topKey]Volume
}

func newCounter(filter *query.Filter) *counter {
	c := &counter{filter: filter}
	for range topTables {
		c.sums = append(c.sums, map[topKey]Volume{})
	}
	return c
}

func (c *counter) take(b *flow.Batch) (missed int) {
	c.which = selected(c.which[:0], c.filter, b)
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, i := range c.which {
		f := &b.Flows[i]
		rate := uint64(max(f.SamplingRate, 1))
		if f.SamplingRate == 0 {
			c.noRate++
		}
		v := Volume{flow.Times(f.Bytes, rate), flow.Times(f.Packets, rate), 1}
		c.total.add(v)
		for t := range topTables {
			k, ok := topTables[t].key(f)
			if !ok {
				continue
			}
			sum, known := c.sums[t][k]
			if !known && len(c.sums[t]) >= mostKeys {
				continue // it is in the rest
			}
			sum.add(v)
			c.sums[t][k] = sum
		}
	}
	return 0
}

// collect returns what has come since the last call, the n largest of each.
func (c *counter) collect(n int) Top {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := Top{Total: c.total, NoRate: c.noRate, Tables: map[string]Table{}}
	for t, sums := range c.sums {
		type entry struct {
			key topKey
			sum Volume
		}
		all := make([]entry, 0, len(sums))
		for k, v := range sums {
			all = append(all, entry{k, v})
		}
		slices.SortFunc(all, func(a, b entry) int {
			return cmp.Or(cmp.Compare(b.sum.Octets, a.sum.Octets), cmp.Compare(b.sum.Flows, a.sum.Flows),
				slices.Compare(a.key.addr[:], b.key.addr[:]), cmp.Compare(a.key.port, b.key.port))
		})
		table := Table{Rows: []Row{}, Other: c.total}
		for _, e := range all[:min(n, len(all))] {
			table.Rows = append(table.Rows, Row{topTables[t].text(e.key), e.sum})
			table.Other.sub(e.sum)
		}
		out.Tables[topTables[t].name] = table
		clear(sums)
	}
	c.total, c.noRate = Volume{}, 0
	return out
}

// top streams what came in each interval.
func (s *Server) top(w http.ResponseWriter, r *http.Request) {
	filter, ok := filterOf(w, r)
	if !ok {
		return
	}
	interval, ok := number(w, r, "interval", 2, 1, 300)
	if !ok {
		return
	}
	limit, ok := number(w, r, "limit", 10, 1, 1000)
	if !ok {
		return
	}
	c := newCounter(filter)
	leave, err := s.deps.Tail.watch(c, s.cfg.Streams)
	if err != nil {
		problem(w, http.StatusServiceUnavailable, "%v", err)
		return
	}
	defer leave()
	out := s.startStream(w, typeLines)
	began := time.Now() // as a clock tells that nobody sets
	tick := time.NewTicker(time.Duration(interval) * s.second)
	defer tick.Stop()
	for out.err == nil {
		select {
		case <-r.Context().Done():
			return
		case <-s.stopping:
			return
		case <-tick.C:
		}
		t := c.collect(limit)
		took := time.Since(began)
		began = began.Add(took)
		t.To = s.deps.Now().UTC()
		t.From = t.To.Add(-took)
		line, err := json.Marshal(t)
		if err != nil {
			panic("Top is no JSON: " + err.Error())
		}
		out.write(append(line, '\n'))
	}
}

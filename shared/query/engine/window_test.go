package engine

import (
	"context"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/query"
)

var ctx = context.Background()

// Every column, string and extra of every flow comes back.
func TestColumns(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	w := NewWindow(64<<20, time.Unix(0, 0))
	var sent []*flow.Batch
	for range 20 {
		b := randomBatch(r, 1+r.IntN(2000))
		sent = append(sent, b)
		if err := w.Write(ctx, b); err != nil {
			t.Fatal(err)
		}
	}
	v := w.View()
	if len(v.Blocks) < 3 {
		t.Fatalf("%d blocks test too little", len(v.Blocks))
	}
	k, i := 0, 0
	for _, b := range sent {
		for n := range b.Flows {
			want := &b.Flows[n]
			for i == v.Blocks[k].Rows() {
				k, i = k+1, 0
			}
			block := v.Blocks[k]
			var back flow.Batch
			block.AppendFlow(&back, i)
			got := &back.Flows[0]
			if got.Marks != want.Marks {
				t.Fatalf("flow %d is marked %b, not %b", n, got.Marks, want.Marks)
			}
			if got.Set != want.Set {
				t.Fatalf("flow %d has columns %v, not %v", n, got.Set, want.Set)
			}
			for x := range flow.Field(flow.NumFields) {
				switch {
				case want.Addr(x) != nil:
					if *got.Addr(x) != *want.Addr(x) {
						t.Fatalf("%s is %v, not %v", flow.Fields[x].Name, got.Addr(x), want.Addr(x))
					}
				case flow.Fields[x].Kind == flow.KindStr:
					g, w := back.Strings.Get(flow.Str(got.Uint(x))), b.Strings.Get(flow.Str(want.Uint(x)))
					if string(g) != string(w) {
						t.Fatalf("%s is %q, not %q", flow.Fields[x].Name, g, w)
					}
				case got.Uint(x) != want.Uint(x):
					t.Fatalf("%s is %d, not %d", flow.Fields[x].Name, got.Uint(x), want.Uint(x))
				}
			}
			type pair struct {
				flow.Element
				v string
			}
			var g, w []pair
			for e, v := range back.Extra(got) {
				g = append(g, pair{e, string(v)})
			}
			for e, v := range b.Extra(want) {
				w = append(w, pair{e, string(v)})
			}
			if !slices.Equal(g, w) {
				t.Fatalf("extras are %v, not %v", g, w)
			}
			i++
		}
	}
}

// The size never passes the limit, and is what the heap says; the oldest go
// first, and Since tells from when on nothing is missing.
func TestLimit(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	const limit = 8 << 20
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	w := NewWindow(limit, time.Unix(0, epoch))
	written := 0
	for i := range 400 {
		b := typicalBatch(r, 500, epoch+int64(i)*1e9)
		if i%10 == 0 {
			b = randomBatch(r, 500)
			for k := range b.Flows {
				b.Flows[k].Set.Add(flow.FieldReceived)
				b.Flows[k].Received = epoch + int64(i)*1e9
			}
		}
		if err := w.Write(ctx, b); err != nil {
			t.Fatal(err)
		}
		written += len(b.Flows)
		v := w.View()
		if v.Size > limit {
			t.Fatalf("%d octets, limit %d", v.Size, limit)
		}
		sum := int64(0)
		for _, b := range v.Blocks {
			sum += b.size()
		}
		if sum != v.Size && w.open.Open() != nil {
			t.Fatalf("counts %d octets, blocks have %d", v.Size, sum)
		}
		if v.Rows+int(v.Dropped) != written {
			t.Fatalf("%d kept and %d dropped of %d", v.Rows, v.Dropped, written)
		}
		if !v.Newest.Equal(time.Unix(0, epoch+int64(i)*1e9)) {
			t.Fatalf("newest is %v", v.Newest)
		}
	}
	v := w.View()
	if v.Dropped == 0 || v.Rows < 20000 {
		t.Fatalf("%d rows, %d dropped", v.Rows, v.Dropped)
	}
	// 500 flows arrived in each second.
	if whole := written - int(v.Since.UnixNano()-epoch)/1e9*500 - 500; v.Rows < whole || v.Rows > whole+2*blockRows {
		t.Errorf("%d rows, but complete since %v: %d", v.Rows, v.Since, whole)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > limit*5/4 {
		t.Errorf("the heap grew by %d octets, limit %d", grown, limit)
	}
	w.Resize(MinLimit)
	if v := w.View(); v.Size > MinLimit || v.Rows == 0 {
		t.Errorf("%d rows in %d octets", v.Rows, v.Size)
	}
	runtime.KeepAlive(w)
}

// What exporters can make large, strings and extras, stays within the limit.
func TestLimitOfExtras(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	w := NewWindow(MinLimit, time.Unix(0, epoch))
	for range 30 {
		b := &flow.Batch{}
		for i := range b.Grow(50) {
			f := flow.Flow{Set: flow.SetOf(flow.FieldUser)}
			name := make([]byte, r.IntN(20000))
			for k := range name {
				name[k] = byte(r.Uint32())
			}
			f.User = b.Strings.Intern(name)
			n := r.IntN(60000)
			off, d := b.Arena(flow.ExtraHeader + n)
			flow.PutExtraHeader(d, flow.Element{ID: 1}, uint16(n))
			f.SetExtra(off, uint32(len(d)))
			b.Flows[i] = f
		}
		if err := w.Write(ctx, b); err != nil {
			t.Fatal(err)
		}
		if v := w.View(); v.Size > MinLimit || v.Rows < 10 {
			t.Fatalf("%d rows in %d octets", v.Rows, v.Size)
		}
	}
}

// Views taken while the window fills are consistent, and stay as they are.
func TestConcurrent(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	w := NewWindow(8<<20, time.Unix(0, epoch))
	w.Write(ctx, randomBatch(r, 300))
	done := make(chan struct{})
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for {
				v := w.View()
				r := query.Request{To: 1 << 62, Limit: 3, Metrics: []query.Metric{{Of: query.Records}}, By: columnsAs(flow.FieldAppName, flow.FieldSrcAddr)}
				for range 2 {
					a, err := Run(ctx, v, &r)
					if err != nil {
						t.Error(err)
						return
					}
					sum := a.Other.Values[0]
					for _, g := range a.Groups {
						sum += g.Values[0]
					}
					if int(sum) != v.Rows || int(a.Flows) != v.Rows {
						t.Errorf("view of %d rows has %d flows", v.Rows, sum)
					}
				}
				r = query.Request{Shape: query.Flows, To: 1 << 62, Limit: 10}
				if a, err := Run(ctx, v, &r); err != nil || len(a.Batch.Flows)+a.More != v.Rows {
					t.Errorf("view of %d rows shows %d and %d, %v", v.Rows, len(a.Batch.Flows), a.More, err)
				}
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	for range 150 {
		w.Write(ctx, randomBatch(r, 300))
	}
	close(done)
	wg.Wait()
}

package store

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/query/engine"
)

// All that a block holds is in the journal's records.
func TestRecordKeepsAll(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	var rec recorder
	reader := recordReader{}
	for x := range flow.NumFields {
		reader.fields = append(reader.fields, x)
	}
	b := &flow.Batch{}
	for range 60 {
		blocks := blocksOf(randomBatch(r, 1+r.IntN(recordRows)>>r.IntN(8)))
		want := blockTexts(blocks)
		from := r.IntN(len(want))
		to := from + 1 + r.IntN(len(want)-from)
		d := rec.append([]byte("before"), blocks[0], from, to)[len("before"):]
		payload, ok := nextRecord(d)
		if !ok || len(payload) != len(d)-recordHead {
			t.Fatal("not a record")
		}
		if err := reader.read(b, payload); err != nil {
			t.Fatal(err)
		}
		if len(b.Flows) != to-from {
			t.Fatalf("%d flows, want %d", len(b.Flows), to-from)
		}
		for i := range b.Flows {
			if got := text(b, &b.Flows[i]); got != want[from+i] {
				t.Fatalf("flow %d is\n%s, want\n%s", i, got, want[from+i])
			}
		}
		// Damage is an error, or another flow; never a crash.
		payload = slices.Clone(payload)
		for range 50 {
			payload[r.IntN(len(payload))] ^= 1 << r.IntN(8)
			_ = reader.read(b, payload)
		}
		_ = reader.read(b, payload[:r.IntN(len(payload))])
	}
}

// A journal of another version, whose columns have other numbers, is read by their
// names; what this weir doesn't have is passed over.
func TestJournalReadsColumnsByName(t *testing.T) {
	b := &flow.Batch{}
	f := &b.Grow(1)[0]
	*f = flow.Flow{Set: flow.SetOf(flow.FieldSrcPort, flow.FieldDstPort, flow.FieldSrcAddr), SrcPort: 1, DstPort: 2, SrcAddr: flow.AddrFrom4([4]byte{1, 2, 3, 4})}
	var rec recorder
	d := rec.append(nil, blocksOf(b)[0], 0, 1)
	reader := recordReader{}
	for x := range flow.NumFields {
		switch flow.Field(x) {
		case flow.FieldSrcPort:
			x = int(flow.FieldDstPort)
		case flow.FieldDstPort:
			x = int(flow.FieldSrcPort)
		case flow.FieldSrcAddr:
			x = -1
		}
		reader.fields = append(reader.fields, x)
	}
	if err := reader.read(b, d[recordHead:]); err != nil {
		t.Fatal(err)
	}
	if f := &b.Flows[0]; f.Set != flow.SetOf(flow.FieldSrcPort, flow.FieldDstPort) || f.SrcPort != 2 || f.DstPort != 1 {
		t.Error(text(b, f))
	}
}

func TestJournalSurvivesDamage(t *testing.T) {
	dir := t.TempDir()
	blocks := blocksOf(randomBatch(rand.New(rand.NewPCG(7, 8)), 3*recordRows))
	want := blockTexts(blocks)
	j := newJournal(dir, true, 1)
	if _, err := j.recover(0); err != nil {
		t.Fatal(err)
	}
	if err := j.commit([]generation{{number: 1, blocks: blocks, rows: len(want), sealed: true}}); err != nil {
		t.Fatal(err)
	}
	name := j.name(1)
	whole, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	read := func() (recovered, []string) {
		t.Helper()
		r, err := readJournal(name)
		if err != nil {
			t.Fatal(err)
		}
		return r, blockTexts(r.blocks)
	}
	if r, got := read(); !slices.Equal(got, want) || r.damaged != 0 || r.rows != len(want) {
		t.Fatalf("%d flows, %d damaged", r.rows, r.damaged)
	}
	// A torn end costs the last record.
	if err := os.WriteFile(name, whole[:len(whole)-1], 0o600); err != nil {
		t.Fatal(err)
	}
	r, got := read()
	if n := len(want) - blocks[len(blocks)-1].Rows(); r.damaged != 0 || len(got) < n-recordRows || len(got) >= len(want) || !slices.Equal(got, want[:len(got)]) {
		t.Errorf("torn: %d flows, %d damaged", len(got), r.damaged)
	}
	// Damage in the middle costs one, and is told.
	bad := slices.Clone(whole)
	bad[len(bad)/2] ^= 1
	if err := os.WriteFile(name, bad, 0o600); err != nil {
		t.Fatal(err)
	}
	if r, got = read(); r.damaged != 1 || len(got) >= len(want) || len(got) < len(want)-recordRows {
		t.Errorf("damaged: %d flows of %d, %d damaged", len(got), len(want), r.damaged)
	}
	// What the records mean, the head tells: without it they are lost, and that is told.
	bad = slices.Clone(whole)
	bad[0] ^= 1
	if err := os.WriteFile(name, bad, 0o600); err != nil {
		t.Fatal(err)
	}
	if r, got = read(); r.damaged != 1 || len(got) != 0 {
		t.Errorf("no head: %d flows, %d damaged", len(got), r.damaged)
	}
	for _, n := range []int{0, 1, 20, 600} {
		if err := os.WriteFile(name, whole[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		if r, got := read(); len(got) != 0 || r.damaged != 0 {
			t.Errorf("%d octets: %d flows, %d damaged", n, len(got), r.damaged)
		}
	}
}

// What is written in parts, as the tail grows, is there once.
func TestJournalFollowsTail(t *testing.T) {
	dir := t.TempDir()
	r := rand.New(rand.NewPCG(9, 10))
	j := newJournal(dir, false, 4)
	if _, err := j.recover(3); err != nil {
		t.Fatal(err)
	}
	x := newTail(4)
	var want []string
	all := engine.NewBuilder(tailOptions)
	var blocks []*engine.Block
	for i := range 40 {
		b := randomBatch(r, r.IntN(1500)>>r.IntN(5))
		x.add(b, epochTime)
		blocks = all.Append(blocks, b)
		if i%13 == 12 {
			x.seal()
		}
		if r.IntN(2) == 0 {
			if err := j.commit(x.view()); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := j.commit(x.view()); err != nil {
		t.Fatal(err)
	}
	if b := all.Seal(); b != nil {
		blocks = append(blocks, b)
	}
	want = blockTexts(blocks)
	found, err := newJournal(dir, false, 0).recover(3)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for i, g := range found {
		if g.number != uint64(4+i) {
			t.Errorf("generation %d is the %dth", g.number, i)
		}
		got = append(got, blockTexts(g.blocks)...)
	}
	if len(found) != 4 || !slices.Equal(got, want) {
		t.Errorf("%d generations, %d flows, want %d", len(found), len(got), len(want))
	}
	if err := j.drop(6); err != nil {
		t.Fatal(err)
	}
	if names, _ := filepath.Glob(filepath.Join(dir, journalDir, "*")); len(names) != 1 || names[0] != j.name(7) {
		t.Errorf("after a drop: %v", names)
	}
}

func BenchmarkJournal(b *testing.B) {
	const rows = 250_000
	blocks := trafficBlocks(rows)
	var rec recorder
	dir := b.TempDir()
	size := int64(0)
	b.Run("encode", func(b *testing.B) {
		var d []byte
		for b.Loop() {
			d = d[:0]
			for _, k := range blocks {
				for i := 0; i < k.Rows(); i += recordRows {
					d = rec.append(d, k, i, min(k.Rows(), i+recordRows))
				}
			}
		}
		size = int64(len(d))
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rows, "ns/row")
		b.ReportMetric(float64(size)/rows, "octets/row")
	})
	b.Run("write", func(b *testing.B) {
		j := newJournal(dir, false, 1)
		if _, err := j.recover(0); err != nil {
			b.Fatal(err)
		}
		n := uint64(1)
		for b.Loop() {
			if err := j.commit([]generation{{number: n, blocks: blocks, rows: rows, sealed: true}}); err != nil {
				b.Fatal(err)
			}
			if err := j.drop(n); err != nil {
				b.Fatal(err)
			}
			n++
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rows, "ns/row")
	})
	b.Run("read", func(b *testing.B) {
		j := newJournal(dir, false, 1)
		if err := j.commit([]generation{{number: 1, blocks: blocks, rows: rows, sealed: true}}); err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			if _, err := readJournal(j.name(1)); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rows, "ns/row")
	})
}

func BenchmarkTail(b *testing.B) {
	t := newTraffic(1)
	batch := &flow.Batch{}
	t.batch(batch, 256, epoch)
	x := newTail(1)
	for b.Loop() {
		if x.open.rows > 250_000 {
			x = newTail(1)
		}
		x.add(batch, epochTime)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/256, "ns/row")
}

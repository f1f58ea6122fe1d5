package decode

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/flowtest"
	"github.com/weirflow/weir/shared/pcap"
	"github.com/weirflow/weir/shared/template"
	"github.com/weirflow/weir/testdata"
)

// randomFields makes fields of a template of all elements, odd lengths included,
// but for those that the slow decoder doesn't know.
func randomFields(rnd *rand.Rand, version uint16) []flowtest.Field {
	fields := make([]flowtest.Field, 1+rnd.IntN(24))
	for i := range fields {
		f := &fields[i]
		f.ID = uint16(1 + rnd.IntN(400))
		switch f.ID {
		case 34, 50, 305, 306, 309, 310, 311: // rates: 0 is unknown, and derived ones
			f.ID = 4
		case 149, 130, 131, 232, 299: // the last two make a second flow
			f.ID = 7
		case 291, 292, 293, 85, 86: // TestRandomLists, TestTotals
			f.ID = 1
		case 27, 28, 29, 30, 62, 63, 139, 281, 282: // may stand in for IPv4's
			f.ID = 1
		}
		f.Len = []uint16{1, 1, 2, 2, 4, 4, 4, 8, 8, 16, 3, 5, 6, 0}[rnd.IntN(14)]
		if version == 10 {
			if rnd.IntN(8) == 0 {
				f.Len = 0xffff
			}
			if f.ID == 95 {
				f.Len = 4 // a variable one fills the column in part
			}
			if rnd.IntN(6) == 0 {
				f.PEN = 9
			}
		}
	}
	return fields
}

func lengths(fields []flowtest.Field) (n int) {
	for _, f := range fields {
		n += int(f.Len)
	}
	return n
}

// Random templates against the slow decoder.
func TestRandomTemplates(t *testing.T) {
	for seed := range uint64(400) {
		rnd := rand.New(rand.NewPCG(seed, 9))
		version := []uint16{9, 10}[rnd.IntN(2)]
		fields := randomFields(rnd, version)
		if lengths(fields) == 0 {
			continue
		}
		set := flowtest.New(seed).Data(256, 1+rnd.IntN(5), fields)
		var b flow.Batch
		decodeAll(t, newDecoder(), &b, flowtest.Packet(version, 1, flowtest.Template(version, 256, fields), set))
		sameAsSlow(t, &b, uint8(version), fields, set[4:])
		if t.Failed() {
			t.Fatalf("seed %d, version %d, fields %v", seed, version, fields)
		}
	}
}

// Any octets as records of a random template, against the slow decoder.
func FuzzRecords(f *testing.F) {
	for seed := range uint64(20) {
		for _, version := range []uint16{9, 10} {
			fields := randomFields(rand.New(rand.NewPCG(seed, 9)), version)
			f.Add(seed, version == 10, flowtest.New(seed).Data(256, 2, fields)[4:])
		}
	}
	f.Fuzz(func(t *testing.T, seed uint64, ipfix bool, set []byte) {
		version := uint16(9)
		if ipfix {
			version = 10
		}
		fields := randomFields(rand.New(rand.NewPCG(seed, 9)), version)
		if lengths(fields) == 0 || len(set) > 60000 {
			return
		}
		var b flow.Batch
		err := newDecoder().Decode(&b, Datagram{From: flowtest.From, Time: at,
			Data: flowtest.Packet(version, 1, flowtest.Template(version, 256, fields), flowtest.Set(256, set))})
		if err != nil && err != ErrShort {
			t.Fatal(err)
		}
		sameAsSlow(t, &b, uint8(version), fields, set)
		if t.Failed() {
			t.Fatalf("version %d, fields %v", version, fields)
		}
	})
}

// captured calls add with the datagrams of a version in testdata's captures and,
// if it is there, the corpus: each with the one behind it, as far as they are
// small.
func captured(f *testing.F, version uint16, add func(first, second []byte)) {
	const small, perFile = 3000, 3
	take := func(name string, data []byte) {
		var before []byte
		n := 0
		each := func(d []byte) {
			if len(d) < 2 || binary.BigEndian.Uint16(d) != version || len(d)+len(before) > small || n == perFile {
				return
			}
			add(before, d)
			before = bytes.Clone(d)
			n++
		}
		r, err := pcap.NewReader(bytes.NewReader(data))
		if err != nil {
			each(data)
			return
		}
		for {
			p, err := r.Next()
			if err != nil {
				return
			}
			each(p.Payload)
		}
	}
	walk := func(files fs.FS) {
		err := fs.WalkDir(files, ".", func(name string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			switch path.Ext(name) {
			case ".pcap", ".pcapng", ".dat", ".bin":
				if i, err := e.Info(); err != nil || i.Size() > 256<<10 {
					return err
				}
				data, err := fs.ReadFile(files, name)
				if err != nil {
					return err
				}
				take(name, data)
			}
			return nil
		})
		if err != nil {
			f.Fatal(err)
		}
	}
	walk(testdata.FS)
	if root := filepath.Join("..", "..", "..", "shared", "corpus"); dirExists(root) {
		walk(os.DirFS(root))
	}
}

func dirExists(name string) bool {
	i, err := os.Stat(name)
	return err == nil && i.IsDir()
}

// contents returns all that a batch holds, with texts and extras in place of their
// numbers.
func contents(b *flow.Batch) (flows, options []string) {
	for i := range b.Flows {
		f := &b.Flows[i]
		s := fmt.Sprint(f.Set, f.Marks)
		for x := range flow.Field(flow.NumFields) {
			switch a := f.Addr(x); {
			case a != nil:
				s += fmt.Sprint(" ", *a)
			case flow.Fields[x].Kind == flow.KindStr:
				s += fmt.Sprintf(" %q", b.Strings.Get(flow.Str(f.Uint(x))))
			default:
				s += fmt.Sprint(" ", f.Uint(x))
			}
		}
		for e, v := range b.Extra(f) {
			s += fmt.Sprintf(" %v=%x", e, v)
		}
		flows = append(flows, s)
	}
	for i := range b.Options {
		o := &b.Options[i]
		s := fmt.Sprint(o.Received, o.Exporter, o.Sender, o.Domain, o.Template, o.Version, o.Scopes)
		for e, v := range b.Fields(o) {
			s += fmt.Sprintf(" %v=%x", e, v)
		}
		options = append(options, s)
	}
	return flows, options
}

// consistent holds what must be true of whatever was decoded.
func consistent(t *testing.T, b *flow.Batch, stats *Stats) {
	t.Helper()
	if uint64(len(b.Flows)) != stats.Flows || uint64(len(b.Options)) != stats.Options {
		t.Fatalf("%d flows and %d options, counted %d and %d", len(b.Flows), len(b.Options), stats.Flows, stats.Options)
	}
	for i := range b.Flows {
		f := &b.Flows[i]
		for x := range flow.Field(flow.NumFields) {
			if a := f.Addr(x); !f.Set.Has(x) && (a != nil && *a != (flow.Addr{}) || a == nil && f.Uint(x) != 0) {
				t.Fatalf("%s is absent but not zero", flow.Fields[x].Name)
			}
		}
	}
}

// NetFlow v1, v5, v6, v7 and v8: as many records as the header says and there
// are, each what it would be alone.
func FuzzFixed(f *testing.F) {
	for _, d := range [][]byte{flowtest.New(1).V5(3), packetV1(2), packetV6(2), packetV7(2)} {
		f.Add(d)
	}
	for i := range schemes[1:] {
		f.Add(packetV8(byte(1+i), 3))
	}
	for _, version := range []uint16{1, 5, 6, 7, 8} {
		captured(f, version, func(_, d []byte) { f.Add(d) })
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) < 28 || len(data) > 5000 {
			return
		}
		header, record := 24, 48
		switch binary.BigEndian.Uint16(data) {
		case 1:
			header = 16
		case 5:
		case 6, 7:
			record = 52
		case 8:
			if data[22] == 0 || int(data[22]) >= len(schemes) || data[23] != v8Version {
				return
			}
			header, record = 28, schemes[data[22]].octets
		default:
			return
		}
		decode := func(data []byte) (*flow.Batch, Stats) {
			d := newDecoder()
			var b flow.Batch
			d.Decode(&b, Datagram{From: flowtest.From, Time: at, Data: data})
			return &b, d.Stats
		}
		b, stats := decode(data[:len(data):len(data)])
		consistent(t, b, &stats)
		all, _ := contents(b)
		if n := min((len(data)-header)/record, int(binary.BigEndian.Uint16(data[2:]))); n != len(all) {
			t.Fatalf("%d flows, want %d", len(all), n)
		}
		for i := range all {
			one := slices.Concat(data[:header], data[header+i*record:header+(i+1)*record])
			one[2], one[3] = 0, 1
			b, _ := decode(one)
			if alone, _ := contents(b); len(alone) != 1 || alone[0] != all[i] {
				t.Fatalf("record %d is %s\nand alone %s", i, all[i], alone)
			}
		}
	})
}

func FuzzV9(f *testing.F) {
	m := flowtest.New(1)
	f.Add(flowtest.Packet(9, 1, flowtest.Template(9, 260, flowtest.Twenty)), flowtest.Packet(9, 1, m.Data(260, 2, flowtest.Twenty)))
	f.Add(flowtest.Packet(9, 1, flowtest.OptionsTemplate(9, 261, 1, flowtest.Twenty[:4])), flowtest.Packet(9, 1, m.Data(261, 2, flowtest.Twenty[:4])))
	captured(f, 9, func(a, b []byte) { f.Add(a, b) })
	f.Fuzz(func(t *testing.T, first, second []byte) { fuzzSets(t, 9, v9Header, first, second) })
}

func FuzzIPFIX(f *testing.F) {
	m := flowtest.New(1)
	f.Add(flowtest.Packet(10, 1, flowtest.Template(10, 260, flowtest.Named)), flowtest.Packet(10, 1, m.Data(260, 2, flowtest.Named)))
	f.Add(flowtest.Packet(10, 1, flowtest.OptionsTemplate(10, 261, 1, flowtest.Named)), flowtest.Packet(10, 1, m.Data(261, 2, flowtest.Named)))
	f.Add(flowtest.Packet(10, 1, flowtest.Template(10, 300, listFields), flowtest.Template(10, 301, innerFields)),
		flowtest.Packet(10, 1, flowtest.Set(300, listRecord(rand.New(rand.NewPCG(1, 1)), nil))))
	f.Add(flowtest.Packet(10, 1, flowtest.Template(10, 300, totalFields)), flowtest.Packet(10, 1, flowtest.Set(300, join(total(1, 100, 1, 60, 2), total(1, 250, 3, 60, 2)))))
	f.Add(flowtest.Packet(10, 1, flowtest.Template(10, 300, []flowtest.Field{flowtest.F(0, 315, 0xffff), flowtest.F(0, 410, 1)}),
		flowtest.OptionsTemplate(10, 301, 1, []flowtest.Field{flowtest.F(0, 137, 4), flowtest.F(0, 96, 0xffff)}), flowtest.Template(10, 302, []flowtest.Field{flowtest.F(0, 137, 4)})),
		flowtest.Packet(10, 1, flowtest.Set(300, join(sized(sectionFrame), []byte{60})), flowtest.Set(301, join(be(1, 4), sized([]byte("web")))), flowtest.Set(302, be(1, 4))))
	captured(f, 10, func(a, b []byte) { f.Add(a, b) })
	f.Fuzz(func(t *testing.T, first, second []byte) { fuzzSets(t, 10, ipfixHeader, first, second) })
}

// fuzzSets decodes two datagrams, and the first once more. The result is the
// same a second time, over two decoders that share a store, and with each set in
// a message of its own.
func fuzzSets(t *testing.T, version uint16, header int, datagrams ...[]byte) {
	datagrams = append(datagrams, datagrams[0])
	for _, d := range datagrams {
		if len(d) >= 2 && binary.BigEndian.Uint16(d) != version || len(d) > 1<<16-1 {
			return
		}
	}
	run := func(decoders int, datagrams [][]byte) (flows, options []string, stats Stats) {
		store := template.NewStore(template.Limits{})
		all := make([]*Decoder, decoders)
		for i := range all {
			all[i] = New(store)
		}
		var b flow.Batch
		for i, data := range datagrams {
			all[i%decoders].Decode(&b, Datagram{From: flowtest.From, Time: at, Data: data[:len(data):len(data)]})
		}
		for _, d := range all {
			s := reflect.ValueOf(&d.Stats).Elem()
			for i := range s.NumField() {
				if f := s.Field(i); f.Kind() == reflect.Uint64 {
					sum := reflect.ValueOf(&stats).Elem().Field(i)
					sum.SetUint(sum.Uint() + f.Uint())
				}
			}
			for i, n := range d.Stats.Faults {
				stats.Faults[i] += n
			}
		}
		consistent(t, &b, &stats)
		flows, options = contents(&b)
		return flows, options, stats
	}
	flows, options, stats := run(1, datagrams)
	const setBySet = "set by set"
	same := func(how string, decoders int, datagrams [][]byte) {
		f, o, s := run(decoders, datagrams)
		if how == setBySet {
			s.Datagrams, s.Octets = stats.Datagrams, stats.Octets
		}
		if !slices.Equal(f, flows) || !slices.Equal(o, options) || s != stats {
			t.Fatalf("%s: %q, %q, %+v\nat first %q, %q, %+v", how, f, o, s, flows, options, stats)
		}
	}
	same("again", 1, datagrams)
	same("over two decoders", 2, datagrams)
	var split [][]byte
	for _, d := range datagrams {
		parts := splitSets(d, header)
		if parts == nil {
			return
		}
		split = append(split, parts...)
	}
	same(setBySet, 1, split)
}

// splitSets puts each set of a message into one of its own. It returns nil for a
// message that its header or its sets don't fill.
func splitSets(d []byte, header int) (all [][]byte) {
	if len(d) < header || header == ipfixHeader && int(binary.BigEndian.Uint16(d[2:])) != len(d) {
		return nil
	}
	rest := d[header:]
	for len(rest) >= setHeader {
		n := int(binary.BigEndian.Uint16(rest[2:]))
		if n < setHeader || n > len(rest) {
			return nil
		}
		one := slices.Concat(d[:header], rest[:n])
		if header == ipfixHeader {
			binary.BigEndian.PutUint16(one[2:], uint16(len(one)))
		}
		all = append(all, one)
		rest = rest[n:]
	}
	return all
}

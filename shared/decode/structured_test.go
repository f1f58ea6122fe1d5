package decode

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/weirflow/weir/shared/encode"
	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/flowtest"
)

// Structured data, RFC 6313.

func list(id uint16) flowtest.Field { return flowtest.F(0, id, 0xffff) }

// sized puts a length before the octets of a variable-length field.
func sized(v ...[]byte) []byte {
	d := join(v...)
	if len(d) < 255 {
		return join([]byte{byte(len(d))}, d)
	}
	return join([]byte{255}, be(uint64(len(d)), 2), d)
}

func basic(semantic byte, id, n uint64, elements ...[]byte) []byte {
	return join([]byte{semantic}, be(id, 2), be(n, 2), join(elements...))
}

// extrasJSON decodes datagrams and returns the last flow as JSON.
func lastJSON(t *testing.T, d *Decoder, b *flow.Batch, datagrams ...[]byte) string {
	t.Helper()
	for _, data := range datagrams {
		d.Decode(b, Datagram{From: flowtest.From, Time: at, Data: data})
	}
	if len(b.Flows) == 0 {
		t.Fatal("no flows")
	}
	return string(encode.New(encode.IPFIX).AppendJSON(nil, b, &b.Flows[len(b.Flows)-1]))
}

// What the values mean is RFC 6313's text; each is the smallest that shows it.
func TestLists(t *testing.T) {
	inner := flowtest.Template(10, 301, []flowtest.Field{flowtest.F(0, 10, 4), flowtest.F(0, 82, 0xffff)})
	nested := flowtest.Template(10, 302, []flowtest.Field{flowtest.F(0, 4, 1), list(291)})
	f := func(name string, id uint16, value []byte, want string, faults ...Fault) {
		t.Helper()
		fields := []flowtest.Field{flowtest.F(0, 7, 2), list(id)}
		var b flow.Batch
		d := newDecoder()
		got := lastJSON(t, d, &b, flowtest.Packet(10, 1, inner, nested, flowtest.Template(10, 300, fields),
			flowtest.Set(300, join(be(80, 2), sized(value)))))
		if !strings.Contains(got, want) {
			t.Errorf("%s: %s, want %s in it", name, got, want)
		}
		var wantFaults [NumFaults]uint64
		for _, x := range faults {
			wantFaults[x]++
		}
		if d.Stats.Faults != wantFaults {
			t.Errorf("%s: faults %v, want %v", name, d.Stats.Faults, wantFaults)
		}
	}
	// §4.5.1, and §8.1: an example of a multicast flow's egress interfaces.
	f("basicList", 291, basic(3, 14, 4, be(1, 4), be(4, 4), be(8, 4)),
		`"basicList":{"semantic":"allOf","elements":[{"egressInterface":1},{"egressInterface":4},{"egressInterface":8}]}`)
	f("reduced", 291, basic(4, 14, 2, be(1, 2), be(513, 2)), `{"semantic":"ordered","elements":[{"egressInterface":1},{"egressInterface":513}]}`)
	f("empty", 291, basic(0, 14, 4), `"basicList":{"semantic":"noneOf","elements":[]}`)
	f("enterprise", 291, join([]byte{255}, be(0x8000|128, 2), be(2, 2), be(29305, 4), be(7, 2)),
		`{"semantic":"undefined","elements":[{"reverseBgpNextAdjacentAsNumber`)
	f("variable", 291, basic(1, 82, 0xffff, sized([]byte("eth0")), sized(nil), []byte("\xff\x00\x03abc")),
		`{"semantic":"exactlyOneOf","elements":[{"interfaceName":"eth0"},{"interfaceName":""},{"interfaceName":"abc"}]}`)
	// §4.5.2
	f("subTemplateList", 292, join([]byte{2}, be(301, 2), be(5, 4), sized([]byte("a")), be(6, 4), sized([]byte("bc"))),
		`"subTemplateList":{"semantic":"oneOrMoreOf","elements":[{"ingressInterface":5,"interfaceName":"a"},{"ingressInterface":6,"interfaceName":"bc"}]}`)
	f("no records", 292, join([]byte{3}, be(999, 2)), `"subTemplateList":{"semantic":"allOf","elements":[]}`)
	// §4.5.3: the length counts the template id and itself.
	f("subTemplateMultiList", 293, join([]byte{3}, be(301, 2), be(10, 2), be(5, 4), sized([]byte("a")), be(302, 2), be(13, 2), []byte{6}, sized(basic(3, 7, 2, be(80, 2)))),
		`"subTemplateMultiList":{"semantic":"allOf","elements":[{"ingressInterface":5,"interfaceName":"a"},`+
			`{"protocolIdentifier":6,"basicList":{"semantic":"allOf","elements":[{"sourceTransportPort":80}]}}]}`)

	// A template that is not known costs its records' meaning, not their octets.
	f("unknown template", 293, join([]byte{3}, be(999, 2), be(6, 2), be(0xabcd, 2), be(301, 2), be(9, 2), be(5, 4), sized(nil)),
		`[{"template":999,"octets":"0xabcd"},{"ingressInterface":5,"interfaceName":""}]`, ErrListTemplate)

	// What is wrong stays as it came.
	f("nothing", 291, nil, `"basicList":"0x"`, ErrList)
	f("cut header", 291, []byte{3, 0, 14, 0}, `"basicList":"0x03000e00"`, ErrList)
	f("cut element", 291, basic(3, 14, 4, be(1, 4), be(1, 3)), `"basicList":"0x03000e000400000001000001"`, ErrList)
	f("elements of no octets", 291, basic(3, 14, 0, be(1, 1)), `"basicList":"0x03000e000001"`, ErrList)
	f("cut enterprise", 291, basic(3, 0x800e, 4, be(1, 3)), `"basicList":"0x03800e0004000001"`, ErrList)
	f("cut length", 291, basic(3, 82, 0xffff, []byte{255, 0}), `"basicList":"0x030052ffffff00"`, ErrList)
	f("cut record", 292, join([]byte{2}, be(301, 2), be(5, 4), []byte{9, 1}), `"subTemplateList":"0x02012d000000050901"`, ErrList)
	f("short multi", 293, join([]byte{3}, be(301, 2), be(3, 2)), `"subTemplateMultiList":"0x03012d0003"`, ErrList)
	f("long multi", 293, join([]byte{3}, be(301, 2), be(60, 2), be(5, 4)), `"subTemplateMultiList":"0x03012d003c00000005"`, ErrList)
	f("inner one", 292, join([]byte{2}, be(302, 2), []byte{17}, sized([]byte{1, 2})), `[{"protocolIdentifier":17,"basicList":"0x0102"}]`, ErrList)
}

// Lists within lists: what is beyond the limit stays as it came, and no stack
// grows with what is sent (pmacct 934).
func TestListDepth(t *testing.T) {
	v := basic(3, 7, 2, be(80, 2))
	for range 2000 {
		v = join([]byte{3}, be(291, 2), be(0xffff, 2), sized(v))
	}
	fields := []flowtest.Field{flowtest.F(0, 7, 2), list(291)}
	var b flow.Batch
	d := newDecoder()
	got := lastJSON(t, d, &b, flowtest.Packet(10, 1, flowtest.Template(10, 300, fields), flowtest.Set(300, join(be(80, 2), sized(v)))))
	if n := strings.Count(got, "elements"); n != 8 {
		t.Errorf("%d lists in one another were read, want 8", n)
	}
	if d.Stats.Faults[ErrList] != 1 || len(b.Flows) != 1 {
		t.Errorf("faults %v", d.Stats.Faults)
	}
}

// A template with many fields and lists of few octets: what a datagram costs
// stays in proportion to it.
func TestListsAreBounded(t *testing.T) {
	var many []flowtest.Field
	for range 1000 {
		many = append(many, flowtest.F(0, 4, 0))
	}
	many = append(many, flowtest.F(0, 4, 1))
	inner := flowtest.Template(10, 301, many)
	outer := flowtest.Template(10, 300, []flowtest.Field{list(292)})
	var set []byte
	for len(set) < 40000 {
		set = append(set, sized([]byte{3}, be(301, 2), []byte{6})...)
	}
	var b flow.Batch
	decodeAll(t, newDecoder(), &b, flowtest.Packet(10, 1, inner, outer), flowtest.Packet(10, 1, flowtest.Set(300, set)))
	if off, _ := b.Arena(0); int(off) > 12*len(set) {
		t.Errorf("%d octets of lists for %d on the wire", off, len(set))
	}
}

var (
	innerFields = []flowtest.Field{flowtest.F(0, 12, 4), flowtest.F(0, 11, 2), flowtest.F(0, 4, 1)}
	listFields  = append(append([]flowtest.Field{}, flowtest.TwentyIPFIX...), list(291), list(292))
)

// listRecord returns a record of listFields. Its lists are random; want, unless
// nil, becomes their JSON.
func listRecord(rnd *rand.Rand, want *string) []byte {
	set := flowtest.New(rnd.Uint64()).Data(300, 1, flowtest.TwentyIPFIX)
	lists := &lister{rnd: rnd}
	basic, basicJSON := lists.basic(0)
	sub, subJSON := lists.sub()
	if want != nil {
		*want = `"basicList":` + basicJSON + `,"subTemplateList":` + subJSON
	}
	return join(set[4:], sized(basic), sized(sub))
}

// A lister makes lists and says what they mean.
type lister struct{ rnd *rand.Rand }

func (l *lister) basic(depth int) ([]byte, string) {
	semantic := byte(l.rnd.IntN(5))
	name := []string{"noneOf", "exactlyOneOf", "oneOrMoreOf", "allOf", "ordered"}[semantic]
	n := l.rnd.IntN(4)
	var d []byte
	var text []string
	id, size := uint64(10), uint64(4)
	kind := l.rnd.IntN(3)
	if kind == 2 && depth == 3 {
		kind = 0
	}
	for range n {
		switch kind {
		case 0:
			v := l.rnd.Uint32()
			d = append(d, be(uint64(v), 4)...)
			text = append(text, fmt.Sprintf(`{"ingressInterface":%d}`, v))
		case 1:
			id, size = 82, 0xffff
			s := strings.Repeat("x", l.rnd.IntN(300))
			d = append(d, sized([]byte(s))...)
			text = append(text, fmt.Sprintf(`{"interfaceName":%q}`, s))
		case 2:
			id, size = 291, 0xffff
			v, j := l.basic(depth + 1)
			d = append(d, sized(v)...)
			text = append(text, `{"basicList":`+j+`}`)
		}
	}
	return basic(semantic, id, size, d), fmt.Sprintf(`{"semantic":"%s","elements":[%s]}`, name, strings.Join(text, ","))
}

func (l *lister) sub() ([]byte, string) {
	d := join([]byte{3}, be(301, 2))
	var text []string
	for range l.rnd.IntN(4) {
		v := l.rnd.Uint32()
		port, proto := uint16(v>>3), uint8(v>>9)
		d = append(d, join(be(uint64(v), 4), be(uint64(port), 2), []byte{proto})...)
		text = append(text, fmt.Sprintf(`{"destinationIPv4Address":"%d.%d.%d.%d","destinationTransportPort":%d,"protocolIdentifier":%d}`,
			v>>24, v>>16&255, v>>8&255, v&255, port, proto))
	}
	return d, `{"semantic":"allOf","elements":[` + strings.Join(text, ",") + `]}`
}

func TestRandomLists(t *testing.T) {
	for seed := range uint64(300) {
		rnd := rand.New(rand.NewPCG(seed, 3))
		var want string
		var b flow.Batch
		d := newDecoder()
		got := lastJSON(t, d, &b, flowtest.Packet(10, 1, flowtest.Template(10, 300, listFields), flowtest.Template(10, 301, innerFields),
			flowtest.Set(300, listRecord(rnd, &want))))
		if !strings.HasSuffix(got, want+"}") || d.fault != none {
			t.Fatalf("seed %d: %v: %s, want %s", seed, d.Stats.Faults, got, want)
		}
	}
}

// Lists in options records.
func TestListOptions(t *testing.T) {
	fields := []flowtest.Field{flowtest.F(0, 149, 4), list(291)}
	var b flow.Batch
	decodeAll(t, newDecoder(), &b, flowtest.Packet(10, 1, flowtest.OptionsTemplate(10, 300, 1, fields),
		flowtest.Set(300, join(be(1, 4), sized(basic(3, 14, 4, be(9, 4)))))))
	got := string(encode.New(encode.IPFIX).AppendOptionJSON(nil, &b, &b.Options[0]))
	if want := `{"observationDomainId":1,"basicList":{"semantic":"allOf","elements":[{"egressInterface":9}]}}`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// A record keeps the meaning that its template had: it may be replaced.
func TestListsOutliveTemplates(t *testing.T) {
	outer := flowtest.Template(10, 300, []flowtest.Field{flowtest.F(0, 7, 2), list(292)})
	data := flowtest.Set(300, join(be(80, 2), sized([]byte{3}, be(301, 2), be(1, 4))))
	var b flow.Batch
	d := newDecoder()
	decodeAll(t, d, &b, flowtest.Packet(10, 1, outer, flowtest.Template(10, 301, []flowtest.Field{flowtest.F(0, 10, 4)}), data),
		flowtest.Packet(10, 1, flowtest.Template(10, 301, []flowtest.Field{flowtest.F(0, 14, 4)}), data))
	e := encode.New(encode.IPFIX)
	for i, name := range []string{"ingressInterface", "egressInterface"} {
		if got := string(e.AppendJSON(nil, &b, &b.Flows[i])); !strings.Contains(got, `[{"`+name+`":1}]`) {
			t.Errorf("record %d: %s, want %s", i, got, name)
		}
	}
}

// A list in options goes by the templates of its own domain, whatever the set
// before it was of.
func TestListOptionsDomain(t *testing.T) {
	d := newDecoder()
	var b flow.Batch
	record := sized([]byte{3, 1, 45, 1, 2, 3, 4}) // of template 301
	decodeAll(t, d, &b,
		flowtest.Packet(10, 1, flowtest.Template(10, 301, []flowtest.Field{flowtest.F(0, 10, 4)}), flowtest.Template(10, 300, []flowtest.Field{list(292)}), flowtest.Set(300, record)),
		flowtest.Packet(10, 2, flowtest.Template(10, 301, []flowtest.Field{flowtest.F(0, 7, 2)}),
			flowtest.OptionsTemplate(10, 302, 1, []flowtest.Field{flowtest.F(0, 149, 4), list(292)}), flowtest.Set(302, append([]byte{0, 0, 0, 2}, record...))))
	got := string(encode.New(encode.IPFIX).AppendOptionJSON(nil, &b, &b.Options[0]))
	if !strings.Contains(got, `[{"sourceTransportPort":258},{"sourceTransportPort":772}]`) {
		t.Errorf("%s, want two ports", got)
	}
}

func TestListsNoAllocations(t *testing.T) {
	rnd := rand.New(rand.NewPCG(4, 3))
	var set []byte
	for range 12 {
		set = append(set, listRecord(rnd, nil)...)
	}
	data := flowtest.Packet(10, 1, flowtest.Set(300, set))
	d := newDecoder()
	var b flow.Batch
	decodeAll(t, d, &b, flowtest.Packet(10, 1, flowtest.Template(10, 300, listFields), flowtest.Template(10, 301, innerFields)), data)
	if n := testing.AllocsPerRun(50, func() {
		b.Reset()
		if err := d.Decode(&b, Datagram{From: flowtest.From, Time: at, Data: data}); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations a datagram", n)
	}
}

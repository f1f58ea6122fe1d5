// Command bench measures weir's core beside goflow2's on the same bytes in the
// same run, and prints a line for each figure:
//
//	figure<TAB>name<TAB>value<TAB>unit<TAB>goal<TAB>met|missed
//
// CPU time on one core, variants interleaved, the minimum of all rounds. The
// ratio is what counts: machines are noisy, and the nanoseconds are for
// orientation. SCALE=small runs fewer rounds.
//
// It is a module of its own so that weir's go.mod knows nothing of goflow2.
package main

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"syscall"

	"github.com/netsampler/goflow2/v2/decoders/netflow"
	"github.com/netsampler/goflow2/v2/decoders/netflowlegacy"
	"github.com/netsampler/goflow2/v2/format"
	_ "github.com/netsampler/goflow2/v2/format/binary"
	_ "github.com/netsampler/goflow2/v2/format/json"
	"github.com/netsampler/goflow2/v2/producer"
	protoproducer "github.com/netsampler/goflow2/v2/producer/proto"

	"github.com/weirflow/weir/shared/decode"
	"github.com/weirflow/weir/shared/encode"
	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/flowtest"
	"github.com/weirflow/weir/shared/template"
)

// A traffic is a list of datagrams that are decoded over and over; the first
// carries the template.
type traffic struct {
	name      string
	datagrams [][]byte
	records   int
	octets    int
}

const (
	datagrams  = 128
	perPacket  = 24
	templateID = 260
)

func traffics() []traffic {
	m := flowtest.New(1)
	v5 := traffic{name: "v5"}
	for range datagrams {
		v5.datagrams = append(v5.datagrams, m.V5(30))
		v5.records += 30
	}
	all := []traffic{v5}
	for _, t := range []struct {
		name    string
		version uint16
		fields  []flowtest.Field
	}{
		{"v9", 9, flowtest.Twenty},
		{"ipfix", 10, flowtest.TwentyIPFIX},
		{"ipfix+string", 10, flowtest.Named},
	} {
		x := traffic{name: t.name}
		for i := range datagrams {
			sets := [][]byte{m.Data(templateID, perPacket, t.fields)}
			if i == 0 {
				sets = append([][]byte{flowtest.Template(t.version, templateID, t.fields)}, sets...)
			}
			x.datagrams = append(x.datagrams, flowtest.Packet(t.version, 1, sets...))
			x.records += perPacket
		}
		all = append(all, x)
	}
	for i := range all {
		for _, d := range all[i].datagrams {
			all[i].octets += len(d)
		}
	}
	return all
}

// A work decodes all of a traffic once.
type work struct {
	name string
	run  func()
	best float64 // CPU nanoseconds a record
}

func cpu() int64 {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		panic(err)
	}
	return (r.Utime.Nano() + r.Stime.Nano())
}

// measure runs the works in turn, rounds times, each for at least a few tens of
// milliseconds, and keeps the best of each.
func measure(t traffic, rounds int, works []*work) {
	for range rounds {
		for _, w := range works {
			runtime.GC()
			n, spent := 0, int64(0)
			start := cpu()
			for spent < 40e6 {
				w.run()
				n++
				spent = cpu() - start
			}
			ns := float64(spent) / float64(n*t.records)
			if w.best == 0 || ns < w.best {
				w.best = ns
			}
		}
	}
}

var sink uint64

func main() {
	runtime.GOMAXPROCS(1)
	debug.SetGCPercent(400)
	rounds := 9
	if os.Getenv("SCALE") == "small" {
		rounds = 2
	}
	goals := map[string]float64{"v5": 20, "v9": 30, "ipfix": 26, "ipfix+string": 15}
	for _, t := range traffics() {
		dec := decodeOnly(t)
		floor := &work{name: "floor", run: func() { sink += readAll(t) }}
		works := map[string]*work{
			"goflow2":          goflow2(t, ""),
			"goflow2+protobuf": goflow2(t, "bin"),
			"goflow2+json":     goflow2(t, "json"),
			"weir+flat":        encoded(t, (*encode.Encoder).AppendMsgpack, encode.Flat),
			"weir+ecs":         encoded(t, (*encode.Encoder).AppendMsgpack, encode.ECS),
			"weir+json":        encoded(t, (*encode.Encoder).AppendJSON, encode.Flat),
		}
		measure(t, rounds, []*work{
			floor, dec, works["goflow2"],
			works["weir+flat"], works["weir+ecs"], works["goflow2+protobuf"], works["weir+json"], works["goflow2+json"],
		})
		fmt.Printf("figure\tshared/%s floor: reading the octets\t%.1f\tns/record\t-\tmet\n", t.name, floor.best)
		fmt.Printf("figure\tshared/%s decode\t%.1f\tns/record\t-\tmet\n", t.name, dec.best)
		fmt.Printf("figure\tshared/%s goflow2 decode\t%.1f\tns/record\t-\tmet\n", t.name, works["goflow2"].best)
		ratio("shared/"+t.name+" decode against goflow2", works["goflow2"], dec, goals[t.name])
		enc := map[string]float64{"flat": 50, "ecs": 35, "json": 250}
		for _, f := range []string{"flat", "ecs", "json"} {
			w, g := works["weir+"+f], works["goflow2+protobuf"]
			peer := "protobuf"
			if f == "json" {
				g, peer = works["goflow2+json"], "json"
			}
			goal := 0.0
			if t.name == "v9" {
				goal = enc[f]
			}
			fmt.Printf("figure\tshared/%s decode + %s\t%.1f\tns/record\t-\tmet\n", t.name, f, w.best)
			ratio(fmt.Sprintf("shared/%s decode + %s against goflow2 decode + %s", t.name, f, peer), g, w, goal)
		}
	}
}

// ratio prints how many times faster b is than a.
func ratio(name string, a, b *work, goal float64) {
	r := a.best / b.best
	verdict, text := "met", "-"
	if goal > 0 {
		text = fmt.Sprintf(">=%g", goal)
		if r < goal {
			verdict = "missed"
		}
	}
	fmt.Printf("figure\t%s\t%.1f\tx\t%s\t%s\n", name, r, text, verdict)
}

func readAll(t traffic) (n uint64) {
	for _, d := range t.datagrams {
		for len(d) >= 8 {
			n += uint64(d[0]) | uint64(d[1])<<8 | uint64(d[2])<<16 | uint64(d[3])<<24 |
				uint64(d[4])<<32 | uint64(d[5])<<40 | uint64(d[6])<<48 | uint64(d[7])<<56
			d = d[8:]
		}
	}
	return n
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// each decodes all datagrams of t, handing on the batch whenever it holds 256
// flows or more.
func each(t traffic, full func(*flow.Batch)) func() {
	d := decode.New(template.NewStore(template.Limits{}))
	var b flow.Batch
	return func() {
		n := 0
		for _, data := range t.datagrams {
			check(d.Decode(&b, decode.Datagram{From: flowtest.From, Time: flowtest.Export * 1e9, Data: data}))
			if len(b.Flows) >= 256 {
				n += len(b.Flows)
				full(&b)
				b.Reset()
			}
		}
		n += len(b.Flows)
		full(&b)
		b.Reset()
		if n != t.records {
			check(fmt.Errorf("%s: %d flows of %d records", t.name, n, t.records))
		}
	}
}

func decodeOnly(t traffic) *work {
	return &work{name: "weir", run: each(t, func(b *flow.Batch) {
		if len(b.Flows) > 0 {
			sink += b.Flows[0].Bytes
		}
	})}
}

func encoded(t traffic, app func(*encode.Encoder, []byte, *flow.Batch, *flow.Flow) []byte, p encode.Profile) *work {
	e := encode.New(p)
	var out []byte
	return &work{name: "weir+" + p.String(), run: each(t, func(b *flow.Batch) {
		out = out[:0]
		for i := range b.Flows {
			out = app(e, out, b, &b.Flows[i])
		}
		sink += uint64(len(out))
	})}
}

// goflow2 decodes t with goflow2: the decoder alone, or with its producer and
// the format named.
func goflow2(t traffic, name string) *work {
	templates := netflow.CreateTemplateSystem()
	var prod producer.ProducerInterface
	var out *format.Format
	if name != "" {
		cfg := protoproducer.ProducerConfig{}
		compiled, err := cfg.Compile()
		check(err)
		prod, err = protoproducer.CreateProtoProducer(compiled, protoproducer.CreateSamplingSystem)
		check(err)
		out, err = format.FindFormat(name)
		check(err)
	}
	args := &producer.ProduceArgs{Src: flowtest.From, SamplerAddress: flowtest.From.Addr()}
	return &work{name: "goflow2" + name, run: func() {
		n := 0
		for _, data := range t.datagrams {
			var msg any
			buf := bytes.NewBuffer(data)
			switch data[1] {
			case 5:
				var p netflowlegacy.PacketNetFlowV5
				check(netflowlegacy.DecodeMessageVersion(buf, &p))
				n += len(p.Records)
				msg = &p
			default:
				var p9 netflow.NFv9Packet
				var p10 netflow.IPFIXPacket
				check(netflow.DecodeMessageVersion(buf, templates, &p9, &p10))
				sets := p9.FlowSets
				msg = &p9
				if data[1] == 10 {
					sets, msg = p10.FlowSets, &p10
				}
				for _, s := range sets {
					if s, ok := s.(netflow.DataFlowSet); ok {
						n += len(s.Records)
					}
				}
			}
			if prod == nil {
				continue
			}
			flows, err := prod.Produce(msg, args)
			check(err)
			for _, f := range flows {
				_, text, err := out.Format(f)
				check(err)
				sink += uint64(len(text))
			}
			prod.Commit(flows)
		}
		if n != t.records {
			check(fmt.Errorf("%s: goflow2 found %d of %d records", t.name, n, t.records))
		}
	}}
}

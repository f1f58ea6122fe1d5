//go:build linux

package main

import (
	"encoding/binary"
	"math"
	"math/rand/v2"

	"github.com/weirflow/weir/shared/flowtest"
)

// A traffic makes flows as a provider's edge sees them: few hosts, ports and
// networks have most of them (Zipf), most are short and small, few are large.
type traffic struct {
	rnd          *rand.Rand
	inner, outer *rand.Zipf
	ports        *rand.Zipf
}

func newTraffic(seed uint64) *traffic {
	r := rand.New(rand.NewPCG(seed, 2))
	return &traffic{r, rand.NewZipf(r, 1.05, 8, 30_000), rand.NewZipf(r, 1.08, 8, 1_000_000), rand.NewZipf(r, 1.3, 1, 400)}
}

// datagrams returns n of NetFlow v9 for flowtest.Load.
func (t *traffic) datagrams(n int) (all [][]byte) {
	for range n {
		set := make([]byte, 0, flowtest.LoadRecords*58)
		for range flowtest.LoadRecords {
			set = t.record(set)
		}
		all = append(all, flowtest.Packet(9, 0, flowtest.Set(260, set)))
	}
	return all
}

// services are where most flows go to.
var services = []uint16{443, 443, 443, 80, 53, 53, 123, 22, 25, 993, 3478, 8443, 5060, 3389}

// record appends the fields of flowtest.Twenty.
func (t *traffic) record(d []byte) []byte {
	u32, u16 := binary.BigEndian.AppendUint32, binary.BigEndian.AppendUint16
	in, out := uint32(t.inner.Uint64()), uint32(t.outer.Uint64())
	inner, outer := 10<<24|in*2654435761>>17, 64<<24+(out*2246822519)>>6
	inIf, outIf := 1+in%8, 20+out%22
	as := 1000 + outer>>8%6000
	service, client := services[t.ports.Uint64()%uint64(len(services))], uint16(32768+t.rnd.IntN(28000))
	if t.ports.Uint64() > 40 {
		service = uint16(1024 + t.rnd.IntN(64000))
	}
	src, dst, sport, dport, srcAS, dstAS := inner, outer, client, service, uint32(64500), as
	if t.rnd.IntN(2) == 0 {
		src, dst, sport, dport, srcAS, dstAS, inIf, outIf = dst, src, dport, sport, dstAS, srcAS, outIf, inIf
	}
	packets := uint32(min(1+math.Exp(t.rnd.NormFloat64()*1.6+0.8), 1e6))
	bytes := packets * uint32(40+t.rnd.IntN(1400))
	last := uint32(flowtest.Uptime) - uint32(t.rnd.IntN(2000))
	first := last - uint32(min(math.Exp(t.rnd.NormFloat64()*2+5), 60_000))
	proto, flags := byte(6), byte(0x18|t.rnd.IntN(8))
	if service == 53 || service == 123 || service == 3478 || service == 443 && t.rnd.IntN(4) == 0 {
		proto, flags = 17, 0
	}
	for _, v := range []uint32{src, dst, 172<<24 | outIf, inIf, outIf, packets, bytes, first, last} {
		d = u32(d, v)
	}
	d = append(u16(u16(d, sport), dport), flags, proto, 0)
	d = u32(u32(d, srcAS), dstAS)
	return append(d, 24, 22, 0, 1)
}

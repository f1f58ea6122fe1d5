package main

import (
	"bytes"
	"fmt"

	"github.com/netsampler/goflow2/v2/decoders/netflow"
	"github.com/netsampler/goflow2/v2/decoders/netflowlegacy"
	"github.com/netsampler/goflow2/v2/decoders/sflow"
	"github.com/netsampler/goflow2/v2/format"
	_ "github.com/netsampler/goflow2/v2/format/binary"
	_ "github.com/netsampler/goflow2/v2/format/json"
	"github.com/netsampler/goflow2/v2/producer"
	protoproducer "github.com/netsampler/goflow2/v2/producer/proto"

	"github.com/weirflow/weir/shared/flowtest"
)

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
	return &work{flows: t.flows, run: func() {
		n := 0
		for _, data := range t.datagrams {
			msg, flows := decodeGoflow2(data, templates)
			n += flows
			if prod == nil {
				continue
			}
			made, err := prod.Produce(msg, args)
			check(err)
			for _, f := range made {
				_, text, err := out.Format(f)
				check(err)
				sink += uint64(len(text))
			}
			prod.Commit(made)
		}
		if n != t.flows {
			check(fmt.Errorf("%s: goflow2 found %d of %d flows", t.name, n, t.flows))
		}
	}}
}

// decodeGoflow2 returns goflow2's message of a datagram and how many flows are
// in it.
func decodeGoflow2(data []byte, templates netflow.NetFlowTemplateSystem) (msg any, flows int) {
	buf := bytes.NewBuffer(data)
	var sets []any
	switch data[1] {
	case 0: // sFlow's version has four octets
		var p sflow.Packet
		check(sflow.DecodeMessageVersion(buf, &p))
		return &p, len(p.Samples)
	case 5:
		var p netflowlegacy.PacketNetFlowV5
		check(netflowlegacy.DecodeMessageVersion(buf, &p))
		return &p, len(p.Records)
	case 9:
		var p netflow.NFv9Packet
		check(netflow.DecodeMessageVersion(buf, templates, &p, nil))
		msg, sets = &p, p.FlowSets
	default:
		var p netflow.IPFIXPacket
		check(netflow.DecodeMessageVersion(buf, templates, nil, &p))
		msg, sets = &p, p.FlowSets
	}
	for _, s := range sets {
		if s, ok := s.(netflow.DataFlowSet); ok {
			flows += len(s.Records)
		}
	}
	return msg, flows
}

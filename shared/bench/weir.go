package main

import (
	"fmt"

	"github.com/weirflow/weir/shared/decode"
	"github.com/weirflow/weir/shared/encode"
	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/flowtest"
	"github.com/weirflow/weir/shared/template"
)

// each decodes all datagrams of t, handing on the batch whenever it holds 256
// flows or more.
func each(t traffic, full func(*flow.Batch)) *work {
	d := decode.New(template.NewStore(template.Limits{}))
	var b flow.Batch
	var all []decode.Datagram
	for _, data := range t.datagrams {
		all = append(all, decode.Datagram{From: flowtest.From, Time: flowtest.Export * 1e9, Data: data})
	}
	return &work{flows: t.flows, run: func() {
		n := 0
		for i := range all {
			check(d.Decode(&b, all[i]))
			if len(b.Flows) >= 256 {
				n += len(b.Flows)
				full(&b)
				b.Reset()
			}
		}
		n += len(b.Flows)
		full(&b)
		b.Reset()
		if n != t.flows {
			check(fmt.Errorf("%s: %d flows of %d", t.name, n, t.flows))
		}
	}}
}

func decodeOnly(t traffic) *work {
	return each(t, func(b *flow.Batch) {
		if len(b.Flows) > 0 {
			sink += b.Flows[0].Bytes
		}
	})
}

func encoded(t traffic, app func(*encode.Encoder, []byte, *flow.Batch, []flow.Flow) []byte, p encode.Profile) *work {
	e := encode.New(p)
	var out []byte
	return each(t, func(b *flow.Batch) {
		out = app(e, out[:0], b, b.Flows)
		sink += uint64(len(out))
	})
}

// floor reads the octets of t and does nothing with them.
func floor(t traffic) *work {
	return &work{flows: t.flows, run: func() {
		n := uint64(0)
		for _, d := range t.datagrams {
			for len(d) >= 8 {
				n += uint64(d[0]) | uint64(d[1])<<8 | uint64(d[2])<<16 | uint64(d[3])<<24 |
					uint64(d[4])<<32 | uint64(d[5])<<40 | uint64(d[6])<<48 | uint64(d[7])<<56
				d = d[8:]
			}
		}
		sink += n
	}}
}

func appendJSON(e *encode.Encoder, dst []byte, b *flow.Batch, fl []flow.Flow) []byte {
	for i := range fl {
		dst = e.AppendJSON(dst, b, &fl[i])
	}
	return dst
}

// appendProtobuf ignores the encoder: protobuf has no profiles.
func appendProtobuf(_ *encode.Encoder, dst []byte, b *flow.Batch, fl []flow.Flow) []byte {
	for i := range fl {
		from := len(dst)
		dst = encode.Delimit(encode.AppendProtobuf(dst, b, &fl[i]), from)
	}
	return dst
}

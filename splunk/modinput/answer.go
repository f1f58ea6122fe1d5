package modinput

import (
	"encoding/binary"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/ie"
)

// An answer is the volume of the flow that answers another, in the event of both.
// A flow carries it as its first extras, under the reverse elements of RFC 5103:
// from an exporter, these make a flow of their own, and are no extras.
type answer struct {
	volume [3]uint64   // bytes, packets, layer-2 bytes, as bytesIn, packetsIn and l2BytesIn follow one another
	behind flow.Cursor // at the extras that remain
}

var answerIDs = [...]uint16{1, 2, 352}

// answerLen is the room that an answer may take.
const answerLen = len(answerIDs) * (flow.ExtraHeader + 8)

// read takes the answer from the extras of f, and returns what f has.
func (a *answer) read(b *flow.Batch, f *flow.Flow) (has uint8) {
	a.behind = flow.Cursor{}
	c := a.behind
	for {
		x, v, ok := b.NextExtra(f, &c)
		if !ok {
			return has
		}
		if x.PEN != ie.ReversePEN || len(v) != 8 || x.Ord != 0 {
			return has | hasExtras
		}
		i := 0
		for i < len(answerIDs) && answerIDs[i] != x.ID {
			i++
		}
		if i == len(answerIDs) {
			return has | hasExtras
		}
		a.volume[i] = binary.BigEndian.Uint64(v)
		a.behind = c
		has |= hasBytesIn << i
	}
}

// addAnswer gives f, which is of b and has no extras yet, the volume of g.
func addAnswer(b *flow.Batch, f, g *flow.Flow) {
	var buf [answerLen]byte
	n := 0
	for i, x := range [...]flow.Field{flow.FieldBytes, flow.FieldPackets, flow.FieldL2Bytes} {
		if !g.Set.Has(x) {
			continue
		}
		flow.PutExtraHeader(buf[n:], flow.Element{PEN: ie.ReversePEN, ID: answerIDs[i]}, 8)
		binary.BigEndian.PutUint64(buf[n+flow.ExtraHeader:], g.Uint(x))
		n += flow.ExtraHeader + 8
	}
	off, d := b.Arena(n)
	copy(d, buf[:])
	f.SetExtra(off, uint32(n))
}

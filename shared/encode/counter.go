package encode

import (
	"strconv"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/sflow"
)

// AppendCounterJSON appends c as one JSON object: where it was counted, the
// counters of an interface under the names of their MIB (RFC 2863), and the other
// records that it came as, an object each, under the names of their documents.
// What the agent doesn't know is left out.
func (e *Encoder) AppendCounterJSON(dst []byte, b *flow.Batch, c *flow.Counter) []byte {
	number := func(name string, v uint64) {
		dst = append(dst, ',', '"')
		dst = append(dst, name...)
		dst = append(dst, '"', ':')
		dst = strconv.AppendUint(dst, v, 10)
	}
	dst = append(dst, `{"sequence":`...)
	dst = strconv.AppendUint(dst, uint64(c.Sequence), 10)
	number("class", uint64(c.Class))
	number("index", uint64(c.Index))
	if c.HasInterface {
		i := &c.Interface
		for _, x := range []struct {
			name string
			v    uint64
		}{{"ifSpeed", i.Speed}, {"ifHCInOctets", i.InOctets}, {"ifHCOutOctets", i.OutOctets}} {
			if x.v != 1<<64-1 {
				number(x.name, x.v)
			}
		}
		for _, x := range []struct {
			name string
			v    uint32
		}{
			{"ifIndex", i.Index}, {"ifType", i.Type}, {"ifDirection", i.Direction}, {"ifStatus", i.Status},
			{"ifInUcastPkts", i.InUnicast}, {"ifInMulticastPkts", i.InMulticast}, {"ifInBroadcastPkts", i.InBroadcast},
			{"ifInDiscards", i.InDiscards}, {"ifInErrors", i.InErrors}, {"ifInUnknownProtos", i.InUnknownProtos},
			{"ifOutUcastPkts", i.OutUnicast}, {"ifOutMulticastPkts", i.OutMulticast}, {"ifOutBroadcastPkts", i.OutBroadcast},
			{"ifOutDiscards", i.OutDiscards}, {"ifOutErrors", i.OutErrors}, {"ifPromiscuousMode", i.Promiscuous},
		} {
			if x.v != 1<<32-1 {
				number(x.name, uint64(x.v))
			}
		}
	}
	var at flow.Cursor
	for {
		x, v, ok := b.NextRecord(c, &at)
		if !ok {
			return append(dst, '}')
		}
		l, rest := sflow.OfCounter(x.ID, v)
		switch {
		case l == nil:
			dst = e.appendFieldJSON(dst, x, v, false)
		case x.ID == 1 && x.Ord == 0 && c.HasInterface && len(v) == interfaceLength: // it is above
		default:
			dst = jsonKey(append(dst, ','), e.sflowName(x, l))
			dst = appendRecordJSON(dst, l, rest, true)
		}
	}
}

// interfaceLength is the octets of generic interface counters.
const interfaceLength = 88

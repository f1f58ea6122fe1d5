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
	dst = append(dst, '{')
	eachCount(c, func(name string, v uint64) {
		dst = strconv.AppendUint(jsonMember(dst, name), v, 10)
	})
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
		case isInterface(c, x, v): // it is above
		default:
			dst = jsonKey(append(dst, ','), e.sflowName(x, l))
			dst = appendRecordJSON(dst, l, rest, true)
		}
	}
}

// eachCount calls f for where c was counted, and for the counters of an interface
// that the agent knows.
func eachCount(c *flow.Counter, f func(name string, v uint64)) {
	f("sequence", uint64(c.Sequence))
	f("class", uint64(c.Class))
	f("index", uint64(c.Index))
	if !c.HasInterface {
		return
	}
	i := &c.Interface
	for _, x := range []struct {
		name string
		v    uint64
	}{{"ifSpeed", i.Speed}, {"ifHCInOctets", i.InOctets}, {"ifHCOutOctets", i.OutOctets}} {
		if x.v != 1<<64-1 {
			f(x.name, x.v)
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
			f(x.name, uint64(x.v))
		}
	}
}

// isInterface tells whether a record is the one that eachCount has the counters of.
func isInterface(c *flow.Counter, x flow.Element, v []byte) bool {
	return x.ID == 1 && x.Ord == 0 && c.HasInterface && len(v) == interfaceLength
}

// interfaceLength is the octets of generic interface counters.
const interfaceLength = 88

package main

import (
	"fmt"

	"github.com/weirflow/weir/shared/flowtest"
)

// A traffic is a list of datagrams that are decoded over and over; the first
// carries the template, if there is one.
type traffic struct {
	name      string
	datagrams [][]byte
	flows     int // that come of it
	octets    int
}

const (
	datagrams  = 128
	perPacket  = 24
	templateID = 260
)

// newTraffic makes the datagrams of a traffic, each of n flows.
func newTraffic(name string, n int, datagram func(i int) []byte) traffic {
	t := traffic{name: name, flows: datagrams * n}
	for i := range datagrams {
		d := datagram(i)
		t.datagrams = append(t.datagrams, d)
		t.octets += len(d)
	}
	return t
}

// fixed is NetFlow with records of a fixed shape: as many as go into a datagram.
func fixed(version uint16, n int) traffic {
	m := flowtest.New(1)
	return newTraffic(fmt.Sprintf("v%d", version), n, func(int) []byte { return m.Fixed(version, n) })
}

func v8() traffic {
	m := flowtest.New(1)
	return newTraffic("v8", perPacket, func(int) []byte { return m.V8(perPacket) })
}

// templated is NetFlow v9 or IPFIX with the fields given, each record of which
// makes so many flows.
func templated(name string, version uint16, fields []flowtest.Field, flows int) traffic {
	m := flowtest.New(1)
	return newTraffic(name, perPacket*flows, func(i int) []byte {
		sets := [][]byte{m.Data(templateID, perPacket, fields)}
		if i == 0 {
			sets = append([][]byte{flowtest.Template(version, templateID, fields)}, sets...)
		}
		return flowtest.Packet(version, 1, sets...)
	})
}

// lists is IPFIX with structured data.
func lists() traffic {
	t := templated("ipfix+lists", 10, flowtest.Listed, 1)
	inner := flowtest.Packet(10, 1, flowtest.Template(10, flowtest.InnerID, flowtest.Inner))
	t.datagrams = append([][]byte{inner}, t.datagrams...)
	return t
}

// sflow5 has as many samples in a datagram as an agent puts into 1400 octets.
func sflow5() traffic {
	const samples = 4
	m := flowtest.New(1)
	return newTraffic("sflow", samples, func(int) []byte { return m.SFlow(samples) })
}

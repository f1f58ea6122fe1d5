// Command bench measures weir's core beside goflow2's on the same bytes in the
// same run, and prints a line for each figure:
//
//	figure<TAB>name<TAB>value<TAB>unit<TAB>goal<TAB>met|missed
//
// CPU time on one core, variants interleaved, the minimum of all rounds. The
// ratio is what counts: machines are noisy, and the nanoseconds are for
// orientation. SCALE=small runs fewer rounds; names of formats as arguments
// leave out the others.
//
// It is a module of its own so that weir's go.mod knows nothing of goflow2.
package main

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"slices"

	"github.com/weirflow/weir/shared/encode"
	"github.com/weirflow/weir/shared/flowtest"
)

// sink keeps what is measured from being optimised away.
var sink uint64

func main() {
	runtime.GOMAXPROCS(1)
	debug.SetGCPercent(400)
	rounds, spoofed := 9, 10_000_000
	if os.Getenv("SCALE") == "small" {
		rounds, spoofed = 2, 1_000_000
	}
	spoof(spoofed)
	againstGoflow2(rounds)
	amongOurselves(rounds)
}

// againstGoflow2 measures the formats that goflow2 reads too.
func againstGoflow2(rounds int) {
	for _, x := range []struct {
		traffic
		goal float64 // of the decoder: times goflow2's
	}{
		{fixed(5, 30), 20},
		{templated("v9", 9, flowtest.Twenty, 1), 30},
		{templated("ipfix", 10, flowtest.TwentyIPFIX, 1), 26},
		{templated("ipfix+string", 10, flowtest.Named, 1), 15},
		{sflow5(), 24},
	} {
		t := x.traffic
		if !wanted(t.name) {
			continue
		}
		read, dec, peer := floor(t), decodeOnly(t), goflow2(t, "")
		flat := encoded(t, (*encode.Encoder).AppendMsgpack, encode.Flat)
		ecs := encoded(t, (*encode.Encoder).AppendMsgpack, encode.ECS)
		json := encoded(t, appendJSON, encode.Flat)
		protobuf := encoded(t, appendProtobuf, encode.Flat)
		peerProtobuf, peerJSON := goflow2(t, "bin"), goflow2(t, "json")
		measure(rounds, read, dec, peer, flat, ecs, protobuf, peerProtobuf, json, peerJSON)

		took(t.name+" floor: reading the octets", read)
		took(t.name+" decode", dec)
		took(t.name+" goflow2 decode", peer)
		faster(t.name+" decode against goflow2", peer, dec, x.goal)
		for _, e := range []struct {
			name     string
			ours     *work
			peer     *work
			peerName string
			goal     float64 // for v9
		}{
			{"flat", flat, peerProtobuf, "protobuf", 50},
			{"ecs", ecs, peerProtobuf, "protobuf", 35},
			{"json", json, peerJSON, "json", 250},
			{"protobuf", protobuf, peerProtobuf, "protobuf", 0},
		} {
			if t.name != "v9" {
				e.goal = 0
			}
			took(t.name+" decode + "+e.name, e.ours)
			faster(fmt.Sprintf("%s decode + %s against goflow2 decode + %s", t.name, e.name, e.peerName), e.peer, e.ours, e.goal)
		}
	}
}

// amongOurselves measures formats that goflow2 doesn't read beside our own
// decoder of a near relative. The nanoseconds are for a flow: a record of a
// biflow makes two.
func amongOurselves(rounds int) {
	v5, ipfix := fixed(5, 30), templated("ipfix", 10, flowtest.TwentyIPFIX, 1)
	for _, x := range []struct {
		traffic
		relative traffic
		goal     float64 // times the relative
	}{
		{fixed(1, 24), v5, 1.5},
		{fixed(6, 27), v5, 1.5},
		{fixed(7, 27), v5, 1.5},
		{v8(), v5, 0},
		{templated("biflow", 10, flowtest.Biflow, 2), ipfix, 3},
		{lists(), ipfix, 3},
	} {
		if !wanted(x.name) {
			continue
		}
		dec, relative := decodeOnly(x.traffic), decodeOnly(x.relative)
		measure(rounds, dec, relative)
		took(x.name+" decode", dec)
		slower(x.name+" decode against our "+x.relative.name, relative, dec, x.goal)
	}
}

func wanted(name string) bool { return len(os.Args) < 2 || slices.Contains(os.Args[1:], name) }

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

//go:build linux

package main

import "github.com/weirflow/weir/shared/flowtest"

// lap is how many datagrams are sent before they are repeated: some seconds.
const lap = 16384

// side is how many datagrams come before their answers.
const side = 64

// conversations makes n datagrams: by turns some, their answers, and as many that
// have none.
func conversations(n int) (all [][]byte) {
	m := flowtest.New(1)
	packet := func(set []byte) []byte { return flowtest.Packet(9, 0, set) }
	for len(all) < n {
		var answers [][]byte
		for range side {
			set := m.Data(260, flowtest.LoadRecords, flowtest.Twenty)
			all = append(all, packet(set))
			answers = append(answers, packet(turned(set)))
		}
		all = append(all, answers...)
		for range 2 * side {
			all = append(all, packet(m.Data(260, flowtest.LoadRecords, flowtest.Twenty)))
		}
	}
	return all
}

// exchanged are the elements that change places in an answer: addresses, ports,
// interfaces, systems and masks.
var exchanged = map[uint16]uint16{8: 12, 7: 11, 10: 14, 16: 17, 9: 13}

// turned returns a set of flowtest.Twenty with all flows the other way.
func turned(set []byte) []byte {
	at, size := map[uint16]int{}, 0
	for _, f := range flowtest.Twenty {
		at[f.ID] = size
		size += int(f.Len)
	}
	const header = 4
	out := append([]byte(nil), set...)
	for r := header; r+size <= len(set); r += size {
		for _, f := range flowtest.Twenty {
			to, ok := exchanged[f.ID]
			if !ok {
				continue
			}
			x, y, n := r+at[f.ID], r+at[to], int(f.Len)
			copy(out[x:x+n], set[y:y+n])
			copy(out[y:y+n], set[x:x+n])
		}
	}
	return out
}

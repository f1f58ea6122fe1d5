package store

import "encoding/binary"

// minRun is how often a value must repeat for a run to be shorter than packed.
const minRun = 16

// appendHybrid appends v, each of width bits, in Parquet's hybrid of runs and
// packed bits.
func appendHybrid(dst []byte, v []uint32, width int) []byte {
	for i := 0; i < len(v); {
		if n := run(v[i:]); n >= minRun || i+n == len(v) {
			dst = binary.AppendUvarint(dst, uint64(n)<<1)
			for x, w := v[i], width; w > 0; w -= 8 {
				dst = append(dst, byte(x))
				x >>= 8
			}
			i += n
			continue
		}
		to := i + 8
		for to < len(v) && run(v[to:]) < minRun {
			to += 8
		}
		dst = binary.AppendUvarint(dst, uint64(to-i)/8<<1|1)
		dst = appendPacked(dst, v[i:min(to, len(v))], to-i, width)
		i = to
	}
	return dst
}

// run returns how many values at the start of v are equal.
func run(v []uint32) int {
	n := 1
	for n < len(v) && v[n] == v[0] {
		n++
	}
	return n
}

// appendPacked appends v and zeros, n values in all, in width bits each.
func appendPacked(dst []byte, v []uint32, n, width int) []byte {
	end := len(dst) + n*width/8
	word, have := uint64(0), 0
	for _, x := range v {
		word |= uint64(x) << have
		if have += width; have >= 32 {
			dst = binary.LittleEndian.AppendUint32(dst, uint32(word))
			word >>= 32
			have -= 32
		}
	}
	for ; len(dst) < end; word >>= 8 {
		dst = append(dst, byte(word))
	}
	return dst[:end]
}

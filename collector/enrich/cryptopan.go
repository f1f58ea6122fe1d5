package enrich

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"

	"github.com/weirflow/weir/shared/flow"
)

// cryptopan hides addresses and keeps prefixes: two addresses that share their
// first n bits share just those afterwards (Xu, Fan, Ammar, Moon: Prefix-
// Preserving IP Address Anonymization, 2002). The same key always gives the same
// addresses. An IPv6 address is 128 bits of what IPv4 is 32 of.
type cryptopan struct {
	key   []byte
	block cipher.Block
	pad   [2]uint64
	first [1 << headBits]uint16 // flips of the first bits, by those: computed beforehand
}

const headBits = 16

// keyLen is the length of a key: 16 octets for AES, 16 that make the pad.
const keyLen = 32

func newCryptopan(key []byte) (*cryptopan, error) {
	b, err := aes.NewCipher(key[:16])
	if err != nil {
		return nil, err
	}
	var pad [16]byte
	b.Encrypt(pad[:], key[16:keyLen])
	c := &cryptopan{key: key, block: b, pad: [2]uint64{binary.BigEndian.Uint64(pad[:8]), binary.BigEndian.Uint64(pad[8:])}}
	v := &veil{cryptopan: c}
	for i := range headBits {
		for head := 0; head < 1<<headBits; head += 1 << (headBits - i) { // each with its first i bits
			bit := v.flip(uint64(head)<<(64-headBits), 0, i) << (headBits - 1 - i)
			for n := range 1 << (headBits - i) {
				c.first[head+n] |= uint16(bit)
			}
		}
	}
	return c, nil
}

// A veil hides addresses with a cryptopan, and remembers some. One goroutine
// uses it at a time.
type veil struct {
	*cryptopan
	seen    []veiled
	in, out [16]byte // here, as what a cipher is given escapes
}

type veiled struct {
	addr, hidden flow.Addr
	known        bool
}

func (c *cryptopan) veil() *veil { return &veil{cryptopan: c, seen: make([]veiled, memory)} }

func (v *veil) hide(a *flow.Addr) {
	m := &v.seen[addrSlot(a)]
	if !m.known || m.addr != *a {
		m.known, m.addr, m.hidden = true, *a, *a
		if a.Is4() {
			high, _ := v.flips(uint64(binary.BigEndian.Uint32(a[12:]))<<32, 0, 32)
			binary.BigEndian.PutUint32(m.hidden[12:], binary.BigEndian.Uint32(a[12:])^uint32(high>>32))
		} else {
			high, low := binary.BigEndian.Uint64(a[:8]), binary.BigEndian.Uint64(a[8:])
			x, y := v.flips(high, low, 128)
			binary.BigEndian.PutUint64(m.hidden[:8], high^x)
			binary.BigEndian.PutUint64(m.hidden[8:], low^y)
		}
	}
	*a = m.hidden
}

// flips returns which of the first n bits of an address, more than headBits, to
// turn over.
func (v *veil) flips(high, low uint64, n int) (x, y uint64) {
	x = uint64(v.first[high>>(64-headBits)]) << (64 - headBits)
	for i := headBits; i < min(n, 64); i++ {
		x |= v.flip(high, low, i) << (63 - i)
	}
	for i := 64; i < n; i++ {
		y |= v.flip(high, low, i) << (127 - i)
	}
	return x, y
}

// flip returns 1 if bit i of an address is to be turned over: the first bit of
// the cipher of the i bits before it, the pad behind them.
func (v *veil) flip(high, low uint64, i int) uint64 {
	// Shifts of 64 and more give 0.
	maskHigh, maskLow := ^uint64(0)<<(64-min(i, 64)), ^uint64(0)<<(128-max(i, 64))
	binary.BigEndian.PutUint64(v.in[:8], high&maskHigh|v.pad[0]&^maskHigh)
	binary.BigEndian.PutUint64(v.in[8:], low&maskLow|v.pad[1]&^maskLow)
	v.block.Encrypt(v.out[:], v.in[:])
	return uint64(v.out[0] >> 7)
}

package pcap

import "encoding/binary"

// An IPFIX message begins with a header of 16 octets: version, length, export
// time, sequence number, domain. Sets of at least 4 octets fill the rest (RFC
// 7011 §3.1).
const (
	ipfixVersion = 10
	ipfixHeader  = 16
)

// IsIPFIX tells whether head begins as an IPFIX message does: one octet behind
// the other, as RFC 5655 stores them in files, and TCP carries them. It wants
// 20 octets, or the 16 of a message without sets; the more there is, the surer
// the answer.
func IsIPFIX(head []byte) bool { return looksIPFIX(head) == yes }

type answer uint8

const (
	no      answer = iota
	unknown        // too few octets to tell
	yes
)

// maxWalk is how many sets are looked at: enough to be sure, and a bound to what
// a search in hostile octets costs.
const maxWalk = 32

// looksIPFIX follows the sets of the message that b may begin with, as far as
// they are in b. Sets that fill the message are no accident.
func looksIPFIX(b []byte) answer {
	for i, v := range [2]byte{0, ipfixVersion} {
		if len(b) <= i {
			return unknown
		}
		if b[i] != v {
			return no
		}
	}
	if len(b) < 4 {
		return unknown
	}
	left := int(binary.BigEndian.Uint16(b[2:])) - ipfixHeader
	if left < 0 || left > 0 && left < 4 {
		return no
	}
	if len(b) < ipfixHeader {
		return unknown
	}
	b = b[ipfixHeader:]
	for i := range maxWalk {
		if left == 0 {
			return yes
		}
		if len(b) < 4 {
			if i == 0 {
				return unknown
			}
			return yes
		}
		id, n := binary.BigEndian.Uint16(b), int(binary.BigEndian.Uint16(b[2:]))
		if id < 2 || id > 3 && id < 256 || n < 4 || n > left {
			return no
		}
		left -= n
		b = b[min(n, len(b)):]
	}
	return yes
}

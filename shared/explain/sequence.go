package explain

import (
	"fmt"
	"net/netip"
)

// sequences remembers which sequence number comes next of each exporter.
type sequences map[sequenceKey]expected

// An expected number, and the one that follows the last datagram that was late:
// two in a row are a stream that begins anew.
type expected struct {
	next, late uint32
	hasLate    bool
}

type sequenceKey struct {
	from    netip.AddrPort // of sFlow: the agent's address
	version uint8
	domain  uint32
}

// maxSequences bounds it: exporters come from the network.
const maxSequences = 1 << 14

// follow notes at n, the sequence number of a datagram, that it is not the one
// that was expected. The datagram has units of what; it is not known how many
// if known is false.
func (s *sequences) follow(n *Node, k sequenceKey, seq, units uint32, what string, known bool) {
	if *s == nil || len(*s) >= maxSequences {
		*s = sequences{}
	}
	x, ok := (*s)[k]
	switch ahead := int32(seq - x.next); {
	case !ok || ahead == 0 || x.hasLate && seq == x.late:
	case ahead > 0 && ahead < 1<<24:
		n.note(fmt.Sprintf("expected %d: %s missing before this datagram", x.next, are(int(ahead), what)))
	case ahead < 0 && ahead > -1<<16:
		n.note(fmt.Sprintf("expected %d: this datagram is late or repeated, or the exporter was restarted", x.next))
		if known {
			(*s)[k] = expected{next: x.next, late: seq + units, hasLate: true}
			return
		}
	default:
		n.note(fmt.Sprintf("expected %d: the exporter was restarted, or counts otherwise", x.next))
	}
	if known {
		(*s)[k] = expected{next: seq + units}
	} else {
		delete(*s, k)
	}
}

func are(n int, what string) string {
	if n == 1 {
		return "1 " + what + " is"
	}
	return count(n, what) + " are"
}

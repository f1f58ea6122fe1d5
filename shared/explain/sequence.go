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
	itself     counting
	last, size uint32 // the number and the units of the last datagram
}

// A counting says whether an exporter counts a message in its own number, against
// RFC 7011 §3.1, and leaves its options records out; softflowd does.
type counting uint8

const (
	untold  counting = iota
	perhaps          // a number was like that
	always           // two in a row were
	never            // a number left its message out
)

type sequenceKey struct {
	from    netip.AddrPort // of sFlow: the agent's address
	version uint8
	domain  uint32
}

// maxSequences bounds it: exporters come from the network.
const maxSequences = 1 << 14

// follow notes at n, the sequence number of a datagram, that it is not the one
// that was expected. The datagram has units of what, some of them options; it is
// not known how many if known is false.
func (s *sequences) follow(n *Node, k sequenceKey, seq, units, options uint32, what string, known bool) {
	if *s == nil || len(*s) >= maxSequences {
		*s = sequences{}
	}
	x, ok := (*s)[k]
	from, own, shown := seq, units-options, x.next
	if x.itself == always {
		from, units, shown = seq-own, own, x.next+own
	}
	like := ok && k.version == 10 && known && x.itself < always && seq-x.last == own && own != x.size
	or := ""
	if like {
		or = ", or it counts itself, as softflowd does, against RFC 7011 §3.1"
	}
	itself := x.itself
	if like && itself == untold {
		itself = perhaps
	}
	switch ahead := int32(from - x.next); {
	case !ok || x.hasLate && from == x.late:
	case ahead == 0:
		if itself < always && units != x.size {
			itself = never
		}
	case like && x.itself == perhaps:
		itself, from, units = always, seq-own, own
	case ahead > 0 && ahead < 1<<24:
		n.note(fmt.Sprintf("expected %d: %s missing before this datagram%s", shown, are(int(ahead), what), or))
	case ahead < 0 && ahead > -1<<16:
		n.note(fmt.Sprintf("expected %d: this datagram is late or repeated, or the exporter was restarted%s", shown, or))
		if known && !like {
			x.late, x.hasLate = from+units, true
			(*s)[k] = x
			return
		}
	default:
		n.note(fmt.Sprintf("expected %d: the exporter was restarted, or counts otherwise", shown))
	}
	if known {
		(*s)[k] = expected{next: from + units, itself: itself, last: seq, size: units}
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

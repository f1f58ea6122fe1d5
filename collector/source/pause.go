package source

import "time"

// How long a reader lets datagrams pile up before it asks the kernel for them.
// To be woken for each costs several times what a datagram itself does.
const (
	// longest bounds what that adds to a datagram's way: 10 ms with a timer that
	// is late.
	longest = 8 * time.Millisecond
	// shortest is what a timer can do at all: the runtime waits in milliseconds.
	shortest = time.Millisecond
	// pile is how many datagrams are worth a wake-up: more save little, and don't
	// stay in the cache.
	pile = 192
	// burst is what may come in a burst, in octets of kernel memory a second: a
	// gigabit of datagrams, with what the kernel adds to each. A buffer that holds
	// less of it than the pause must not lose it.
	burst = 256 << 20
)

// A pacemaker learns from what comes how long to pause. The zero value knows
// nothing yet.
type pacemaker struct {
	buffer int     // octets of kernel memory that the socket may take
	rate   float64 // datagrams a second, of late
	size   float64 // their mean size
	last   int64   // when the socket was last found empty
	count  int     // datagrams since
	octets int
}

// remember is over how long the rate is averaged.
const remember = 100e6

// add notes that n datagrams came, of so many octets together.
func (p *pacemaker) add(n, octets int) {
	p.count += n
	p.octets += octets
}

// drained notes that the socket was empty at now, Unix nanoseconds, and returns
// how long to pause; 0 is not at all.
func (p *pacemaker) drained(now int64) time.Duration {
	if d := float64(now - p.last); d > 0 {
		weight := d / (d + remember)
		p.rate += (float64(p.count)*1e9/d - p.rate) * weight
		if p.count > 0 {
			p.size += (float64(p.octets)/float64(p.count) - p.size) * weight
		}
		p.last, p.count, p.octets = now, 0, 0
	} else if setBack(now - p.last) {
		p.last, p.count, p.octets = now, 0, 0
	}
	return p.pause()
}

func (p *pacemaker) pause() time.Duration {
	d := longest
	if p.rate > 0 {
		d = min(d, max(shortest, time.Duration(pile*1e9/p.rate)))
		// The kernel takes a power of two and some for each datagram. A quarter
		// of the buffer leaves room for twice the rate, and a timer that is late.
		taken := p.rate * (2*p.size + 1024)
		d = min(d, time.Duration(float64(p.buffer)/4*1e9/taken))
	}
	d = min(d, time.Duration(float64(p.buffer)*1e9/burst))
	return d.Truncate(shortest)
}

// sparse tells whether not even one datagram is to be expected in a pause.
func (p *pacemaker) sparse() bool { return p.rate*longest.Seconds() < 1 }

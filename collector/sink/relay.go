package sink

import (
	"encoding/binary"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weirflow/weir/collector/source"
	"github.com/weirflow/weir/shared/decode"
	"github.com/weirflow/weir/shared/flow"
)

// Relay says where datagrams are passed on to, as they came.
type Relay struct {
	To    string      `yaml:"to"`          // host:port of another collector, UDP
	Keep  bool        `yaml:"keep_source"` // they come from the exporter's address, as far as this machine may (CAP_NET_RAW)
	Queue source.Size `yaml:"queue"`       // octets that may wait to be sent
}

// DefaultRelay keeps the exporter's address; To is still to be set.
func DefaultRelay() Relay { return Relay{Keep: true, Queue: 8 << 20} }

// Validate says what is wrong with c, and what to write instead.
func (c Relay) Validate() error {
	_, port, err := net.SplitHostPort(c.To)
	if err == nil {
		_, err = net.LookupPort("udp", port)
	}
	switch {
	case err != nil || port == "" || port == "0":
		return fmt.Errorf("to is %q: write the other collector's host:port, as 192.0.2.1:2055", c.To)
	case c.Queue < leastQueue || c.Queue > 1<<30:
		return fmt.Errorf("queue is %d: write a size from %dKiB to 1GiB", c.Queue, leastQueue>>10)
	}
	return nil
}

// Loops tells whether what is passed on would come back to one of the listeners,
// for ever. Names but localhost are not looked up.
func (c Relay) Loops(listen source.Listens) bool {
	host, _, _ := net.SplitHostPort(c.To)
	if _, err := netip.ParseAddr(host); err != nil && host != "" && host != "localhost" {
		return false
	}
	addr, err := net.ResolveUDPAddr("udp", c.To)
	return err == nil && listen.Hear(netip.AddrPortFrom(orUnspecified(addr.AddrPort().Addr()), uint16(addr.Port)))
}

// orUnspecified is a, or where no address means: this machine.
func orUnspecified(a netip.Addr) netip.Addr {
	if a.IsValid() {
		return a
	}
	return netip.IPv4Unspecified()
}

// leastQueue has room for a datagram in each half.
const leastQueue = 128 << 10

// A RelayFilter tells whether a datagram is passed on; its flows are those of b
// from from on. Datagrams that announce templates or hold no flow are passed on
// without asking: what is let through could not be decoded without them.
type RelayFilter func(dg *decode.Datagram, b *flow.Batch, from int) bool

// A Relayer passes datagrams on, byte by byte the same. It is a pipeline.Tap;
// its own goroutine sends. Messages of TCP, TLS and files are no datagrams: it
// counts them and leaves them out.
type Relayer struct {
	filter RelayFilter
	send   *sender
	half   int // octets of a queue

	mu      sync.Mutex
	filling *parcel
	closed  bool
	wake    chan struct{}
	done    chan struct{}

	sent, dropped, failed, filtered, streams atomic.Uint64
}

// A parcel is datagrams that are sent at once.
type parcel struct {
	data  []byte
	items []item
}

type item struct {
	from     netip.AddrPort
	at, size int
}

// RelayStats counts the datagrams that a Relayer saw.
type RelayStats struct {
	Sent     uint64 // the kernel took them
	Dropped  uint64 // the queue was full
	Failed   uint64 // the kernel refused them
	Filtered uint64 // the filter left them out
	Streams  uint64 // messages of connections and files
}

// NewRelay resolves the name and opens the sockets, and lets the Relayer go.
// filter may be nil.
func NewRelay(c Relay, filter RelayFilter, log *slog.Logger) (*Relayer, error) {
	if err := c.Validate(); err != nil {
		return nil, fmt.Errorf("relay: %w", err)
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	addr, err := net.ResolveUDPAddr("udp", c.To)
	if err != nil {
		return nil, fmt.Errorf("relay: %w", err)
	}
	to := addr.AddrPort()
	to = netip.AddrPortFrom(to.Addr().Unmap(), to.Port())
	s, err := newSender(to)
	if err != nil {
		return nil, fmt.Errorf("relay to %s: %w", to, err)
	}
	if c.Keep {
		if err := s.keep(); err != nil {
			log.Warn("relay: datagrams come from this machine's address, not from the exporter's: it takes root or CAP_NET_RAW to keep that", "to", to, "error", err)
		}
	}
	r := &Relayer{
		filter: filter, send: s, half: int(c.Queue) / 2,
		filling: newParcel(int(c.Queue) / 2), wake: make(chan struct{}, 1), done: make(chan struct{}),
	}
	go r.run(newParcel(r.half))
	return r, nil
}

func newParcel(size int) *parcel {
	return &parcel{data: make([]byte, 0, size), items: make([]item, 0, size/64)}
}

// Keeps tells whether datagrams of an exporter come from its own address.
func (r *Relayer) Keeps(exporter netip.Addr) bool { return r.send.keeps(exporter) }

// Stats returns what has happened so far. Any goroutine may call it.
func (r *Relayer) Stats() RelayStats {
	return RelayStats{r.sent.Load(), r.dropped.Load(), r.failed.Load(), r.filtered.Load(), r.streams.Load()}
}

// Datagram puts a copy of dg into the queue. It doesn't wait.
func (r *Relayer) Datagram(dg *decode.Datagram, b *flow.Batch, from int) {
	switch {
	case dg.Over.Reliable():
		if !dg.Closed {
			r.streams.Add(1)
		}
		return
	case dg.Closed:
		return
	case r.filter != nil && from < len(b.Flows) && !announces(dg.Data) && !r.filter(dg, b, from):
		r.filtered.Add(1)
		return
	}
	r.mu.Lock()
	p := r.filling
	full := r.closed || len(p.data)+len(dg.Data) > cap(p.data) || len(p.items) == cap(p.items)
	if !full {
		p.items = append(p.items, item{dg.From, len(p.data), len(dg.Data)})
		p.data = append(p.data, dg.Data...)
	}
	first := len(p.items) == 1
	r.mu.Unlock()
	if full {
		r.dropped.Add(1)
		return
	}
	if first {
		select {
		case r.wake <- struct{}{}:
		default:
		}
	}
}

// gather is how long a first datagram waits for others: to be woken for each
// would cost more than to send it.
const gather = time.Millisecond

// run sends what was gathered, until the Relayer is closed.
func (r *Relayer) run(other *parcel) {
	defer close(r.done)
	for range r.wake {
		time.Sleep(gather)
		for {
			p, closed := r.swap(other)
			if p == nil && closed {
				return
			}
			if p == nil {
				break
			}
			sent := r.send.all(p)
			r.sent.Add(uint64(sent))
			r.failed.Add(uint64(len(p.items) - sent))
			p.data, p.items = p.data[:0], p.items[:0]
			other = p
		}
	}
}

// swap returns what was gathered, and lets empty be filled; nil if there is
// nothing.
func (r *Relayer) swap(empty *parcel) (p *parcel, closed bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.filling.items) == 0 {
		return nil, r.closed
	}
	p, r.filling = r.filling, empty
	return p, r.closed
}

// Close sends what waits, and ends.
func (r *Relayer) Close() error {
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return net.ErrClosed
	}
	r.closed = true
	r.mu.Unlock()
	select {
	case r.wake <- struct{}{}:
	default:
	}
	<-r.done
	return r.send.close()
}

// announces tells whether d has a template in it.
func announces(d []byte) bool {
	if len(d) < 4 {
		return false
	}
	header, last := 0, uint16(0) // the sets up to this id are templates
	switch binary.BigEndian.Uint16(d) {
	case 9:
		header, last = 20, 1
	case 10:
		header, last = 16, 3
	default:
		return false
	}
	if len(d) < header {
		return false
	}
	for d = d[header:]; len(d) >= 4; {
		n := int(binary.BigEndian.Uint16(d[2:]))
		if binary.BigEndian.Uint16(d) <= last {
			return true
		}
		if n < 4 || n > len(d) {
			return false
		}
		d = d[n:]
	}
	return false
}

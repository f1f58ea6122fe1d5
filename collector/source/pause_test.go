package source

import (
	"testing"
	"time"
)

func TestPause(t *testing.T) {
	f := func(rate, size float64, buffer int, want time.Duration) {
		t.Helper()
		p := pacemaker{buffer: buffer, rate: rate, size: size}
		if got := p.pause(); got != want {
			t.Errorf("%v datagrams/s of %v octets, buffer %d: %s, want %s", rate, size, buffer, got, want)
		}
	}
	const large, small = 16 << 20, 425984 // of 8 MiB, and what Linux gives by default
	f(0, 0, large, 8*time.Millisecond)
	f(10_000, 1400, large, 8*time.Millisecond)  // 80 datagrams
	f(100_000, 1400, large, 1*time.Millisecond) // 192 of them take 1.92 ms
	f(50_000, 1400, large, 3*time.Millisecond)
	f(1_000_000, 1400, large, time.Millisecond)
	f(0, 0, small, time.Millisecond)
	f(10_000, 1400, small, time.Millisecond)
	f(20_000, 1400, small, time.Millisecond)
	f(100_000, 1400, small, 0) // 1 ms of it would take more than half of the buffer
	f(10_000, 60_000, large, 3*time.Millisecond)
	f(0, 0, 0, 0)
}

// At a steady rate the pacemaker finds it, and forgets it when it is over.
func TestPacemaker(t *testing.T) {
	p := pacemaker{buffer: 16 << 20}
	now := int64(1e18)
	for range 200 {
		now += 10e6
		p.add(500, 500*1400)
		p.drained(now)
	}
	if p.rate < 49_000 || p.rate > 51_000 || p.size < 1399 || p.size > 1401 {
		t.Errorf("rate %v, size %v, want 50000, 1400", p.rate, p.size)
	}
	if p.sparse() {
		t.Error("50,000 a second are sparse")
	}
	p.drained(now + 10e9)
	p.drained(now + 20e9)
	if p.rate > 20 || !p.sparse() {
		t.Errorf("rate %v after 20 s of silence", p.rate)
	}
}

package source

import (
	"context"
	"time"
)

// A pacer waits between datagrams as the capture did.
type pacer struct {
	speed float64
	most  time.Duration
	last  int64     // capture time of the datagram before
	due   time.Time // when that one was due
}

// wait returns when the datagram captured at t is due, or ctx's error.
func (p *pacer) wait(ctx context.Context, t int64) error {
	if p.speed <= 0 {
		return ctx.Err()
	}
	if p.due.IsZero() {
		p.due, p.last = time.Now(), t
	}
	gap := time.Duration(float64(max(t-p.last, 0)) / p.speed)
	if p.most > 0 {
		gap = min(gap, p.most)
	}
	p.due, p.last = p.due.Add(gap), t // from when it was due: lateness doesn't add up
	d := time.Until(p.due)
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

package store

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"
)

// upkeepEvery is how often old files are removed and small ones are merged.
const upkeepEvery = time.Minute

// keepHouse removes and merges files until the store closes.
func (s *Store) keepHouse() {
	defer close(s.keeper)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		<-s.stop
		cancel()
	}()
	tick := time.NewTicker(upkeepEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-s.stop:
			return
		}
		err := s.Retain()
		if err == nil {
			err = s.Compact(ctx, nil)
		}
		if ctx.Err() != nil {
			return
		}
		if errors.Is(err, errStale) {
			err = nil // the next time does it
		}
		s.mu.Lock()
		s.fault(&s.upkeep, err, "old files can't be merged or removed")
		s.mu.Unlock()
	}
}

// Retain removes what is older than it is kept, and beyond a size what is oldest.
func (s *Store) Retain() error {
	return s.update(func(c *catalog) (*change, error) {
		x := &change{}
		now := s.now()
		expired := func(last int64, keep time.Duration) bool {
			return keep > 0 && last < now.Add(-keep).UnixMilli()
		}
		var octets int64
		segments := slices.Clone(c.segments)
		slices.SortStableFunc(segments, func(a, b *Segment) int { return cmp.Compare(b.Received[1], a.Received[1]) })
		for _, g := range segments { // newest first
			octets += g.Octets
			if expired(g.Received[1], s.cfg.Keep.Flows) || s.cfg.Keep.Size > 0 && octets > int64(s.cfg.Keep.Size) {
				x.Remove = append(x.Remove, g.File)
			}
		}
		octets = 0
		rollups := slices.Clone(c.rollups)
		slices.SortStableFunc(rollups, func(a, b *RollupFile) int { return cmp.Compare(b.Bins[1], a.Bins[1]) })
		for _, r := range rollups {
			octets += r.Octets
			if expired(r.Bins[1]+r.Bin, s.keepOf(r)) || s.cfg.Keep.Sums > 0 && octets > int64(s.cfg.Keep.Sums) {
				x.RemoveRollups = append(x.RemoveRollups, r.File)
			}
		}
		if len(x.Remove)+len(x.RemoveRollups) == 0 {
			return nil, nil
		}
		return x, nil
	}, nil)
}

// keepOf returns how long r is kept.
func (s *Store) keepOf(r *RollupFile) time.Duration {
	switch bin := time.Duration(r.Bin) * time.Millisecond; {
	case bin < 5*time.Minute:
		return s.cfg.Keep.Minutes
	case bin < time.Hour:
		return s.cfg.Keep.Fives
	}
	return s.cfg.Keep.Hours
}

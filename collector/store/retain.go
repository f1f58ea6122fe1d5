package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
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

// Retain removes what is older than it is kept, and beyond a size, or where the
// disk is about to be full, what is oldest.
func (s *Store) Retain() error {
	lack, err := s.lack()
	if err != nil {
		return err
	}
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
				lack -= g.Octets
			}
		}
		gone := setOf(x.Remove)
		left := slices.DeleteFunc(segments, func(g *Segment) bool { return gone[g.File] })
		short := 0
		for i := len(left) - 1; i >= 0 && lack > 0 && expired(left[i].Received[1], time.Hour); i-- {
			x.Remove = append(x.Remove, left[i].File)
			lack -= left[i].Octets
			short++
		}
		if short > 0 {
			s.log.Warn("the disk is about to be full: the oldest flows go", "directory", s.dir, "segments", short, "free_percent", s.cfg.Keep.Free)
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

// lack returns how many octets the disk lacks of what is to be free.
func (s *Store) lack() (int64, error) {
	if s.cfg.Keep.Free == 0 {
		return 0, nil
	}
	total, free, err := s.space(s.dir)
	if err != nil {
		return 0, fmt.Errorf("ask how full the disk is: %w", err)
	}
	return int64(float64(total)/100*float64(s.cfg.Keep.Free)) - free, nil
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

package input

import (
	"sync"
	"time"
)

// reportEvery is how often losses are logged at most.
const reportEvery = 10 * time.Second

// A lossReport remembers which losses were logged.
type lossReport struct {
	mu             sync.Mutex
	next           time.Time
	ring, pipeline uint64
	before         uint64 // flows that the ring had lost when the pipeline began
}

// report logs events lost since the last report, unless that was just now; the
// zero time reports in any case.
func (x *Instance) report(now time.Time) {
	x.loss.mu.Lock()
	defer x.loss.mu.Unlock()
	if !now.IsZero() && now.Before(x.loss.next) {
		return
	}
	s := x.Stats()
	if n := s.Ring.Dropped.Events - x.loss.ring; n > 0 {
		x.log.Warn("dropped the oldest events: "+x.advice(), "events", n, "buffer_limit", x.cfg.BufferLimit, "max_batch", x.cfg.MaxBatch)
		x.loss.ring += n
		x.loss.next = now.Add(reportEvery)
	}
	if n := s.Collector.Dropped - min(s.Collector.Dropped, s.Ring.Lost-x.loss.before+x.loss.pipeline); n > 0 {
		x.log.Warn("dropped flows before encoding: "+x.reason(), "flows", n)
		x.loss.pipeline += n
		x.loss.next = now.Add(reportEvery)
	}
}

// reason says why flows don't reach the ring.
func (x *Instance) reason() string {
	if x.cfg.SpillPath != "" {
		return "spill_path has no room for them (spill_limit, or its disk), or is too slow"
	}
	return "this machine is too slow for them"
}

// advice says what lets Fluent Bit take events faster.
func (x *Instance) advice() string {
	if x.cfg.Direct {
		return "fluent bit takes them more slowly than they come: its outputs are too slow; spill_path bridges a while"
	}
	return "fluent bit asks once a second, and takes max_batch: raise it, or set append direct, or send by weir's own forward to fluent bit's input forward; if fluent bit pauses this input, its outputs are too slow, and spill_path bridges a while"
}

package enrich

import (
	"sync"
	"sync/atomic"

	"github.com/weirflow/weir/shared/flow"
)

// maxSpeeds bounds what agents can make us remember.
const maxSpeeds = 1 << 16

// speeds are those of interfaces, as sFlow's counters have them.
type speeds struct {
	mu     sync.RWMutex
	of     map[agentInterface]uint32 // kbit/s
	change atomic.Uint64             // goes up with every change
}

type agentInterface struct {
	agent flow.Addr
	index uint32
}

// none tells that no speed is known.
func (s *speeds) none() bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return len(s.of) == 0
}

// learn takes the speeds out of counters.
func (s *speeds) learn(all []flow.Counter) {
	for i := range all {
		c := &all[i]
		if !c.HasInterface || c.Interface.Speed == 0 || c.Interface.Speed == ^uint64(0) {
			continue
		}
		key, speed := agentInterface{c.Exporter, c.Interface.Index}, Speed(c.Interface.Speed).kbits()
		if s.get(key) == speed {
			continue
		}
		s.mu.Lock()
		if s.of == nil {
			s.of = map[agentInterface]uint32{}
		}
		if len(s.of) >= maxSpeeds {
			for k := range s.of { // any one
				delete(s.of, k)
				break
			}
		}
		s.of[key] = speed
		s.mu.Unlock()
		s.change.Add(1)
	}
}

// get returns an interface's speed, 0 if it is unknown.
func (s *speeds) get(key agentInterface) uint32 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.of[key]
}

package enrich

import (
	"sync"
	"time"
)

// Found counts what was looked up.
type Found struct{ Hits, Misses uint64 }

func (f *Found) note(hit bool) {
	if hit {
		f.Hits++
	} else {
		f.Misses++
	}
}

func (f *Found) add(g Found) { f.Hits, f.Misses = f.Hits+g.Hits, f.Misses+g.Misses }

// A tally counts for one batch.
type tally struct {
	flows                            uint64
	exporters, interfaces, networks  Found
	countries, systems, applications Found
	guessed, noRoom                  uint64
}

func (t *tally) addr(v *addrView) {
	t.networks.note(v.name != 0)
	t.countries.note(v.country != 0)
	t.systems.note(v.as != 0)
}

// sums are of all batches.
type sums struct {
	mu sync.Mutex
	tally
}

// add takes t's counts over.
func (s *sums) add(t *tally) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.flows += t.flows
	s.exporters.add(t.exporters)
	s.interfaces.add(t.interfaces)
	s.networks.add(t.networks)
	s.countries.add(t.countries)
	s.systems.add(t.systems)
	s.applications.add(t.applications)
	s.guessed += t.guessed
	s.noRoom += t.noRoom
	*t = tally{}
}

// Stats says what a Stage has done.
type Stats struct {
	Flows        uint64
	Exporters    Found  // flows whose exporter has a name, and has none
	Interfaces   Found  // interfaces of flows
	Networks     Found  // addresses of flows, if anything is known of addresses
	Countries    Found  // likewise
	ASes         Found  // likewise; of databases
	Applications Found  // flows
	Guessed      uint64 // applications that only the port stands for
	NoRoom       uint64 // names left out, as the batch had 65,535 other strings
	Rows         int    // in all tables
	Reloads      uint64 // of tables, as a file had changed
	Errors       uint64 // files that had changed and couldn't be read
	Files        []FileStatus
}

// A FileStatus is how it stands with a file.
type FileStatus struct {
	Path   string
	Loaded time.Time // its modification time when it was read
	Error  string    // "" unless it has changed since, and can't be read
}

// Stats returns what has happened so far. It may be called at any time.
func (s *Stage) Stats() Stats {
	s.sums.mu.Lock()
	t := s.sums.tally
	s.sums.mu.Unlock()
	st := Stats{
		Flows: t.flows, Exporters: t.exporters, Interfaces: t.interfaces, Networks: t.networks,
		Countries: t.countries, ASes: t.systems, Applications: t.applications, Guessed: t.guessed, NoRoom: t.noRoom,
		Rows: s.tables.Load().rows,
	}
	s.files.status(&st)
	return st
}

package store

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/weirflow/weir/collector/pipeline"
	"github.com/weirflow/weir/shared/query"
)

// A Ledger remembers, minute by minute, what the loss ledger counted, so that an
// answer about last week still tells how complete it is. It keeps a line of JSON
// for each minute, in a file for each day (UTC). Any number of goroutines may use
// it at once.
type Ledger struct {
	dir  string
	look func() []pipeline.Ledger
	name string // of the store's output

	mu      sync.Mutex
	minutes []minute // oldest first
	last    sums     // when the newest of them ended
	at      time.Time
}

// A minute is what came between two moments, Unix milliseconds.
type minute struct {
	From    int64  `json:"from"`
	To      int64  `json:"to"`
	Records uint64 `json:"records"`
	Missing int64  `json:"missing"` // below 0: what was missing before came late
	Lost    uint64 `json:"lost"`
}

// sums are those of all exporters since the start.
type sums struct {
	records, lost uint64
	missing       float64
}

// OpenLedger reads what is in dir, which need not be there. look returns the
// pipeline's ledgers, and name is that of the output whose losses count.
func OpenLedger(dir, name string, look func() []pipeline.Ledger, now time.Time) (*Ledger, error) {
	l := &Ledger{dir: dir, name: name, look: look, at: now}
	files, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	if err != nil {
		return nil, err
	}
	slices.Sort(files)
	for _, file := range files {
		if err := l.read(file); err != nil {
			return nil, err
		}
	}
	l.last = l.sum()
	return l, nil
}

// read takes the whole lines of a file; a crash may have left part of one.
func (l *Ledger) read(file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var m minute
		if json.Unmarshal(lines.Bytes(), &m) == nil && m.From < m.To {
			l.minutes = append(l.minutes, m)
		}
	}
	return nil
}

// sum adds up what all exporters' ledgers have.
func (l *Ledger) sum() (s sums) {
	for _, x := range l.look() {
		s.records += x.Records
		missing := float64(x.Missing)
		switch x.Unit() {
		case "export packets", "datagrams":
			missing *= float64(x.Records) / float64(max(x.Received, 1))
		}
		s.missing += missing
		for _, o := range x.Outputs {
			if o.Name == l.name {
				s.lost += o.Dropped + o.Failed
			}
		}
	}
	return s
}

// since returns what came after the newest minute's end.
func (l *Ledger) since(now time.Time) (minute, sums) {
	s := l.sum()
	sub := func(a, b uint64) uint64 { return a - min(a, b) } // exporters that were forgotten are gone
	return minute{
		From: l.at.UnixMilli(), To: now.UnixMilli(), Records: sub(s.records, l.last.records),
		Missing: int64(math.Round(s.missing) - math.Round(l.last.missing)), Lost: sub(s.lost, l.last.lost),
	}, s
}

// Note ends a minute and writes it down.
func (l *Ledger) Note(now time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	m, s := l.since(now)
	l.at, l.last = now, s
	if m.From >= m.To { // the clock was set back
		return nil
	}
	l.minutes = append(l.minutes, m)
	line, err := json.Marshal(m)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(l.dir, 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Join(l.dir, now.UTC().Format(time.DateOnly)+".jsonl"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	// A line of before may be torn: ours begins a new one.
	_, err = fmt.Fprintf(f, "\n%s\n", line)
	return errors.Join(err, f.Close())
}

// Forget drops the days that ended before t.
func (l *Ledger) Forget(t time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	day := t.UTC().Format(time.DateOnly)
	first := t.UTC().Truncate(24 * time.Hour).UnixMilli()
	l.minutes = slices.DeleteFunc(l.minutes, func(m minute) bool { return m.To < first })
	files, err := filepath.Glob(filepath.Join(l.dir, "*.jsonl"))
	for _, file := range files {
		if strings.TrimSuffix(filepath.Base(file), ".jsonl") < day {
			err = errors.Join(err, os.Remove(file))
		}
	}
	return err
}

// gap is how long two minutes may be apart before something is between them.
const gap = 5 * time.Second

// Coverage says how complete the interval is, in Unix nanoseconds, until now. The
// notes name the times of which nothing is known: weir did not run.
func (l *Ledger) Coverage(from, to int64, now time.Time) (c query.Coverage, notes []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	lo, hi := from/1e6, min(to/1e6, now.UnixMilli())
	missing, end, gaps := int64(0), lo, 0
	first := l.at.UnixMilli()
	if len(l.minutes) > 0 {
		first = l.minutes[0].From
	}
	unknown := func(a, b int64) {
		if b-a <= gap.Milliseconds() {
			return
		}
		gaps++
		switch {
		case b <= first:
			notes = append(notes, "there are flows since "+stamp(first))
		case gaps <= 3:
			notes = append(notes, fmt.Sprintf("weir did not run from %s to %s", stamp(a), stamp(b)))
		}
	}
	take := func(m minute) {
		if m.To <= lo || m.From >= hi {
			return
		}
		unknown(end, m.From)
		end = max(end, m.To)
		c.Records += m.Records
		c.Lost += m.Lost
		missing += m.Missing
	}
	for _, m := range l.minutes {
		take(m)
	}
	if hi > l.at.UnixMilli() { // else it tells nothing of what is counted now
		current, _ := l.since(now)
		take(current)
	}
	unknown(end, hi)
	if gaps > 3 {
		notes = append(notes, fmt.Sprintf("nor at %d other times", gaps-3))
	}
	c.Missing, c.Known = uint64(max(missing, 0)), gaps == 0
	return c, notes
}

func stamp(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05Z") }

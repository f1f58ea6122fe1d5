package findings

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/weirflow/weir/plugins/detect"
)

// A Query says which findings are meant.
type Query struct {
	From, To int64           // Unix nanoseconds: windows that share a moment with [From, To)
	Severity detect.Severity // at least
	Class    string          // what the class begins with
	Detector string          // its name; empty: any
	Limit    int
}

func (q *Query) takes(f *detect.Finding) bool {
	return f.Start < q.To && f.End > q.From && f.Severity >= q.Severity &&
		strings.HasPrefix(f.Class, q.Class) && (q.Detector == "" || f.Detector == q.Detector)
}

// mostListed is how many octets of lines an answer is made of.
const mostListed = 32 << 20

// List returns findings, the newest first, and how many more there are than the limit
// or the memory for an answer lets through.
func (s *Store) List(ctx context.Context, q Query) (all []detect.Finding, more int, err error) {
	l := list{limit: q.Limit}
	s.mu.Lock()
	days := make([]day, len(s.days))
	for i, d := range s.days {
		days[i] = *d
	}
	s.mu.Unlock()
	for _, d := range slices.Backward(days) {
		begin, _ := time.Parse(time.DateOnly, d.name)
		if begin.UnixNano() >= q.To || d.looked && d.end <= q.From {
			continue
		}
		end := int64(0)
		unread, err := s.each(ctx, d.name, d.octets, func(f *detect.Finding, line []byte) {
			if end = max(end, f.End); q.takes(f) {
				l.add(f, line)
			}
		})
		if errors.Is(err, fs.ErrNotExist) { // it has become too old
			continue
		}
		if err != nil {
			return nil, 0, err
		}
		if !d.looked {
			s.looked(d.name, end, unread)
		}
	}
	return l.findings()
}

// looked notes what all lines of a day have told.
func (s *Store) looked(name string, end int64, unread uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at, ok := s.find(name)
	if !ok || s.days[at].looked {
		return
	}
	d := s.days[at]
	d.looked, d.end = true, max(d.end, end)
	s.stats.Unread += unread
}

// each calls f with the findings in the first octets of a day, as many as there were
// when somebody looked, and returns how many lines are none. f must not keep line.
func (s *Store) each(ctx context.Context, name string, octets int64, f func(x *detect.Finding, line []byte)) (unread uint64, err error) {
	file, err := os.Open(s.path(name))
	if err != nil {
		return 0, err
	}
	defer file.Close()
	r := bufio.NewReaderSize(io.LimitReader(file, octets), mostLine)
	for long := false; ; {
		line, err := r.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			long = true
			continue
		case errors.Is(err, io.EOF): // or of a file that has been written anew
			return unread, nil
		case err != nil:
			return unread, err
		case ctx.Err() != nil:
			return unread, ctx.Err()
		}
		var x detect.Finding
		if long || json.Unmarshal(line, &x) != nil || x.ID == "" || x.Validate() != nil {
			unread++
		} else {
			f(&x, line)
		}
		long = false
	}
}

// A list holds the newest findings that it was given, as few as are asked for.
type list struct {
	limit  int
	held   []held
	octets int
	more   int
}

// A held finding is one as a line: that is smaller.
type held struct {
	start, end int64
	id         string
	line       []byte
}

func (l *list) add(f *detect.Finding, line []byte) {
	l.held = append(l.held, held{f.Start, f.End, f.ID, slices.Clone(line)})
	l.octets += len(line)
	if len(l.held) > 2*l.limit || l.octets > 2*mostListed {
		l.cut()
	}
}

// cut leaves the newest: at least one, unless none is asked for.
func (l *list) cut() {
	slices.SortFunc(l.held, func(a, b held) int {
		return cmp.Or(cmp.Compare(b.start, a.start), cmp.Compare(b.end, a.end), cmp.Compare(a.id, b.id))
	})
	n, octets := 0, 0
	for ; n < min(l.limit, len(l.held)); n++ {
		if octets += len(l.held[n].line); octets > mostListed && n > 0 {
			octets -= len(l.held[n].line)
			break
		}
	}
	l.more += len(l.held) - n
	clear(l.held[n:])
	l.held, l.octets = l.held[:n], octets
}

func (l *list) findings() (all []detect.Finding, more int, err error) {
	l.cut()
	all = make([]detect.Finding, len(l.held))
	for i, h := range l.held {
		if err := json.Unmarshal(h.line, &all[i]); err != nil {
			return nil, 0, err
		}
	}
	return all, l.more, nil
}

package engine

import (
	"time"
)

// A View is what a Window held at one moment. It stays as it is; its blocks
// stay in memory as long as the View is held.
type View struct {
	Blocks  []*Block // oldest first
	Rows    int
	Size    int64     // octets, the columns' unused rows included
	Limit   int64     // octets
	Dropped uint64    // flows that had to leave since the Window was made
	Since   time.Time // all flows that arrived after this are there
	Newest  time.Time // arrival of the newest flow; zero if there is none
}

// View returns what w holds now.
func (w *Window) View() View {
	w.mu.Lock()
	defer w.mu.Unlock()
	v := View{
		Blocks: make([]*Block, 0, len(w.sealed)+1), Rows: w.rows, Size: w.size + w.open.size(), Limit: w.limit,
		Dropped: w.dropped, Since: time.Unix(0, w.since).UTC(),
	}
	v.Blocks = append(v.Blocks, w.sealed...)
	if o := w.open.Open(); o != nil {
		v.Blocks = append(v.Blocks, o)
	}
	newest := int64(0)
	for _, b := range v.Blocks {
		newest = max(newest, b.received)
	}
	if newest != 0 {
		v.Newest = time.Unix(0, newest).UTC()
	}
	return v
}

package enrich

import (
	"math"

	"github.com/weirflow/weir/shared/flow"
)

// A label is the number of a text that a worker writes into batches; 0 is "".
type label uint32

// labels number texts, so that a text is looked up in a batch's strings once a
// batch, not once a flow.
type labels struct {
	numbers map[string]label
	texts   []string // of label i+1
	names   []named  // likewise: where it is in the batch at hand
	batch   uint32   // the number of that batch
	buf     []byte
}

type named struct {
	batch uint32
	name  flow.Name
}

func (l *labels) reset() {
	if l.numbers == nil {
		l.numbers = map[string]label{}
	}
	clear(l.numbers)
	l.texts, l.names = l.texts[:0], l.names[:0]
}

// next begins a batch.
func (l *labels) next() {
	if l.batch++; l.batch == 0 { // once in 2³² batches an old one could be taken for the new
		clear(l.names)
		l.batch = 1
	}
}

func (l *labels) of(text string) label {
	if text == "" {
		return 0
	}
	x, ok := l.numbers[text]
	if !ok {
		l.texts, l.names = append(l.texts, text), append(l.names, named{})
		x = label(len(l.texts))
		l.numbers[text] = x
	}
	return x
}

// name returns x, which isn't 0, as a Name of b; 0 if b has too many strings.
func (l *labels) name(b *flow.Batch, x label) flow.Name {
	n := &l.names[x-1]
	if n.batch != l.batch {
		n.batch, n.name = l.batch, 0
		l.buf = append(l.buf[:0], l.texts[x-1]...)
		if s := b.Strings.Intern(l.buf); s <= math.MaxUint16 {
			n.name = flow.Name(s)
		}
	}
	return n.name
}

package explain

import (
	"encoding/hex"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Style says how an Explanation is written. The zero value suits most.
type Style struct {
	Color bool // with the escape sequences of a terminal
	// Records is how many records of a set are written, those with a fault or a
	// note always: 0 all where they are few, else the first and the last; below
	// 0 all.
	Records int
	// Full writes values however long they are.
	Full bool
}

// What fits on a line: offset, octets, name, value, reference.
const (
	width     = 120
	perLine   = 8  // octets
	hexColumn = 6  // where they begin
	nameFrom  = 31 // where names begin
	valueFrom = 66
	maxHex    = 4 * perLine // octets that are written of a value
	maxValue  = 160         // of a text
	few       = 4           // records
)

// The escape sequences of colours.
const (
	bold   = "\x1b[1m"
	dim    = "\x1b[2m"
	red    = "\x1b[1;31m"
	yellow = "\x1b[33m"
	cyan   = "\x1b[36m"
	reset  = "\x1b[0m"
)

// AppendText appends x as lines of text to dst: title, and for each octet of the
// datagram where it is, what it is, and what defines that. What comes from the
// network is made of printable characters only; the title is the caller's.
func (x *Explanation) AppendText(dst []byte, title string, s Style) []byte {
	w := writer{dst: dst, style: s, data: x.Octets}
	w.paint(bold, title)
	w.dst = append(w.dst, '\n')
	w.paint(dim, x.summary())
	w.dst = append(w.dst, '\n')
	if x.Root.Fault != nil || x.Root.Note != "" {
		w.remarks(x.Root, 0)
	}
	w.children(x.Root, 0, "")
	return w.dst
}

// summary says in a line what x holds.
func (x *Explanation) summary() string {
	t := fmt.Sprintf("%s, %s", x.Protocol, count(len(x.Octets), "octet"))
	for _, c := range []struct {
		n    int
		what string
	}{{x.Templates, "template"}, {x.Flows, "flow"}, {x.Options, "options record"}, {x.Counters, "counter sample"},
		{len(x.Faults), "FAULT"}, {x.notes(), "note"}} {
		if c.n > 0 {
			t += ", " + count(c.n, c.what)
		}
	}
	return t
}

type writer struct {
	dst   []byte
	style Style
	data  []byte
}

func (w *writer) paint(color, text string) {
	if w.style.Color && color != "" && text != "" {
		w.dst = append(w.dst, color...)
		w.dst = append(w.dst, text...)
		w.dst = append(w.dst, reset...)
		return
	}
	w.dst = append(w.dst, text...)
}

// pad moves to a column from the one that is reached, or by two at least.
func (w *writer) pad(reached, column int) int {
	n := max(column-reached, 2)
	for range n {
		w.dst = append(w.dst, ' ')
	}
	return reached + n
}

// children writes what is below n.
func (w *writer) children(n *Node, depth int, ref string) {
	for i := 0; i < len(n.Children); {
		c := n.Children[i]
		end := i
		for end < len(n.Children) && n.Children[end].repeats {
			end++
		}
		if end == i {
			w.node(c, depth, ref)
			i++
			continue
		}
		w.repeated(n.Children[i:end], depth, ref)
		i = end
	}
}

// repeated writes records, or some of them.
func (w *writer) repeated(all []*Node, depth int, ref string) {
	shown := w.style.Records
	switch {
	case shown < 0 || shown == 0 && len(all) <= few:
		shown = len(all)
	case shown == 0:
		shown = 2
	}
	hidden := 0
	tell := func() {
		if hidden > 0 {
			w.pad(0, nameFrom+2*depth)
			w.paint(dim, fmt.Sprintf("… %s more", count(hidden, "record")))
			w.dst = append(w.dst, '\n')
		}
		hidden = 0
	}
	for i, c := range all {
		last := i == len(all)-1 && shown > 1
		if i < shown-1 || last || shown == 1 && i == 0 || c.odd() || shown >= len(all) {
			tell()
			w.node(c, depth, ref)
		} else {
			hidden++
		}
	}
	tell()
}

// odd tells whether n, or something below it, has a fault or a note.
func (n *Node) odd() bool {
	found := false
	n.walk(func(c *Node) { found = found || c.Fault != nil || c.Note != "" })
	return found
}

// node writes n and what is below it. ref is what its parent is defined by.
func (w *writer) node(n *Node, depth int, ref string) {
	at := w.first(n, depth)
	if n.Ref != "" && n.Ref != ref {
		w.pad(at, width-utf8.RuneCountInString(n.Ref))
		w.paint(dim, n.Ref)
	}
	w.dst = append(w.dst, '\n')
	if len(n.Children) == 0 {
		w.moreOctets(n)
	}
	w.remarks(n, depth)
	if n.Ref != "" {
		ref = n.Ref
	}
	w.children(n, depth+1, ref)
}

// first writes the first line of n, and returns the column that it reaches.
func (w *writer) first(n *Node, depth int) int {
	w.offset(n.Offset)
	at := hexColumn
	leaf := len(n.Children) == 0
	if leaf {
		at += w.octets(n, w.data[n.Offset:n.Offset+min(n.Length, perLine)])
	} else {
		t := count(n.Length, "octet")
		w.paint(dim, t)
		at += len(t)
	}
	at = w.pad(at, nameFrom+2*depth)
	name := safe(n.Name)
	if leaf {
		w.paint("", name)
	} else {
		w.paint(bold, name)
	}
	at += utf8.RuneCountInString(name)
	value, text := w.value(n)
	if value == "" && text == "" {
		return at
	}
	column := valueFrom
	if !leaf {
		column = at + 2
	}
	at = w.pad(at, column)
	w.paint(bold, value)
	if value != "" && text != "" {
		text = " " + text
	}
	w.paint("", text)
	return at + utf8.RuneCountInString(value) + utf8.RuneCountInString(text)
}

func (w *writer) offset(at int) {
	w.paint(dim, fmt.Sprintf("%04x", at))
	w.pad(4, hexColumn)
}

// octets writes a line's octets of n, and returns how many characters it took.
func (w *writer) octets(n *Node, d []byte) int {
	t := strings.TrimSuffix(spaced(d), " ")
	if n.Fault != nil {
		w.paint(red, t)
	} else {
		w.paint(cyan, t)
	}
	return len(t)
}

func spaced(d []byte) string {
	var t strings.Builder
	for _, c := range d {
		t.WriteString(hex.EncodeToString([]byte{c}))
		t.WriteByte(' ')
	}
	return t.String()
}

// value returns the value and the meaning of n.
func (w *writer) value(n *Node) (value, text string) {
	value = string(n.Value)
	if !n.quoted {
		value = strings.Trim(value, `"`)
	}
	return w.short(value), w.short(safe(n.Text))
}

// short cuts a text that is longer than anybody reads.
func (w *writer) short(t string) string {
	if w.style.Full || len(t) <= maxValue {
		return t
	}
	end := maxValue
	for !utf8.RuneStart(t[end]) {
		end--
	}
	return t[:end] + "…"
}

// moreOctets writes the lines of a leaf behind its first.
func (w *writer) moreOctets(n *Node) {
	for at := perLine; at < n.Length; at += perLine {
		w.offset(n.Offset + at)
		if at >= maxHex && !w.style.Full && n.Length > maxHex+perLine {
			w.paint(dim, fmt.Sprintf("… %s more", count(n.Length-at, "octet")))
			w.dst = append(w.dst, '\n')
			return
		}
		w.octets(n, w.data[n.Offset+at:n.Offset+min(n.Length, at+perLine)])
		w.dst = append(w.dst, '\n')
	}
}

// remarks writes the fault and the note of n.
func (w *writer) remarks(n *Node, depth int) {
	if f := n.Fault; f != nil {
		w.remark(n, depth, red, "FAULT "+f.Label, f.Text, f.Ref)
	}
	if n.Note != "" {
		w.remark(n, depth, yellow, "note", n.Note, "")
	}
}

func (w *writer) remark(n *Node, depth int, color, label, text, ref string) {
	if ref != "" {
		text += " (" + ref + ")"
	}
	w.offset(n.Offset)
	w.paint(color, label)
	at := hexColumn + len(label)
	column := min(nameFrom+2*depth+2, width/2)
	for i, line := range wrap(safe(text), width-column) {
		if i > 0 {
			at = 0
		}
		w.pad(at, column)
		w.paint(color, line)
		w.dst = append(w.dst, '\n')
	}
}

// wrap breaks a text into lines of so many characters, where it can.
func wrap(t string, n int) (lines []string) {
	line := ""
	for word := range strings.FieldsSeq(t) {
		if line != "" && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > n {
			lines = append(lines, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}

// safe returns t, which weir made, perhaps of names that an operator gave, with
// nothing in it that a terminal would act upon.
func safe(t string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' || c >= 0x7f && c < 0xa0 {
			return utf8.RuneError
		}
		return c
	}, t)
}

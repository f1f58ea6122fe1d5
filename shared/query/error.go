package query

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A SyntaxError says what is wrong with a filter, and where.
type SyntaxError struct {
	Line, Column int    // where it starts, from 1; columns count characters
	Message      string // without the place

	source string // the line
	width  int    // characters to underline
}

// Error returns the place and the message, on one line.
func (e *SyntaxError) Error() string {
	if e.Line > 1 {
		return fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, e.Message)
	}
	return fmt.Sprintf("column %d: %s", e.Column, e.Message)
}

// aroundCaret is how many characters Caret shows before and behind the place.
const aroundCaret = 60

// Caret returns two lines: what was written, and a mark under the part that is
// wrong. Characters that could confuse a terminal are replaced, and of a long
// line the part around the place is shown.
func (e *SyntaxError) Caret() string {
	line := []rune(e.source)
	at := min(e.Column-1, len(line))
	end := min(at+e.width, len(line))
	from, to := max(0, at-aroundCaret), min(len(line), max(at, min(end, at+aroundCaret))+aroundCaret)
	before, behind := "", ""
	if from > 0 {
		before = "…"
	}
	if to < len(line) {
		behind = "…"
	}
	mark := strings.Repeat("^", max(1, min(end, to)-at))
	return before + printable(string(line[from:to])) + behind + "\n" +
		strings.Repeat(" ", utf8.RuneCountInString(before)+at-from) + mark
}

// printable replaces what a terminal would not show in a place of its own.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return ' '
		case !unicode.IsPrint(r) || unicode.Is(unicode.M, r):
			return '?'
		}
		return r
	}, s)
}

// quoted returns s for a message: in quotes, shortened if it is long.
func quoted(s string) string {
	const most = 40
	if r := []rune(s); len(r) > most {
		s = string(r[:most]) + "…"
	}
	return `"` + printable(s) + `"`
}

// errorAt makes the error of the n octets of text at off.
func errorAt(text string, off, n int, format string, args ...any) *SyntaxError {
	start := strings.LastIndexByte(text[:off], '\n') + 1
	source := text[start:]
	if i := strings.IndexByte(source, '\n'); i >= 0 {
		source = source[:i]
	}
	end := min(off+n, start+len(source))
	return &SyntaxError{
		Line:    strings.Count(text[:off], "\n") + 1,
		Column:  utf8.RuneCountInString(text[start:off]) + 1,
		Message: fmt.Sprintf(format, args...),
		source:  source,
		width:   utf8.RuneCountInString(text[off:max(off, end)]),
	}
}

// nearest returns the candidate that is most like word, if one is like it. Of
// several, it is the one that begins most like it.
func nearest(word string, candidates []string) string {
	const longest = 48
	word = strings.ToLower(word)
	if len(word) > longest {
		return ""
	}
	best, same, found := min(3, (len(word)+1)/3), -1, ""
	for _, c := range candidates {
		if d := len(c) - len(word); d > best || -d > best {
			continue
		}
		low := strings.ToLower(c)
		d := distance(word, low, best+1)
		if n := common(word, low); d < best || d == best && n > same {
			best, same, found = d, n, c
		}
	}
	return found
}

// common counts the octets that a and b begin with alike.
func common(a, b string) (n int) {
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// distance counts the letters to insert, drop, change or swap with their
// neighbour that make b of a; it gives up at limit.
func distance(a, b string, limit int) int {
	older, old, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range old {
		old[j] = j
	}
	for i := range len(a) {
		row[0] = i + 1
		least := row[0]
		for j := range len(b) {
			d := old[j]
			if a[i] != b[j] {
				d++
			}
			d = min(d, old[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				d = min(d, older[j-1]+1)
			}
			row[j+1] = d
			least = min(least, d)
		}
		if least >= limit {
			return limit
		}
		older, old, row = old, row, older
	}
	return old[len(b)]
}

// alike returns ": did you mean …?" for the candidate nearest to word, or "".
func alike(word string, candidates []string) string {
	if s := nearest(word, candidates); s != "" {
		return `: did you mean "` + s + `"?`
	}
	return ""
}

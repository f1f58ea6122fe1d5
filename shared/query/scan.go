package query

import (
	"unicode"
	"unicode/utf8"
)

// A token is a piece of a filter's text.
type token struct {
	kind tokenKind
	text string // of a quoted token, what is between the quotes
	off  int    // in the filter's text
	n    int    // octets there
}

type tokenKind uint8

const (
	wordToken   tokenKind = iota // letters, digits and _ . : / + -
	quotedToken                  // in ' or "; there are no escapes
	signToken                    // an operator or a bracket
	endToken                     // behind the last
)

// signs are the operators and brackets; a longer one is before its start.
var signs = [...]string{"==", "!=", "<=", ">=", "!~", "&&", "||", "=", "<", ">", "~", "!", "(", ")", "[", "]", ","}

func isWord(r rune) bool {
	switch r {
	case '_', '.', ':', '/', '+', '-':
		return true
	}
	return unicode.IsLetter(r) || unicode.IsDigit(r)
}

// scan cuts text into tokens. The last one is an endToken.
func scan(text string) ([]token, error) {
	var all []token
next:
	for at := 0; at < len(text); {
		r, n := utf8.DecodeRuneInString(text[at:])
		switch {
		case r == '#':
			for at < len(text) && text[at] != '\n' {
				at++
			}
			continue
		case unicode.IsSpace(r):
			at += n
			continue
		case isWord(r):
			end := at
			for end < len(text) {
				r, n := utf8.DecodeRuneInString(text[end:])
				if !isWord(r) {
					break
				}
				end += n
			}
			all = append(all, token{wordToken, text[at:end], at, end - at})
			at = end
			continue
		case r == '"' || r == '\'':
			end := at + 1
			for end < len(text) && text[end] != byte(r) {
				end++
			}
			if end == len(text) {
				return nil, errorAt(text, at, 1, "no %c ends what begins here", r)
			}
			all = append(all, token{quotedToken, text[at+1 : end], at, end + 1 - at})
			at = end + 1
			continue
		}
		for _, s := range signs {
			if len(text)-at >= len(s) && text[at:at+len(s)] == s {
				all = append(all, token{signToken, s, at, len(s)})
				at += len(s)
				continue next
			}
		}
		return nil, errorAt(text, at, n, "%s means nothing here; texts stand in quotes", quoted(text[at:at+n]))
	}
	return append(all, token{kind: endToken, off: len(text)}), nil
}

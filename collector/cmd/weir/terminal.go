package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode"
)

// printable returns a name as a terminal may be shown it: whoever wrote it must
// not tell the terminal what to do.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return unicode.ReplacementChar
		}
		return r
	}, s)
}

// printJSON prints v for people, too: encoding/json leaves alone the control
// characters above ASCII (C1), and what turns the direction of writing.
func printJSON(w io.Writer, v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	var out bytes.Buffer
	for _, r := range string(text) + "\n" {
		if r > unicode.MaxASCII && r < 0x10000 && !unicode.IsPrint(r) { // only ever in a string
			fmt.Fprintf(&out, `\u%04x`, r)
		} else {
			out.WriteRune(r)
		}
	}
	_, err = w.Write(out.Bytes())
	return err
}

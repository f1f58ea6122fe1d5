package detect

import (
	"fmt"
	"math"
	"strings"
	"time"
	"unicode"
)

// AppendTitle appends the line above the rows that AppendRow makes.
func AppendTitle(dst []byte) []byte {
	return fmt.Appendf(dst, "%-20s %-6s %-8s %-4s %-16s %s\n", "WINDOW (UTC)", "LENGTH", "SEVERITY", "CONF", "CLASS", "EXPLANATION")
}

// AppendRow appends f as a line of a table for a terminal: what is no printable
// text in it becomes a question mark. Where the detector did not see all flows,
// the line says so.
func (f *Finding) AppendRow(dst []byte) []byte {
	dst = fmt.Appendf(dst, "%-20s %-6s %-8s %-4.2f %-16s %s",
		utc(f.Start).Format(time.RFC3339), short(time.Duration(f.End-f.Start)),
		f.Severity, f.Confidence, printable(f.Class), printable(f.Explanation))
	if f.Coverage < 1 {
		dst = fmt.Appendf(dst, " (saw %.1f %% of the flows)", math.Floor(1000*f.Coverage)/10)
	}
	return append(dst, '\n')
}

// short writes 5m0s as 5m.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// printable keeps a detector from writing to the terminal what is no text.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '?'
	}, s)
}

package query

import (
	"os"
	"strings"
	"testing"
)

// The page and the help name all fields and are right about those they show.
func TestHelp(t *testing.T) {
	page, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	words := func(s string) string {
		return " " + strings.Join(strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(" \n\t,;/", r) }), " ") + " "
	}
	help, doc := words(Help), words(string(page))
	for _, p := range phrases {
		for i, n := range strings.Split(p.names, ", ") {
			if i == 0 && !strings.Contains(help, " "+n+" ") {
				t.Errorf("the help lacks %q", n)
			}
			if !strings.Contains(doc, " "+n+" ") {
				t.Errorf("doc.go lacks %q", n)
			}
		}
	}
	for _, line := range strings.Split(Help, "\n") {
		if len(line) > 80 {
			t.Errorf("more than 80 columns: %s", line)
		}
	}
	examples := strings.Split(Help, "\n\n")[1]
	for _, line := range strings.Split(examples, "\n") {
		if _, err := Parse(line); err != nil {
			t.Errorf("%s: %v", line, err)
		}
	}
}

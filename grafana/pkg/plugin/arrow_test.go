package plugin

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weirflow/weir/shared/query"
)

func recording(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "collector", name))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// Answers that are of something else are refused, so that no frame is made of them.
func TestArrowErrors(t *testing.T) {
	f := func(name, from, to, question, want string) {
		t.Helper()
		if len(from) != len(to) {
			t.Fatalf("%q is not as long as %q", to, from)
		}
		q, err := query.Ask(question, noon)
		if err != nil {
			t.Fatal(err)
		}
		text := bytes.ReplaceAll(recording(t, name), []byte(from), []byte(to))
		if _, err := readArrow(bytes.NewReader(text), q); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s with %s for %s: %v", name, to, from, err)
		}
	}
	const top = "top 1 src by bytes"
	f("top.arrow", `"weir`, `"wier`, "flows", `the answer is to "top", not to "flows"`)
	f("top.arrow", `"kind":"text"`, `"kind":"none"`, top, "holds nothing")
	f("top.arrow", `"kind":"text"`, `"kind":"pext"`, top, `no kind of cell "pext"`)
	f("top.arrow", `"role":"key"`, `"role":"kez"`, top, "the answer has 0 columns to group by")
	f("top.arrow", "x", "x", "top 1 src, dst by bytes", "the answer has 1 columns to group by")
	f("top.arrow", "x", "x", "top 1 pair by bytes", "the answer has 1 columns to group by")
	f("series.arrow", `"row":-1`, `"row":01`, "series proto by bits", "metadata")
}

// Each answer makes frames whose fields are equally long, in each form that suits it.
func TestRecordedForms(t *testing.T) {
	var questions map[string]string
	if err := json.Unmarshal(recording(t, "questions.json"), &questions); err != nil {
		t.Fatal(err)
	}
	made := 0
	for name, question := range questions {
		q, err := query.Ask(question, noon)
		if filepath.Ext(name) != ".arrow" || err != nil {
			continue
		}
		table, err := readArrow(bytes.NewReader(recording(t, name)), q)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, format := range []string{"", formatTable, formatLogs, formatGraph, formatSankey, formatHeat, formatGeo} {
			a := &asked{Question: *q, format: format}
			if a.check() != nil {
				continue
			}
			for _, frame := range a.frames(&answer{Table: table}, "u") {
				if _, err := frame.RowLen(); err != nil || len(frame.Fields) == 0 {
					t.Errorf("%s as %q: %d fields, %v", name, format, len(frame.Fields), err)
				}
				made++
			}
		}
	}
	if made < 20 {
		t.Errorf("only %d frames", made)
	}
}

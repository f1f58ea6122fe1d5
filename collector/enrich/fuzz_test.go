package enrich

import (
	"os"
	"path/filepath"
	"testing"
)

// Whatever is in a table, reading it ends in rows that stand in some line, or
// in an error.
func FuzzReadCSV(f *testing.F) {
	f.Add("exporter,index,name,speed\n192.0.2.1,3,up,10G\n")
	f.Add("\xef\xbb\xbfexporter , index\n#\n\"2001:db8::/32\",\"3\"\n")
	f.Add("name\n\"a\nb\"\n")
	f.Fuzz(func(t *testing.T, text string) {
		path := filepath.Join(t.TempDir(), "i.csv")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		rows, err := readRows[Interface](path)
		if err != nil {
			return
		}
		for _, r := range rows {
			if r.line < 2 || r.file != path || r.Exporter.IsValid() && r.Exporter.Masked() != r.Exporter.Prefix {
				t.Errorf("%+v", r)
			}
		}
	})
}

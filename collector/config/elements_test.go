package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weirflow/weir/shared/ie"
)

func TestAddElements(t *testing.T) {
	t.Cleanup(func() { ie.Extend(nil) })
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	named := file("64511-mine.csv", ie.Columns+"\n1,myCounter,unsigned64,deltaCounter,octets\n")
	other := file("other=1.csv", ie.Columns+"\n2,myName,string,,\n")
	bad := file("64511.csv", ie.Columns+"\n1,myCounter,counter64,,\n")

	if err := AddElements([]string{named, "64510=" + other}); err != nil {
		t.Fatal(err)
	}
	if e, ok := ie.Lookup(64511, 1); !ok || e.Name != "myCounter" || e.Type != ie.Unsigned64 {
		t.Errorf("64511/1 is %+v", e)
	}
	if e, ok := ie.Lookup(64510, 2); !ok || e.Name != "myName" {
		t.Errorf("64510/2 is %+v", e)
	}
	f := func(file string, want ...string) {
		t.Helper()
		err := AddElements([]string{file})
		for _, w := range want {
			if err == nil || !strings.Contains(err.Error(), w) {
				t.Errorf("%s: %v, want %q in it", file, err, w)
			}
		}
	}
	f(other, "which enterprise's elements", "write 9=")
	f(bad, "64511.csv: line 2", "counter64")
	f(filepath.Join(dir, "9-none.csv"), "no such file")
	if _, ok := ie.Lookup(64511, 1); !ok {
		t.Error("an error has taken elements back")
	}
}

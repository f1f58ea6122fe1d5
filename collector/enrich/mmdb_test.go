package enrich

import (
	"os"
	"testing"

	"github.com/weirflow/weir/testdata"
)

func writeMMDB(t testing.TB, path string, records map[string]map[string]any) {
	t.Helper()
	if err := os.WriteFile(path, testdata.MMDB(records), 0o600); err != nil {
		t.Fatal(err)
	}
}

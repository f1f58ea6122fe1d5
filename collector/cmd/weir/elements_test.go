package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weirflow/weir/shared/ie"
)

// pmacct's tag (enterprise 43874) is in no registry; an operator may name it.
func TestElementsFlag(t *testing.T) {
	t.Cleanup(func() { ie.Extend(nil) })
	path := filepath.Join(t.TempDir(), "43874-pmacct.csv")
	if err := os.WriteFile(path, []byte(ie.Columns+"\n1,myTag,unsigned64,identifier,\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, errs, code := weir(t, capture(t, "pcap/ipfix/pmacctd.pcap"), "decode", "--elements", path, "-")
	if code != exitOK || strings.Count(out, `"myTag":42`) != 47 {
		t.Errorf("exit code %d, %s: %.300s", code, errs, out)
	}
	if _, errs, code := weir(t, nil, "decode", "--elements", "mine.csv", "-"); code != exitUsage || !strings.Contains(errs, "which enterprise's elements") {
		t.Errorf("exit code %d, %s", code, errs)
	}
}

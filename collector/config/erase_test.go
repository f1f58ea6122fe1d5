package config

import (
	"bytes"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/weirflow/weir/shared/decode"
	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/flowtest"
	"github.com/weirflow/weir/shared/template"
)

// What one exporter has announced goes from the data directory; that of others
// stays.
func TestEraseAnnounced(t *testing.T) {
	dir := t.TempDir()
	l := template.DefaultLimits()
	s := template.NewStore(l)
	d := decode.New(s)
	for _, from := range []string{"192.0.2.7:2000", "192.0.2.7:2001", "192.0.2.8:2000"} {
		dg := decode.Datagram{From: netip.MustParseAddrPort(from), Time: 1, Data: flowtest.Packet(9, 1, flowtest.Template(9, 260, flowtest.Twenty))}
		if err := d.Decode(new(flow.Batch), dg); err != nil {
			t.Fatal(err)
		}
	}
	if err := save(dir, s); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, snapshotFile+".bad"), []byte("?"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := EraseAnnounced(dir, netip.MustParseAddr("::ffff:192.0.2.7"), l, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	left := template.NewStore(l)
	if err := restore(dir, left, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	if left.Len() != 1 || left.Lookup(template.Key{From: netip.MustParseAddrPort("192.0.2.8:2000"), Version: 9}) == nil {
		t.Errorf("%d sessions are left", left.Len())
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 1 {
		t.Errorf("%v, %v", files, err)
	}
	raw, err := os.ReadFile(filepath.Join(dir, snapshotFile))
	if err != nil || bytes.Contains(raw, []byte{192, 0, 2, 7}) {
		t.Errorf("the address is still in %s (%v)", snapshotFile, err)
	}
}

package modinput

import (
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/template"
)

func TestFolderName(t *testing.T) {
	f := func(stanza, want string) {
		t.Helper()
		if got := folderName(stanza); got != want {
			t.Errorf("%q is %q, want %q", stanza, got, want)
		}
	}
	f("core-1_b", "core-1_b")
	f("Core", "%43ore")
	f("../../etc/passwd", "%2e%2e%2f%2e%2e%2fetc%2fpasswd")
	f(`a\b:c*`, "a%5cb%3ac%2a")
	f("\x00é", "%00%c3%a9")
	f("", "")
	long := strings.Repeat("x", 5000)
	a, b := folderName(long), folderName(long+"y")
	if a == b || len(a) > 120 || a[:80] != long[:80] {
		t.Errorf("%q, %q", a, b)
	}
	if got := stateDir("/c", "weir://core"); got != filepath.FromSlash("/c/stanza-core") {
		t.Errorf("%q", got)
	}
}

// A folder that splunkd's user can't use, as it ran as another once, is no reason
// not to run.
func TestOpenState(t *testing.T) {
	f := func(name string, make func(path string) error, good bool) {
		t.Helper()
		dir := stateDir(t.TempDir(), "weir://core")
		if err := openState(dir); err != nil {
			t.Fatal(err)
		}
		if err := make(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		if err := openState(dir); (err == nil) != good {
			t.Errorf("%s: %v", name, err)
		}
	}
	f("templates", func(path string) error { return os.WriteFile(path, []byte("x"), 0o600) }, true)
	f("lock", func(path string) error { return os.WriteFile(path, []byte("x"), 0o600) }, true)
	f("templates", func(path string) error { return os.Mkdir(path, 0o700) }, false)
	f("lock", func(path string) error { return os.Symlink("/", path) }, false)
	if os.Geteuid() != 0 { // who may open all
		f("lock", func(path string) error { return os.WriteFile(path, []byte("x"), 0) }, false)
	}
}

// announced is a store that knows template id of an exporter.
func announced(t *testing.T, exporter string, id uint16) *template.Store {
	t.Helper()
	s := template.NewStore(template.Limits{})
	x := s.Session(netip.MustParseAddrPort(exporter), 9)
	x.Saw(1e18, true)
	if _, _, err := x.Put(0, &template.Template{ID: id, Version: 9, Fields: []template.Field{{Element: flow.Element{ID: 8}, Len: 4}}}); err != nil {
		t.Fatal(err)
	}
	return s
}

func knows(s *template.Store, exporter string, id uint16) bool {
	x := s.Lookup(template.Key{From: netip.MustParseAddrPort(exporter), Version: 9})
	return x != nil && x.PlanFor(0, id, 100) != nil
}

func TestSiblings(t *testing.T) {
	checkpoints := filepath.Join(t.TempDir(), "check[1]*")
	at := func(port int) []netip.AddrPort {
		return []netip.AddrPort{netip.MustParseAddrPort(fmt.Sprintf("0.0.0.0:%d", port))}
	}
	stanza := func(name string, port int, snapshot []byte) string {
		t.Helper()
		dir := stateDir(checkpoints, "weir://"+name)
		if err := openState(dir); err != nil {
			t.Fatal(err)
		}
		if err := savePorts(dir, at(port)); err != nil {
			t.Fatal(err)
		}
		if snapshot != nil {
			if err := os.WriteFile(filepath.Join(dir, snapshotFile), snapshot, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return dir
	}
	const a, b, c, d = "192.0.2.1:1", "192.0.2.2:1", "192.0.2.3:1", "192.0.2.4:1"
	own := stanza("own", 2055, announced(t, d, 300).AppendSnapshot(nil))
	stanza("Sib", 2055, announced(t, a, 300).AppendSnapshot(nil))
	stanza("other", 4739, announced(t, b, 300).AppendSnapshot(nil))
	foreign := stanza("foreign", 2055, announced(t, c, 300).AppendSnapshot(nil))
	stanza("none", 2055, nil)
	if i, err := os.Stat(own); err != nil || runtime.GOOS != "windows" && i.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", i.Mode(), err)
	}
	if err := os.Chmod(filepath.Join(foreign, snapshotFile), 0o666); err != nil {
		t.Fatal(err)
	}
	store := template.NewStore(template.Limits{})
	var logs console
	s := newSiblings(own, at(2055), store, 1<<20, NewLogger(&logs, slog.LevelInfo))
	if n := s.look(); n != 1 {
		t.Errorf("%d snapshots, want 1", n)
	}
	if !knows(store, a, 300) || knows(store, b, 300) || knows(store, d, 300) {
		t.Error("not the templates of the port's stanzas")
	}
	if runtime.GOOS != "windows" && (knows(store, c, 300) || strings.Count(logs.String(), "ours alone") != 1) {
		t.Errorf("a file that others may write was trusted: %s", &logs)
	}
	if n := s.look(); n != 0 || strings.Count(logs.String(), "WARN") > 1 {
		t.Errorf("%d snapshots without a change, %s", n, &logs)
	}
	// What changes is taken in; what is too large or damaged is not.
	stanza("Sib", 2055, announced(t, b, 301).AppendSnapshot(nil))
	if n := s.look(); n != 1 || !knows(store, b, 301) {
		t.Errorf("%d snapshots after a change", n)
	}
	stanza("Sib", 2055, make([]byte, 2<<20))
	if n := s.look(); n != 0 || !strings.Contains(logs.String(), "octets, more than") {
		t.Errorf("%d snapshots, %s", n, &logs)
	}
	stanza("Sib", 2055, []byte("rubbish"))
	if n := s.look(); n != 0 || !strings.Contains(logs.String(), "not a snapshot") {
		t.Errorf("%d snapshots, %s", n, &logs)
	}
	if runtime.GOOS != "windows" {
		sib := filepath.Join(stateDir(checkpoints, "weir://Sib"), snapshotFile)
		target := filepath.Join(t.TempDir(), "x")
		os.WriteFile(target, announced(t, c, 302).AppendSnapshot(nil), 0o600)
		os.Remove(sib)
		if err := os.Symlink(target, sib); err != nil {
			t.Fatal(err)
		}
		if n := s.look(); n != 0 || knows(store, c, 302) {
			t.Error("a link was followed")
		}
	}
}

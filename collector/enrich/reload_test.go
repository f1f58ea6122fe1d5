package enrich

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weirflow/weir/shared/flow"
)

// rewrite replaces a file's content, and makes it a second newer each time.
func rewrite(t *testing.T, path string, age *int64, write func()) {
	t.Helper()
	write()
	*age++
	at := time.Unix(1_800_000_000+*age, 0)
	if err := os.Chtimes(path, at, at); err != nil {
		t.Fatal(err)
	}
}

func TestReload(t *testing.T) {
	dir := t.TempDir()
	table, db := filepath.Join(dir, "networks.csv"), filepath.Join(dir, "geo.mmdb")
	age := int64(0)
	network := func(text string) {
		t.Helper()
		rewrite(t, table, &age, func() {
			if err := os.WriteFile(table, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		})
	}
	country := func(code string) {
		t.Helper()
		rewrite(t, db, &age, func() {
			writeMMDB(t, db, map[string]map[string]any{"10.0.0.0/8": {"country_code": code}})
		})
	}
	network("prefix,name\n10.0.0.0/8,one\n")
	country("DE")
	c := Default()
	c.Files.Networks, c.Maxmind = []string{table}, []string{db}
	s := stage(t, c, nil)
	f := func(want string) {
		t.Helper()
		var b flow.Batch
		f := add(&b, flow.Flow{Exporter: exporter, SrcAddr: addr("10.0.0.1")}, flow.FieldSrcAddr)
		s.Apply(&b)
		expect(t, "after a look", &b, f, want)
	}
	look := func() Stats { s.look(); return s.Stats() }

	f("SrcNet=one SrcCountry=DE")
	first := s.tables.Load()
	if st := look(); st.Reloads != 0 || s.tables.Load() != first {
		t.Error("read again, and nothing has changed")
	}

	network("prefix,name\n10.0.0.0/8,two\n")
	look()
	f("SrcNet=one SrcCountry=DE") // it may still be being written
	if st := look(); st.Reloads != 1 || st.Rows != 1 {
		t.Errorf("%+v", st)
	}
	f("SrcNet=two SrcCountry=DE")
	if s.tables.Load().geo[0] != first.geo[0] {
		t.Error("a database that hasn't changed was read again")
	}

	// While it is being written it changes from look to look.
	for range 3 {
		country("FR")
		if st := look(); st.Reloads != 1 {
			t.Error("read while it was being written")
		}
	}
	look()
	f("SrcNet=two SrcCountry=FR")
	r, ok := first.geo[0].at(addr("10.0.0.1").Netip()) // a batch may still be at it
	if !ok || read(r).country != "DE" {
		t.Errorf("the database before says %v", read(r))
	}

	network("prefix,name\n10.0.0.0/8\n") // a cell is missing
	look()
	st := look()
	if st.Reloads != 2 || st.Errors != 1 || len(st.Files) != 2 || st.Files[0].Error != "" || !strings.Contains(st.Files[1].Error, "networks.csv: ") || !strings.Contains(st.Files[1].Error, "line 2") {
		t.Errorf("%+v", st)
	}
	f("SrcNet=two SrcCountry=FR")
	if st := look(); st.Errors != 1 {
		t.Error("a bad file is tried again and again")
	}
	country("US")
	look()
	if st := look(); st.Errors != 2 {
		t.Error("a change beside a bad file was not tried")
	}
	if err := os.Remove(table); err != nil {
		t.Fatal(err)
	}
	look()
	if st := look(); st.Errors != 3 || !strings.Contains(st.Files[1].Error, "no such file") {
		t.Errorf("%+v", st)
	}
	f("SrcNet=two SrcCountry=FR")

	network("prefix,name\n10.0.0.0/8,three\n")
	look()
	if st := look(); st.Reloads != 3 || st.Files[1].Error != "" {
		t.Errorf("%+v", st)
	}
	f("SrcNet=three SrcCountry=US")

	if err := os.WriteFile(db, []byte("no database"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Configure(s.tables.Load().cfg); err == nil || !strings.Contains(err.Error(), "maxmind: "+db) {
		t.Errorf("got error %v", err)
	}
	f("SrcNet=three SrcCountry=US")
}

func TestRun(t *testing.T) {
	path := file(t, "n.csv", "prefix,name\n10.0.0.0/8,one\n")
	c := Default()
	c.Files.Networks, c.Poll = []string{path}, 100*time.Millisecond
	s := stage(t, c, nil)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan bool)
	go func() {
		s.Run(ctx)
		close(done)
	}()
	age := int64(0)
	rewrite(t, path, &age, func() {
		if err := os.WriteFile(path, []byte("prefix,name\n10.0.0.0/8,two\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	})
	for s.Stats().Reloads == 0 {
		time.Sleep(10 * time.Millisecond)
	}
	cancel()
	<-done
}

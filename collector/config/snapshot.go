package config

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/weirflow/weir/shared/template"
)

// A snapshot of what exporters announced is kept in a file of the data
// directory, so that the first datagram after a restart decodes, after a kill
// too: it is written a second after something new was announced, else each
// minute, and at the end.
const (
	snapshotFile = "templates"
	snapshotSoon = time.Second
	snapshotRare = time.Minute
)

// restore reads the snapshot in dir into store. A file that is missing is none;
// one that is damaged is put aside, and said.
func restore(dir string, store *template.Store, log *slog.Logger) error {
	path := filepath.Join(dir, snapshotFile)
	d, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read templates of the last run: %w", err)
	}
	if err := store.Restore(d); err != nil {
		aside := path + ".bad"
		log.Warn("templates of the last run can't be read: exporters must announce them again", "file", path, "error", err, "moved_to", aside)
		return os.Rename(path, aside)
	}
	return nil
}

// save writes the snapshot: to a file of its own, then in place of the old one.
func save(dir string, store *template.Store) error {
	path := filepath.Join(dir, snapshotFile)
	f, err := os.CreateTemp(dir, snapshotFile+"-*") // 0600
	if err != nil {
		return err
	}
	_, err = f.Write(store.AppendSnapshot(nil))
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
		return fmt.Errorf("write templates to %s: %w", path, err)
	}
	return nil
}

// keepSaving saves until ctx ends, and then once more. announced counts what was
// announced so far.
func keepSaving(ctx context.Context, dir string, store *template.Store, announced func() uint64, log *slog.Logger) {
	write := func() (took time.Duration) {
		start := time.Now()
		if err := save(dir, store); err != nil {
			log.Error("templates would not survive a restart", "error", err)
		}
		return time.Since(start)
	}
	if left, err := filepath.Glob(filepath.Join(dir, snapshotFile+"-*")); err == nil { // of a run that was killed as it wrote
		for _, name := range left {
			os.Remove(name)
		}
	}
	tick := time.NewTicker(snapshotSoon)
	defer tick.Stop()
	saved, last, took := uint64(0), time.Now(), time.Duration(0) // what came before we were here isn't saved
	for {
		select {
		case <-ctx.Done():
			write()
			return
		case <-tick.C:
		}
		// Under a flood of new templates writing takes a hundredth of the time.
		n := announced()
		if since := time.Since(last); n != saved && since > 100*took || since > snapshotRare {
			took = write()
			saved, last = n, time.Now()
		}
	}
}

package config

import (
	"errors"
	"io/fs"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"

	"github.com/weirflow/weir/shared/template"
)

// Erase forgets what the exporter with this address has announced, here and in
// the data directory, until it announces it again.
func (r *Running) Erase(a netip.Addr) error {
	r.store.Erase(a)
	if r.cfg.Data == "" {
		return nil
	}
	return errors.Join(dropAside(r.cfg.Data), save(r.cfg.Data, r.store))
}

// EraseAnnounced does the same in the data directory of a collector that doesn't
// run.
func EraseAnnounced(dir string, a netip.Addr, l template.Limits, log *slog.Logger) error {
	s := template.NewStore(l)
	if err := restore(dir, s, log); err != nil {
		return err
	}
	if err := dropAside(dir); err != nil || s.Erase(a) == 0 {
		return err
	}
	return save(dir, s)
}

// dropAside removes a snapshot that could not be read: what it holds, nobody
// knows.
func dropAside(dir string) error {
	err := os.Remove(filepath.Join(dir, snapshotFile+".bad"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

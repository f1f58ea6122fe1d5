package store

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"

	"github.com/weirflow/weir/collector/config"
)

// opened are the folders that this process has open.
var opened = struct {
	sync.Mutex
	dirs map[string]bool
}{dirs: map[string]bool{}}

// lock makes a folder this process's own, and within it the caller's, until
// release is called.
func lock(dir string, log *slog.Logger) (release func(), err error) {
	unlock, err := config.LockData(dir, log)
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	path, err := filepath.Abs(dir)
	if err == nil {
		path, err = filepath.EvalSymlinks(path)
	}
	if err != nil {
		unlock()
		return nil, fmt.Errorf("store: %w", err)
	}
	opened.Lock()
	defer opened.Unlock()
	if opened.dirs[path] {
		unlock()
		return nil, fmt.Errorf("store: the folder %s is open already in this process", dir)
	}
	opened.dirs[path] = true
	return func() {
		opened.Lock()
		delete(opened.dirs, path)
		opened.Unlock()
		unlock()
	}, nil
}

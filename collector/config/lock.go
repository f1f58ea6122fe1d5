package config

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// lockName is the file of a data directory that its process has locked. It goes
// with the process, however that ends; the file stays.
const lockName = "lock"

// errLocked is what lockFile returns for a file that another process has.
var errLocked = errors.New("locked")

// locks are the directories that this process has. Several pipelines of one
// process may have one: a host starts the next before the last is gone.
var locks = struct {
	sync.Mutex
	held map[string]*dirLock
}{held: map[string]*dirLock{}}

type dirLock struct {
	file *os.File // nil: the file system has no locks
	uses int
}

// LockData makes a data directory this process's own until release is called, and
// makes it if it is not there. That another process has it is an error.
func LockData(dir string, log *slog.Logger) (release func(), err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	path, err := filepath.Abs(dir)
	if err == nil {
		path, err = filepath.EvalSymlinks(path)
	}
	if err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	locks.Lock()
	defer locks.Unlock()
	x := locks.held[path]
	if x == nil {
		x = &dirLock{}
		name := filepath.Join(path, lockName)
		switch x.file, err = lockFile(name); {
		case errors.Is(err, errLocked):
			return nil, fmt.Errorf("data directory %s is in use by %s: stop that one, or name another directory for this one (data)", dir, owner(name))
		case errors.Is(err, errors.ErrUnsupported):
			log.Warn("the data directory can't be locked: see to it that no other weir uses it", "directory", dir, "error", err)
		case err != nil:
			return nil, fmt.Errorf("data directory: %w", err)
		}
		locks.held[path] = x
	}
	x.uses++
	return sync.OnceFunc(func() {
		locks.Lock()
		defer locks.Unlock()
		if x.uses--; x.uses > 0 {
			return
		}
		delete(locks.held, path)
		if x.file != nil {
			x.file.Close()
		}
	}), nil
}

// owner says who has locked a file, as it has written into it.
func owner(name string) string {
	if id, err := os.ReadFile(name); err == nil && len(id) > 0 {
		return "process " + strings.TrimSpace(string(id))
	}
	return "another process"
}

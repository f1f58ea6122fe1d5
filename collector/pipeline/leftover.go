package pipeline

import (
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
)

// A Leftover is what a run that was killed has spilled below a directory.
type Leftover struct {
	dir   string
	files []string
}

// FindLeftover lists what there is. Call it before anything spills there anew.
func FindLeftover(dir string) Leftover {
	l := Leftover{dir: dir}
	filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() && strings.HasPrefix(e.Name(), SpillPrefix) {
			l.files = append(l.files, path)
		}
		return nil // a directory that is not there has none
	})
	return l
}

// Drop removes it: nobody knows any more how much of it was delivered, and it would
// stay for ever.
func (l Leftover) Drop(log *slog.Logger) {
	var octets int64
	for _, path := range l.files {
		if i, err := os.Stat(path); err == nil && os.Remove(path) == nil {
			octets += i.Size()
		}
	}
	if octets > 0 {
		log.Warn("the last run was killed: the flows that it had spilled to disk are lost", "octets", octets, "directory", l.dir)
	}
}

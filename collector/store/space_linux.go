package store

import "golang.org/x/sys/unix"

// spaceOf returns how many octets a folder's disk has, and how many of them anybody
// may still use.
func spaceOf(dir string) (total, free int64, err error) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return 0, 0, err
	}
	return int64(s.Blocks) * s.Frsize, int64(s.Bavail) * s.Frsize, nil
}

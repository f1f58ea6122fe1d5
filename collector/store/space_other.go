//go:build !linux

package store

// spaceOf knows nothing of a folder's disk.
func spaceOf(string) (total, free int64, err error) { return 0, 0, nil }

//go:build !linux

package store

import "os"

// datasync has what was written to f on disk.
func datasync(f *os.File) error { return f.Sync() }

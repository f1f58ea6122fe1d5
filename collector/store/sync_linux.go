package store

import (
	"os"

	"golang.org/x/sys/unix"
)

// datasync has what was written to f on disk.
func datasync(f *os.File) error {
	for {
		if err := unix.Fdatasync(int(f.Fd())); err != unix.EINTR {
			return err
		}
	}
}

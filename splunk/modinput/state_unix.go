//go:build unix

package modinput

import (
	"io/fs"
	"os"
	"syscall"
)

// openOwn opens a file to read it, follows no link, and waits for no pipe.
func openOwn(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
}

// owned says whether only our user can write a file.
func owned(i fs.FileInfo) error {
	if s, ok := i.Sys().(*syscall.Stat_t); !ok || int(s.Uid) != os.Geteuid() || i.Mode().Perm()&0o022 != 0 {
		return errNotOurs
	}
	return nil
}

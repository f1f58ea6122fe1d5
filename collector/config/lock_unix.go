//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package config

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// lockFile locks a file, makes it if it is not there, and writes into it who has
// it.
func lockFile(name string) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	switch {
	case err == nil:
		if f.Truncate(0) == nil {
			fmt.Fprintln(f, os.Getpid()) // for a message only: a full disk does no harm
		}
		return f, nil
	case errors.Is(err, syscall.EWOULDBLOCK):
		err = errLocked
	case errors.Is(err, syscall.ENOLCK):
		err = fmt.Errorf("%w: %w", errors.ErrUnsupported, err)
	}
	f.Close()
	return nil, err
}

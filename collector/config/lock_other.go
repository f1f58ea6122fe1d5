//go:build !darwin && !dragonfly && !freebsd && !linux && !netbsd && !openbsd && !windows

package config

import (
	"errors"
	"os"
)

func lockFile(string) (*os.File, error) { return nil, errors.ErrUnsupported }

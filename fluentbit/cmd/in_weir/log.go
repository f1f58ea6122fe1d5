package main

// #include "shim.h"
import "C"

import (
	"fmt"
	"log/slog"
	"os"
	"sync"
	"unsafe"

	"github.com/weirflow/weir/fluentbit/input"
)

// newLog returns a logger that writes to Fluent Bit's log, and what must be
// called when the instance has ended: from then on it writes to standard error,
// as Fluent Bit forgets the instance.
func newLog(p *C.struct_weir_plugin) (log *slog.Logger, end func()) {
	var mu sync.Mutex
	api, instance, ended := p.api, p.instance, false
	log = input.NewLog(func(level slog.Level, line string) {
		line = "[input:weir] " + line
		mu.Lock()
		defer mu.Unlock()
		if ended {
			fmt.Fprintln(os.Stderr, line)
			return
		}
		text := C.CString(line)
		defer C.free(unsafe.Pointer(text))
		C.weir_log(api, instance, flbLevel(level), text)
	})
	return log, func() {
		mu.Lock()
		defer mu.Unlock()
		ended = true
	}
}

// flbLevel returns Fluent Bit's number for a level.
func flbLevel(l slog.Level) C.int {
	switch {
	case l >= slog.LevelError:
		return 1
	case l >= slog.LevelWarn:
		return 2
	case l >= slog.LevelInfo:
		return 3
	}
	return 4
}

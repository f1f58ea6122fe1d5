//go:build cgo

package main

import (
	"fmt"
	"log/slog"
	"runtime/debug"

	flb "github.com/fluent/fluent-bit-go/input"
)

// guard calls f and returns its code. A panic must not reach C, where it would
// end Fluent Bit: it becomes an error in the log and FLB_ERROR.
func guard(log *slog.Logger, call string, f func() int) (code int) {
	defer func() {
		if r := recover(); r != nil {
			log.Error(fmt.Sprintf("%s: panic: %v", call, r), "stack", string(debug.Stack()))
			code = flb.FLB_ERROR
		}
	}()
	return f()
}

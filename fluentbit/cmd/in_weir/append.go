package main

// #cgo CFLAGS: -D_GNU_SOURCE
// #cgo LDFLAGS: -ldl
// #include "shim.h"
import "C"

import (
	"errors"
	"unsafe"
)

// maxRun is the most that is appended at once when events are handed over as
// they come. Fluent Bit lets 1,024 runs wait for its engine, and puts them
// together to chunks of 2 MB itself.
const maxRun = 512e3

var (
	errNoAppend = errors.New(`property "append": this fluent bit does not export flb_input_log_append, which direct needs: use append callback`)
	errNoThread = errors.New(`property "append": direct needs the input to have a thread of its own: remove "threaded off", or use append callback`)
)

// newAppend returns what gives events to Fluent Bit at any time from Init to
// Exit, or why that can't be: an input without a thread of its own shares data
// with Fluent Bit's engine, unprotected.
func newAppend(p *C.struct_weir_plugin) (appendFunc, error) {
	fn, instance := C.weir_find_append(), p.instance
	if fn == nil {
		return nil, errNoAppend
	}
	if C.weir_own_thread() == 0 {
		return nil, errNoThread
	}
	return appendFunc(func(tag string, events []byte) bool {
		// Fluent Bit copies the events before it returns.
		return C.weir_append(fn, instance,
			(*C.char)(unsafe.Pointer(unsafe.StringData(tag))), C.size_t(len(tag)),
			unsafe.Pointer(unsafe.SliceData(events)), C.size_t(len(events))) == 0
	}).oneAtATime(), nil
}

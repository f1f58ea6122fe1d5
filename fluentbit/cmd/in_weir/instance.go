package main

// #include "shim.h"
import "C"

import (
	"log/slog"
	"unsafe"

	flb "github.com/fluent/fluent-bit-go/input"

	"github.com/weirflow/weir/fluentbit/input"
)

// An instance is an input's, with the C memory in which Fluent Bit gets its
// events. Fluent Bit copies them before it calls again, so that one buffer is
// enough.
type instance struct {
	*input.Instance
	log    *slog.Logger
	endLog func()

	buf unsafe.Pointer
	cap int
}

// grain is what the buffer grows by.
const grain = 1 << 20

// collect hands what waits to Fluent Bit: data is nil if that is nothing.
func (x *instance) collect(data *unsafe.Pointer, size *C.size_t) C.int {
	*data, *size = nil, 0
	return C.int(guard(x.log, "callback", func() int {
		if n := x.Batch(); n > x.cap {
			C.free(x.buf)
			x.cap = (n + grain - 1) / grain * grain
			x.buf = C.malloc(C.size_t(x.cap))
		}
		b := x.Drain(unsafe.Slice((*byte)(x.buf), x.cap)[:0], x.cap)
		if len(b) > 0 {
			*data, *size = x.buf, C.size_t(len(b))
		}
		return flb.FLB_OK
	}))
}

package main

// #include "shim.h"
import "C"

import (
	"context"
	"log/slog"
	"time"
	"unsafe"

	flb "github.com/fluent/fluent-bit-go/input"

	"github.com/weirflow/weir/fluentbit/input"
)

// An instance is an input's, with the C memory in which Fluent Bit gets its
// events. Fluent Bit copies them before it calls again, so that one buffer is
// enough. All its methods are called on the thread that called Init.
type instance struct {
	*input.Instance
	log    *slog.Logger
	endLog func()

	thread bool       // it has a thread of its own
	direct bool       // events are handed over as they come
	batch  int        // octets that Fluent Bit gets at once, at most
	append appendFunc // nil if that can't be
	feeder feeder     // hands events over as they come
	last   feeder     // hands the last ones over

	paused bool
	reload bool // Exit is followed by a new Init

	buf unsafe.Pointer
	cap int
}

// grain is what the buffer grows by.
const grain = 1 << 20

// collect hands what waits to Fluent Bit: data is nil if that is nothing.
func (x *instance) collect(data *unsafe.Pointer, size *C.size_t) C.int {
	*data, *size = nil, 0
	if x.direct || x.paused {
		return flb.FLB_OK
	}
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

// late is how long after a pause events are still handed over: by then what came
// before it has been decoded, and Fluent Bit, if it is to end, goes on taking
// events for another half second.
const late = 400 * time.Millisecond

// pause stops handing over, but for what came before: a pause is also how Fluent
// Bit begins to end, and then it takes events for a second more, without asking
// for them. An instance without a thread of its own can't tell that it is meant;
// Fluent Bit doesn't ask it while it is paused.
func (x *instance) pause() {
	if !x.thread || x.paused {
		return
	}
	x.paused = true
	if x.append == nil {
		x.SetPaused(true)
		return
	}
	x.last.start(func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, late)
		defer cancel()
		if !x.direct {
			x.feed(ctx, x.append.atMost(x.batch)) // as much as a call would bring
		}
		<-ctx.Done()
		x.SetPaused(true)
	})
}

func (x *instance) resume() {
	x.last.stop()
	x.paused = false
	x.SetPaused(false)
}

// run starts to hand events over as they come, if it is to be so.
func (x *instance) run() {
	if x.direct {
		x.feeder.start(func(ctx context.Context) { x.feed(ctx, x.append) })
	}
}

// feed hands events over as they come, until ctx ends.
func (x *instance) feed(ctx context.Context, append appendFunc) {
	guard(x.log, "feed", func() int {
		if err := x.Feed(ctx, maxRun, append); err != nil {
			x.log.Error("feed: " + err.Error())
		}
		return flb.FLB_OK
	})
}

// preExit is the last moment at which Fluent Bit's side of x is whole.
func (x *instance) preExit(reload bool) {
	x.feeder.stop()
	x.last.stop()
	x.reload = reload
}

func (x *instance) exit() {
	guard(x.log, "exit", func() int {
		x.feeder.stop()
		x.last.stop()
		if x.reload {
			x.Park()
			return flb.FLB_OK
		}
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		if err := x.Stop(ctx); err != nil {
			x.log.Error(err.Error())
		}
		return flb.FLB_OK
	})
	x.endLog()
	C.free(x.buf)
}

// Command in_weir is the shared object that Fluent Bit loads: the input "weir",
// NetFlow and IPFIX as logs. It has the functions that Fluent Bit looks up by
// name, and no logic; that is fluentbit/input's.
//
//	go build -buildmode=c-shared -o in_weir.so ./fluentbit/cmd/in_weir
//
// Fluent Bit runs each instance on a thread of its own, from Init to Exit. No
// function waits, Exit for two seconds at most; none lets a panic out.
package main

// #include "shim.h"
import "C"

import (
	"context"
	"time"
	"unsafe"

	flb "github.com/fluent/fluent-bit-go/input"

	"github.com/weirflow/weir/fluentbit/input"
)

// instances lives as long as the process: Fluent Bit registers anew before it
// ends the old instances when it reloads.
var instances input.Registry[*instance]

func main() {}

//export FLBPluginRegister
func FLBPluginRegister(def unsafe.Pointer) C.int {
	return C.int(flb.FLBPluginRegister(def, "weir", "NetFlow v5, v9 and IPFIX collector"))
}

//export FLBPluginUnregister
func FLBPluginUnregister(def unsafe.Pointer) {
	flb.FLBPluginUnregister(def)
}

//export FLBPluginInit
func FLBPluginInit(plugin unsafe.Pointer) C.int {
	log, end := newLog((*C.struct_weir_plugin)(plugin))
	return C.int(guard(log, "init", func() int {
		cfg, err := input.Read(func(name string) string { return flb.FLBPluginConfigKey(plugin, name) })
		if err != nil {
			log.Error(err.Error())
			return flb.FLB_ERROR
		}
		run, err := input.Start(cfg, log)
		if err != nil {
			log.Error(err.Error())
			return flb.FLB_ERROR
		}
		h := instances.Add(uint64(C.weir_thread()), &instance{Instance: run, log: log, endLog: end})
		C.weir_keep_handle((*C.struct_weir_plugin)(plugin).context, C.uintptr_t(h))
		return flb.FLB_OK
	}))
}

// FLBPluginInputCallbackCtx is called by Fluent Bit 4.1 and later. ctx is a
// number, so it must never be held as a pointer.
//
//export FLBPluginInputCallbackCtx
func FLBPluginInputCallbackCtx(ctx C.uintptr_t, data *unsafe.Pointer, size *C.size_t) C.int {
	x, ok := instances.Get(input.Handle(ctx))
	if !ok {
		return FLBPluginInputCallback(data, size)
	}
	return x.collect(data, size)
}

// FLBPluginInputCallback is called by Fluent Bit before 4.1: the thread says
// which instance is meant.
//
//export FLBPluginInputCallback
func FLBPluginInputCallback(data *unsafe.Pointer, size *C.size_t) C.int {
	*data, *size = nil, 0
	code := C.int(flb.FLB_ERROR)
	for _, x := range instances.Thread(uint64(C.weir_thread())) {
		if code = x.collect(data, size); *size > 0 {
			break
		}
	}
	return code
}

// The memory handed over is the instance's own and used again: there is nothing
// to clean up. Without these, Fluent Bit would free it.

//export FLBPluginInputCleanupCallback
func FLBPluginInputCleanupCallback(unsafe.Pointer) C.int { return flb.FLB_OK }

//export FLBPluginInputCleanupCallbackCtx
func FLBPluginInputCleanupCallbackCtx(C.uintptr_t, unsafe.Pointer) C.int { return flb.FLB_OK }

// A paused instance is not asked for events. It goes on receiving; they wait in
// its ring, which is what the ring is for.

//export FLBPluginInputPause
func FLBPluginInputPause() {}

//export FLBPluginInputResume
func FLBPluginInputResume() {}

// FLBPluginExit ends one instance, that of the calling thread.
//
//export FLBPluginExit
func FLBPluginExit() C.int {
	x, ok := instances.Take(uint64(C.weir_thread()))
	if !ok {
		return flb.FLB_OK // its Init went wrong
	}
	return C.int(guard(x.log, "exit", func() int {
		defer x.endLog()
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		if err := x.Stop(ctx); err != nil {
			x.log.Error("stop: " + err.Error())
		}
		C.free(x.buf)
		return flb.FLB_OK
	}))
}

// Command in_weir is the shared object that Fluent Bit loads: the input "weir",
// NetFlow, IPFIX and sFlow as logs. It has the functions that Fluent Bit looks up by
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
	"sync/atomic"
	"unsafe"

	flb "github.com/fluent/fluent-bit-go/input"

	"github.com/weirflow/weir/fluentbit/input"
)

// instances lives as long as the process: Fluent Bit registers anew before it
// ends the old instances when it reloads.
var instances input.Registry[*instance]

// hooks says that Fluent Bit is 2.2 or later: it calls PreRegister, PreRun,
// Pause, Resume and PreExit.
var hooks atomic.Bool

func main() {}

//export FLBPluginPreRegister
func FLBPluginPreRegister(C.int) C.int {
	hooks.Store(true)
	return 0
}

//export FLBPluginRegister
func FLBPluginRegister(def unsafe.Pointer) C.int {
	return C.int(flb.FLBPluginRegister(def, "weir", "NetFlow, IPFIX and sFlow collector"))
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
		append, err := newAppend((*C.struct_weir_plugin)(plugin))
		if cfg.Direct && err != nil {
			log.Error(err.Error())
			return flb.FLB_ERROR
		}
		run, err := input.Start(cfg, log)
		if err != nil {
			log.Error(err.Error())
			return flb.FLB_ERROR
		}
		x := &instance{
			Instance: run, log: log, endLog: end,
			thread: C.weir_own_thread() != 0, direct: cfg.Direct, batch: cfg.MaxBatch, append: append,
		}
		h := instances.Add(uint64(C.weir_thread()), x)
		C.weir_keep_handle((*C.struct_weir_plugin)(plugin).context, C.uintptr_t(h))
		if !hooks.Load() {
			if cfg.Direct {
				log.Warn("append direct: fluent bit before 2.2 does not tell when it pauses, so mem_buf_limit has no effect")
			}
			x.run()
		}
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

// here calls f with the calling thread's instances.
func here(f func(*instance)) {
	for _, x := range instances.Thread(uint64(C.weir_thread())) {
		f(x)
	}
}

// Fluent Bit calls these since 2.2. None says which instance is meant, but each
// comes on its thread.

//export FLBPluginInputPreRun
func FLBPluginInputPreRun(C.int) C.int {
	here((*instance).run)
	return flb.FLB_OK
}

// A paused instance goes on receiving; its events wait in the ring. Fluent Bit
// stops asking the instance that was started last, whichever it has paused: the
// others know by this that they must not answer.
//
//export FLBPluginInputPause
func FLBPluginInputPause() { here((*instance).pause) }

//export FLBPluginInputResume
func FLBPluginInputResume() { here((*instance).resume) }

//export FLBPluginInputPreExit
func FLBPluginInputPreExit(reload C.int) {
	here(func(x *instance) { x.preExit(reload != 0) })
}

// FLBPluginExit ends one instance, that of the calling thread.
//
//export FLBPluginExit
func FLBPluginExit() C.int {
	if x, ok := instances.Take(uint64(C.weir_thread())); ok { // else its Init went wrong
		x.exit()
	}
	return flb.FLB_OK
}

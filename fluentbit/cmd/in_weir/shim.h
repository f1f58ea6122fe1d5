/*
 * What fluent-bit-go's input side leaves out of Fluent Bit's interface: the
 * log, and a context per instance.
 */
#ifndef WEIR_SHIM_H
#define WEIR_SHIM_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/* The part of FLBPluginInit's argument that is ours to read: the same since
 * Fluent Bit 2.0. */
struct weir_plugin {
    char *name;
    void **api;     /* functions, by position */
    void *instance; /* opaque */
    void **context;
};

enum { WEIR_API_LOG_PRINT = 4, WEIR_API_INPUT_LOG_CHECK = 5 };

/* Writes line to Fluent Bit's log if the instance's level lets it through.
 * Levels: 1 error, 2 warning, 3 info, 4 debug. */
static inline void weir_log(void **api, void *instance, int level, const char *line)
{
    int (*check)(void *, int) = (int (*)(void *, int)) api[WEIR_API_INPUT_LOG_CHECK];
    void (*print)(int, const char *, int, const char *, ...) =
        (void (*)(int, const char *, int, const char *, ...)) api[WEIR_API_LOG_PRINT];

    if (check(instance, level)) {
        print(level, NULL, 0, "%s", line);
    }
}

/* Gives Fluent Bit the handle that it is to pass to the callbacks. Since 4.1
 * the context's second word is for that, and empty until we fill it. Before, the
 * second word is a pointer of Fluent Bit's own, which must stay, and callbacks
 * get no context. */
static inline void weir_keep_handle(void **context, uintptr_t handle)
{
    if (context != NULL && context[1] == NULL) {
        context[1] = (void *) handle;
    }
}

/* Names the calling thread. */
static inline uint64_t weir_thread(void)
{
    return (uint64_t) (uintptr_t) pthread_self();
}

#endif

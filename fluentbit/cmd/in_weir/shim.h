/*
 * What fluent-bit-go's input side leaves out of Fluent Bit's interface: the
 * log, and a context per instance.
 */
#ifndef WEIR_SHIM_H
#define WEIR_SHIM_H

#include <dlfcn.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

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

/* Returns Fluent Bit's function that takes events at any time, or NULL. It is
 * not part of the interface for plugins; it has been the same since 2.0. */
static inline void *weir_find_append(void)
{
    return dlsym(RTLD_DEFAULT, "flb_input_log_append");
}

/* Returns 0 if Fluent Bit took the events. A full Fluent Bit makes the caller
 * wait for up to a second. */
static inline int weir_append(void *append, void *instance, const char *tag, size_t tag_len, const void *events,
                              size_t size)
{
    return ((int (*)(void *, const char *, size_t, const void *, size_t)) append)(
        instance, tag_len > 0 ? tag : NULL, tag_len, events, size);
}

/* Tells whether the calling thread is an input's own; Fluent Bit names those. */
static inline int weir_own_thread(void)
{
    char name[16];

    return pthread_getname_np(pthread_self(), name, sizeof(name)) == 0 && strncmp(name, "flb-in-", 7) == 0;
}

/* Names the calling thread. */
static inline uint64_t weir_thread(void)
{
    return (uint64_t) (uintptr_t) pthread_self();
}

#endif

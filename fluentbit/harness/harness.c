//go:build ignore

/* The line above hides this file from the go command. */

/*
 * harness loads an input plugin as Fluent Bit does, drives it, and holds it to
 * the interface:
 *
 *   harness [option...] plugin.so [key=value...] [-- key=value...]...
 *
 * Each run of properties is one instance. Instances get a thread each, on which
 * everything happens from Init to Exit; registering is the main thread's.
 *
 *   --layout 4.1|4.0  structures as of Fluent Bit 4.1 (default) or before it
 *   --interval MS     time between two calls, default 1000 as in Fluent Bit
 *   --calls N         end after N calls; default: when standard input ends
 *   --slowest MS      what a call may take, default 500
 *   --out PREFIX      events of instance i go to PREFIX.i
 *   --debug           let the plugin's debug messages through
 *
 * Lines on standard input: pause, resume, reload (register anew, end all
 * instances, start them again).
 *
 * Status: 0; 1 if the plugin broke the interface; 255, as Fluent Bit, if an
 * instance could not be started; 64 if called wrongly.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define MAX_INSTANCES 8
#define GUARD 64    /* octets behind each structure that must stay as they are */
#define FILL 0xa5

/* What the plugin exports. */
static struct {
    int (*pre_register)(int);
    int (*reg)(void *);
    void (*unregister)(void *);
    int (*init)(void *);
    int (*pre_run)(int);
    int (*collect)(void **, size_t *);
    int (*collect_ctx)(void *, void **, size_t *);
    int (*cleanup)(void *);
    int (*cleanup_ctx)(void *, void *);
    void (*pause)(void);
    void (*resume)(void);
    void (*pre_exit)(int);
    int (*exit)(void);
} plugin;

static struct {
    int new_layout;
    long interval, calls, slowest;
    const char *out;
    int debug;
} opt = {1, 1000, 0, 500, NULL, 0};

struct instance {
    int number;
    char **props; /* key=value */
    int nprops;
    FILE *out;
    pthread_t thread;
    unsigned long calls, events, octets;
    double slowest; /* ms */
};

static struct instance instances[MAX_INSTANCES];
static int ninstances;

static atomic_int violations, failed;

/* What the main thread asks of the others. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static enum { RUN, PAUSE, RELOAD, END } wanted;

static void violation(const char *fmt, ...)
{
    va_list ap;

    violations++;
    va_start(ap, fmt);
    flockfile(stderr);
    fprintf(stderr, "harness: violation: ");
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    funlockfile(stderr);
    va_end(ap);
}

/* ---- Fluent Bit's side of the interface: a table of functions ---- */

static const char *get_property(const char *key, void *ins)
{
    struct instance *x = ins;

    for (int i = 0; i < x->nprops; i++) {
        const char *eq = strchr(x->props[i], '=');
        size_t n = (size_t) (eq - x->props[i]);
        if (strlen(key) == n && strncasecmp(key, x->props[i], n) == 0) {
            return eq + 1;
        }
    }
    return NULL;
}

static int log_check(void *ins, int level)
{
    struct instance *x = ins;

    if (x < instances || x >= instances + ninstances) {
        violation("the log was asked about an instance that isn't one");
        return 0;
    }
    return level <= (opt.debug ? 4 : 3);
}

static void log_print(int level, const char *file, int line, const char *fmt, ...)
{
    static const char *names[] = {"off", "error", "warn", "info", "debug"};
    va_list ap;

    (void) file;
    (void) line;
    if (level < 1 || level > 4) {
        violation("log level %d", level);
        return;
    }
    va_start(ap, fmt);
    flockfile(stderr);
    fprintf(stderr, "[%5s] ", names[level]);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    funlockfile(stderr);
    va_end(ap);
}

static void not_for_inputs(void)
{
    violation("a function was called that is not an input's");
}

static void *api_table[] = {
    (void *) not_for_inputs, /* output_get_property */
    (void *) get_property,
    (void *) not_for_inputs, /* output_get_cmt_instance */
    (void *) not_for_inputs, /* input_get_cmt_instance */
    (void *) log_print,
    (void *) log_check,
    (void *) not_for_inputs, /* output_log_check */
};

/* ---- structures with a guard behind them ---- */

static unsigned char *guarded(size_t size, int zero)
{
    unsigned char *p = malloc(size + GUARD);

    if (p == NULL) {
        abort();
    }
    memset(p, FILL, size + GUARD);
    if (zero) {
        memset(p, 0, size);
    }
    return p;
}

/* Checks that the octets of p from `from` to `to` and the guard are untouched. */
static void check_guard(const char *what, const unsigned char *p, size_t from, size_t size)
{
    for (size_t i = from; i < size + GUARD; i++) {
        if (p[i] != FILL) {
            violation("%s: octet %zu was written to", what, i);
            return;
        }
    }
}

static void *word(const unsigned char *p, size_t off)
{
    void *w;

    memcpy(&w, p + off, sizeof(w));
    return w;
}

static void set_word(unsigned char *p, size_t off, const void *w)
{
    memcpy(p + off, &w, sizeof(w));
}

/* ---- registering ---- */

static unsigned char *do_register(int reload)
{
    /* 32 octets without a value before 4.2.3; 48 zeroed ones since 5.1.1. */
    size_t size = opt.new_layout ? 48 : 32;
    unsigned char *def = guarded(size, opt.new_layout);
    int type, proxy, flags;

    if (plugin.pre_register != NULL && plugin.pre_register(reload) == -1) {
        fprintf(stderr, "harness: pre-register refused\n");
        exit(255);
    }
    if (plugin.reg(def) == -1) {
        fprintf(stderr, "harness: register refused\n");
        exit(255);
    }
    memcpy(&type, def, 4);
    memcpy(&proxy, def + 4, 4);
    memcpy(&flags, def + 8, 4);
    if (type != 1 || proxy != 11) {
        violation("registered as type %d, proxy %d; want 1 and 11", type, proxy);
    }
    if (flags != 0) {
        violation("flags %d", flags);
    }
    if (word(def, 16) == NULL || *(char *) word(def, 16) == 0 || word(def, 24) == NULL) {
        violation("registered without a name or a description");
    }
    check_guard("definition", def, size, size);
    return def;
}

/* ---- events ---- */

/* Returns what follows the msgpack value at p, or NULL if there is none. */
static const unsigned char *skip(const unsigned char *p, const unsigned char *end, int depth)
{
    uint64_t len = 0, items = 0;
    int width = 0, ext = 0;
    unsigned c;

    if (p == NULL || p >= end || depth > 32) {
        return NULL;
    }
    c = *p++;
    if (c <= 0x7f || c >= 0xe0 || c == 0xc0 || c == 0xc2 || c == 0xc3) {
        return p;
    }
    if (c <= 0x8f) {
        items = 2 * (c & 15);
    } else if (c <= 0x9f) {
        items = c & 15;
    } else if (c <= 0xbf) {
        len = c & 31;
    } else if (c >= 0xc4 && c <= 0xc6) { /* bin */
        width = 1 << (c - 0xc4);
    } else if (c >= 0xc7 && c <= 0xc9) { /* ext */
        width = 1 << (c - 0xc7);
        ext = 1;
    } else if (c == 0xca || c == 0xcb) { /* float */
        len = c == 0xca ? 4 : 8;
    } else if (c >= 0xcc && c <= 0xd3) { /* numbers */
        len = 1u << ((c - 0xcc) & 3);
    } else if (c >= 0xd4 && c <= 0xd8) { /* fixext */
        len = (1u << (c - 0xd4)) + 1;
    } else if (c >= 0xd9 && c <= 0xdb) { /* str */
        width = 1 << (c - 0xd9);
    } else if (c >= 0xdc && c <= 0xdf) { /* array, map */
        width = c & 1 ? 4 : 2;
    } else {
        return NULL;
    }
    if (end - p < width) {
        return NULL;
    }
    for (int i = 0; i < width; i++) {
        len = len << 8 | *p++;
    }
    if (c >= 0xdc && c <= 0xdf) {
        items = c >= 0xde ? 2 * len : len;
        len = 0;
    }
    len += (uint64_t) ext;
    if ((uint64_t) (end - p) < len) {
        return NULL;
    }
    p += len;
    while (items-- > 0 && p != NULL) {
        p = skip(p, end, depth + 1);
    }
    return p;
}

static int is_map(const unsigned char *p, const unsigned char *end)
{
    return p != NULL && p < end && (*p >> 4 == 8 || *p == 0xde || *p == 0xdf);
}

/* Counts events, [[time, {}], {}], and returns -1 at anything else. */
static long count_events(const unsigned char *p, size_t size)
{
    const unsigned char *end = p + size;
    long n = 0;

    while (p < end) {
        if (end - p < 13 || memcmp(p, "\x92\x92\xd7\x00", 4) != 0) {
            return -1;
        }
        p += 12;
        if (!is_map(p, end)) {
            return -1;
        }
        p = skip(p, end, 0);
        if (!is_map(p, end)) {
            return -1;
        }
        p = skip(p, end, 0);
        if (p == NULL) {
            return -1;
        }
        n++;
    }
    return n;
}

/* ---- one instance, on its own thread ---- */

static double now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

static void call(struct instance *x, void *remote)
{
    void *data = NULL;
    size_t size = 0;
    long events;
    int with_ctx = opt.new_layout && plugin.collect_ctx != NULL;
    double took = now_ms();
    int ret = with_ctx ? plugin.collect_ctx(remote, &data, &size) : plugin.collect(&data, &size);

    took = now_ms() - took;
    x->calls++;
    if (took > x->slowest) {
        x->slowest = took;
    }
    if (took > opt.slowest) {
        violation("instance %d: a call took %.0f ms", x->number, took);
    }
    if (ret != 1) {
        violation("instance %d: a call returned %d", x->number, ret);
    }
    if (ret == -1 || size == 0) {
        return; /* Fluent Bit doesn't call cleanup then */
    }
    if (data == NULL) {
        violation("instance %d: %zu octets at NULL", x->number, size);
        return;
    }
    events = count_events(data, size);
    if (events < 0) {
        violation("instance %d: %zu octets that are not events", x->number, size);
    } else {
        x->events += (unsigned long) events;
    }
    x->octets += size;
    if (x->out != NULL) {
        fwrite(data, 1, size, x->out);
        fflush(x->out);
    }
    if (opt.new_layout && plugin.cleanup_ctx != NULL) {
        plugin.cleanup_ctx(remote, data);
    } else if (plugin.cleanup != NULL) {
        plugin.cleanup(data);
    } else {
        free(data);
    }
}

/* Waits for the time of the next call; returns what is wanted then. */
static int wait_tick(struct timespec *next, int paused)
{
    int state;

    next->tv_nsec += opt.interval % 1000 * 1000000;
    next->tv_sec += opt.interval / 1000 + next->tv_nsec / 1000000000;
    next->tv_nsec %= 1000000000;
    pthread_mutex_lock(&lock);
    while (wanted == (paused ? PAUSE : RUN) && pthread_cond_timedwait(&changed, &lock, next) == 0) {
    }
    state = wanted;
    pthread_mutex_unlock(&lock);
    return state;
}

static void *run(void *arg)
{
    struct instance *x = arg;
    static char proxy[64]; /* opaque to the plugin */
    size_t size = opt.new_layout ? 80 : 64, ctx_size = opt.new_layout ? 24 : 16;
    size_t proxy_at = opt.new_layout ? 16 : 8;
    unsigned char *arg_init = guarded(size, 0), *ctx = guarded(ctx_size, 1);
    int coll_fd = 42, state, paused = 0;
    struct timespec next;

    if (opt.new_layout) {
        memcpy(ctx, &coll_fd, sizeof(coll_fd));
    }
    set_word(ctx, proxy_at, proxy);
    set_word(arg_init, 0, "weir");
    set_word(arg_init, 8, api_table);
    set_word(arg_init, 16, x);
    set_word(arg_init, 24, ctx);

    if (plugin.init(arg_init) <= 0) {
        fprintf(stderr, "harness: instance %d: init refused\n", x->number);
        failed = 1;
        return NULL;
    }
    if (plugin.pre_run != NULL) {
        plugin.pre_run(0);
    }
    clock_gettime(CLOCK_REALTIME, &next);
    for (;;) {
        state = wait_tick(&next, paused);
        if (state >= RELOAD || (opt.calls > 0 && x->calls >= (unsigned long) opt.calls)) {
            break;
        }
        if (paused != (state == PAUSE)) {
            void (*f)(void) = paused ? plugin.resume : plugin.pause;
            paused = !paused;
            if (f != NULL) {
                f();
            }
        }
        if (!paused) {
            call(x, opt.new_layout ? word(ctx, 8) : NULL);
        }
    }
    for (int i = 0; i < 2 && plugin.pause != NULL; i++) { /* it was seen to come twice */
        plugin.pause();
    }
    if (plugin.pre_exit != NULL) {
        plugin.pre_exit(state == RELOAD);
    }
    if (plugin.exit != NULL) {
        plugin.exit();
    }

    check_guard("argument of init", arg_init, 32, size);
    if (word(arg_init, 8) != (void *) api_table || word(arg_init, 16) != (void *) x || word(arg_init, 24) != (void *) ctx) {
        violation("the argument of init was changed");
    }
    check_guard("context", ctx, ctx_size, ctx_size);
    if (word(ctx, proxy_at) != (void *) proxy || (opt.new_layout && memcmp(ctx, &coll_fd, sizeof(coll_fd)) != 0)) {
        violation("the context has words of Fluent Bit's own, and they were changed");
    }
    free(arg_init);
    free(ctx);
    return NULL;
}

static void want(int state)
{
    pthread_mutex_lock(&lock);
    wanted = state;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static void start_all(void)
{
    want(RUN);
    for (int i = 0; i < ninstances; i++) {
        if (pthread_create(&instances[i].thread, NULL, run, &instances[i]) != 0) {
            abort();
        }
    }
}

static void join_all(void)
{
    for (int i = 0; i < ninstances; i++) {
        pthread_join(instances[i].thread, NULL);
    }
}

/* ---- main ---- */

static void usage(const char *what)
{
    fprintf(stderr, "harness: %s\n", what);
    exit(64);
}

static void load(const char *path)
{
    void *so = dlopen(path, RTLD_LAZY);

    if (so == NULL) {
        fprintf(stderr, "harness: %s\n", dlerror());
        exit(255);
    }
    /* A function's address in a void pointer, as POSIX has it. */
#define SYMBOL(field, name) *(void **) &plugin.field = dlsym(so, name)
    SYMBOL(pre_register, "FLBPluginPreRegister");
    SYMBOL(reg, "FLBPluginRegister");
    SYMBOL(unregister, "FLBPluginUnregister");
    SYMBOL(init, "FLBPluginInit");
    SYMBOL(pre_run, "FLBPluginInputPreRun");
    SYMBOL(collect, "FLBPluginInputCallback");
    SYMBOL(collect_ctx, "FLBPluginInputCallbackCtx");
    SYMBOL(cleanup, "FLBPluginInputCleanupCallback");
    SYMBOL(cleanup_ctx, "FLBPluginInputCleanupCallbackCtx");
    SYMBOL(pause, "FLBPluginInputPause");
    SYMBOL(resume, "FLBPluginInputResume");
    SYMBOL(pre_exit, "FLBPluginInputPreExit");
    SYMBOL(exit, "FLBPluginExit");
    if (plugin.reg == NULL || plugin.init == NULL || (plugin.collect == NULL && plugin.collect_ctx == NULL) ||
        (!opt.new_layout && plugin.collect == NULL)) {
        violation("a function is missing: register, init or callback");
        exit(1);
    }
}

static char **options(char **arg)
{
    for (; *arg != NULL && strncmp(*arg, "--", 2) == 0; arg++) {
        if (strcmp(*arg, "--debug") == 0) {
            opt.debug = 1;
            continue;
        }
        char *value = arg[1];
        if (value == NULL) {
            usage("an option without a value");
        }
        if (strcmp(*arg, "--layout") == 0) {
            opt.new_layout = strcmp(value, "4.1") == 0;
            if (!opt.new_layout && strcmp(value, "4.0") != 0) {
                usage("layouts are 4.1 and 4.0");
            }
        } else if (strcmp(*arg, "--interval") == 0) {
            opt.interval = atol(value);
        } else if (strcmp(*arg, "--calls") == 0) {
            opt.calls = atol(value);
        } else if (strcmp(*arg, "--slowest") == 0) {
            opt.slowest = atol(value);
        } else if (strcmp(*arg, "--out") == 0) {
            opt.out = value;
        } else {
            usage("an unknown option");
        }
        arg++;
    }
    return arg;
}

static void properties(char **arg)
{
    ninstances = 1;
    instances[0].props = arg;
    for (; *arg != NULL; arg++) {
        if (strcmp(*arg, "--") == 0) {
            if (ninstances == MAX_INSTANCES) {
                usage("too many instances");
            }
            instances[ninstances].number = ninstances;
            instances[ninstances++].props = arg + 1;
        } else if (strchr(*arg, '=') == NULL) {
            usage("a property is key=value");
        } else {
            instances[ninstances - 1].nprops++;
        }
    }
    for (int i = 0; opt.out != NULL && i < ninstances; i++) {
        char path[4096];

        snprintf(path, sizeof(path), "%s.%d", opt.out, i);
        if ((instances[i].out = fopen(path, "w")) == NULL) {
            perror(path);
            exit(64);
        }
    }
}

int main(int argc, char **argv)
{
    char **arg = options(argv + 1), line[32];
    unsigned char *def;

    (void) argc;
    if (*arg == NULL) {
        usage("no plugin");
    }
    load(*arg);
    properties(arg + 1);
    def = do_register(0);
    start_all();
    while (opt.calls == 0 && fgets(line, sizeof(line), stdin) != NULL) {
        line[strcspn(line, "\n")] = 0;
        if (strcmp(line, "pause") == 0) {
            want(PAUSE);
        } else if (strcmp(line, "resume") == 0) {
            want(RUN);
        } else if (strcmp(line, "reload") == 0) {
            unsigned char *new_def = do_register(1);
            want(RELOAD);
            join_all();
            if (plugin.unregister != NULL) {
                plugin.unregister(def);
            }
            free(def);
            def = new_def;
            start_all();
        } else {
            usage("commands are pause, resume and reload");
        }
    }
    if (opt.calls == 0) {
        want(END);
    }
    join_all();
    if (plugin.unregister != NULL) {
        plugin.unregister(def);
    }
    free(def);
    for (int i = 0; i < ninstances; i++) {
        struct instance *x = &instances[i];

        fprintf(stderr, "harness: instance %d: %lu calls, %lu events, %lu octets, slowest call %.1f ms\n", i, x->calls,
                x->events, x->octets, x->slowest);
        if (x->out != NULL && fclose(x->out) != 0) {
            perror(opt.out);
            return 1;
        }
    }
    return violations > 0 ? 1 : failed ? 255 : 0;
}

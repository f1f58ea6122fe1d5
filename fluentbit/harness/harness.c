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
 *   --as VERSION      what Fluent Bit is like: 2.1 (no hooks, small structures),
 *                     4.0 (hooks), 4.1 (a context per instance), 4.2.3 and
 *                     5.1.1 (default; both have a longer definition)
 *   --threaded off    all instances on one thread, which is the engine's
 *   --pause last      a pause stops the calls of the instance that was started
 *                     last, whichever was paused, as in Fluent Bit to 5.1.1
 *   --interval MS     time between two calls, default 1000 as in Fluent Bit
 *   --calls N         end after N calls; default: when standard input ends
 *   --slowest MS      what a call may take, default 500
 *   --stop MS         how long events are still taken at the end, default 1000
 *   --out PREFIX      events of instance i go to PREFIX.i
 *   --text PREFIX     and each of their values, as text, to PREFIX.i
 *   --debug           let the plugin's debug messages through
 *
 * Lines on standard input: pause [i], resume [i] (that instance, or all); full,
 * room (refuse or take events that are appended); reload (register anew, end
 * all instances, start them again).
 *
 * Plugins find flb_input_log_append here, unless it is built with
 * -DWITHOUT_APPEND.
 *
 * Status: 0; 1 if the plugin broke the interface; 255, as Fluent Bit, if an
 * instance could not be started; 64 if called wrongly.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

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

/* What a version of Fluent Bit is like. */
static const struct like {
    const char *version;
    int hooks;       /* PreRegister, PreRun, Pause, Resume, PreExit */
    int ctx;         /* a context per instance */
    size_t def;      /* size of the definition */
    int zeroed;      /* which has no octets of chance */
} likes[] = {
    {"5.1.1", 1, 1, 48, 1}, {"4.2.3", 1, 1, 40, 1}, {"4.1", 1, 1, 32, 0}, {"4.0", 1, 0, 32, 0}, {"2.1", 0, 0, 32, 0},
};

static struct {
    const struct like *like;
    int threaded, pause_last;
    long interval, calls, slowest, stop;
    const char *out, *text;
    int debug;
} opt = {likes, 1, 0, 1000, 0, 500, 1000, NULL, NULL, 0};

struct instance {
    int number;
    char **props; /* key=value */
    int nprops;
    FILE *out, *text;
    pthread_t thread;
    unsigned char *arg, *ctx; /* what init got */
    unsigned long calls, events, octets;
    unsigned long appends, appended, refused; /* appended: events */
    double slowest; /* ms */

    int want_pause;        /* under lock */
    int paused;            /* told to the plugin */
    atomic_int collecting; /* it is called */

    /* What the other threads of the plugin may do. */
    atomic_int alive;     /* from init to the end of exit */
    atomic_int closed;    /* the outputs have ended */
    _Atomic double quiet; /* since when it may hand nothing over; 0: it may */
    atomic_int appending; /* how many do */
};

static struct instance instances[MAX_INSTANCES];
static int ninstances;
static pthread_t engine; /* where threads are off */
static atomic_int full;  /* there is no room for events */

static atomic_int violations, failed;

/* What the main thread asks of the others. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static enum { RUN, RELOAD, END } wanted;

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
    (void *) not_for_inputs, /* custom_get_property, since 4.1 */
    (void *) not_for_inputs, /* custom_log_check, since 4.1 */
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
    size_t size = opt.like->def;
    unsigned char *def = guarded(size, opt.like->zeroed);
    int type, proxy, flags;

    if (opt.like->hooks && plugin.pre_register != NULL && plugin.pre_register(reload) == -1) {
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
    check_guard("definition", def, opt.like->zeroed ? size : 32, size);
    for (size_t i = 32; opt.like->zeroed && i < size; i++) {
        if (def[i] != 0) {
            violation("definition: octet %zu was written to", i);
            break;
        }
    }
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

static uint64_t number(const unsigned char *p, int width)
{
    uint64_t n = 0;

    for (int i = 0; i < width; i++) {
        n = n << 8 | p[i];
    }
    return n;
}

static void text_octets(FILE *f, const unsigned char *p, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        fprintf(f, p[i] > ' ' && p[i] < 0x7f && p[i] != '\\' ? "%c" : "\\x%02x", p[i]);
    }
}

/* Writes the value at p, which skip has accepted, as lines: path, kind, value. */
static const unsigned char *text(FILE *f, const unsigned char *p, const char *path)
{
    unsigned c = *p++;
    uint64_t n;
    int width = 0;
    double real;
    float real4;
    uint32_t bits4;

    if (c <= 0x7f) {
        fprintf(f, "%s int %u\n", path, c);
        return p;
    }
    if (c >= 0xe0) {
        fprintf(f, "%s int %d\n", path, (int) c - 256);
        return p;
    }
    switch (c) {
    case 0xc0:
        fprintf(f, "%s nil -\n", path);
        return p;
    case 0xc2:
    case 0xc3:
        fprintf(f, "%s bool %d\n", path, c & 1);
        return p;
    case 0xca:
        bits4 = (uint32_t) number(p, 4);
        memcpy(&real4, &bits4, 4);
        real = real4;
        memcpy(&n, &real, 8);
        fprintf(f, "%s float %016llx\n", path, (unsigned long long) n);
        return p + 4;
    case 0xcb:
        fprintf(f, "%s float %016llx\n", path, (unsigned long long) number(p, 8));
        return p + 8;
    case 0xcc:
    case 0xcd:
    case 0xce:
    case 0xcf:
        width = 1 << (c - 0xcc);
        fprintf(f, "%s int %llu\n", path, (unsigned long long) number(p, width));
        return p + width;
    case 0xd0:
    case 0xd1:
    case 0xd2:
    case 0xd3:
        width = 1 << (c - 0xd0);
        n = number(p, width) << (64 - 8 * width);
        fprintf(f, "%s int %lld\n", path, (long long) ((int64_t) n >> (64 - 8 * width)));
        return p + width;
    }
    if ((c >= 0xc7 && c <= 0xc9) || (c >= 0xd4 && c <= 0xd8)) { /* ext */
        if (c <= 0xc9) {
            width = 1 << (c - 0xc7);
            n = number(p, width);
            p += width;
        } else {
            n = 1u << (c - 0xd4);
        }
        fprintf(f, "%s ext %d:", path, (signed char) *p++);
        text_octets(f, p, n);
        fputc('\n', f);
        return p + n;
    }
    if ((c >= 0xa0 && c <= 0xbf) || (c >= 0xd9 && c <= 0xdb) || (c >= 0xc4 && c <= 0xc6)) {
        int bin = c >= 0xc4 && c <= 0xc6;
        if (c <= 0xbf) {
            n = c & 31;
        } else {
            width = 1 << (c - (bin ? 0xc4 : 0xd9));
            n = number(p, width);
            p += width;
        }
        fprintf(f, "%s %s \"", path, bin ? "bin" : "str");
        text_octets(f, p, n);
        fprintf(f, "\"\n");
        return p + n;
    }
    /* an array or a map */
    int map = c <= 0x8f || c >= 0xde;
    if (c <= 0x9f) {
        n = c & 15;
    } else {
        width = c & 1 ? 4 : 2;
        n = number(p, width);
        p += width;
    }
    if (n == 0) {
        fprintf(f, "%s empty %s\n", path, map ? "map" : "array");
    }
    for (uint64_t i = 0; i < n; i++) {
        char inner[4096];
        int at = snprintf(inner, sizeof(inner), "%s/", path);
        if (map) {
            const unsigned char *key = p;
            FILE *k = fmemopen(inner + at, sizeof(inner) - (size_t) at, "w");
            p = skip(key, key + (1u << 30), 0);
            if (*key >= 0xa0 && *key <= 0xbf) {
                text_octets(k, key + 1, (uint64_t) (p - key - 1));
            } else if (*key == 0xd9) {
                text_octets(k, key + 2, (uint64_t) (p - key - 2));
            } else {
                violation("a key is no text");
            }
            fclose(k);
        } else {
            snprintf(inner + at, sizeof(inner) - (size_t) at, "%llu", (unsigned long long) i);
        }
        p = text(f, p, inner);
    }
    return p;
}

/* Counts events, [[time, {}], {}], and returns -1 at anything else. */
static long count_events(const unsigned char *p, size_t size, FILE *f)
{
    const unsigned char *end = p + size, *event;
    long n = 0;

    while (p < end) {
        event = p;
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
        if (f != NULL) {
            text(f, event, "");
            fputc('\n', f);
            fflush(f);
        }
        n++;
    }
    return n;
}

/* Takes events that the plugin hands over, in either way; returns how many. */
static unsigned long take(struct instance *x, const void *data, size_t size)
{
    long events = count_events(data, size, x->text);

    if (events < 0) {
        violation("instance %d: %zu octets that are not events", x->number, size);
        events = 0;
    }
    x->events += (unsigned long) events;
    x->octets += size;
    if (x->out != NULL && (fwrite(data, 1, size, x->out) != size || fflush(x->out) != 0)) {
        perror(opt.out);
        exit(64);
    }
    return (unsigned long) events;
}

static double now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

/* Enter and leave guard an instance's buffers: Fluent Bit has no lock there. */
static void enter(struct instance *x)
{
    if (atomic_fetch_add(&x->appending, 1) != 0) {
        violation("instance %d: two threads append at once", x->number);
    }
}

static void leave(struct instance *x)
{
    atomic_fetch_sub(&x->appending, 1);
}

/* ---- appending at any time ---- */

#define MOST 2000000 /* octets at once, but for those that a pause brings */
#define LATE 600     /* ms after a pause in which the last events may come */

#ifndef WITHOUT_APPEND
int flb_input_log_append(void *ins, const char *tag, size_t tag_len, const void *data, size_t size);

int flb_input_log_append(void *ins, const char *tag, size_t tag_len, const void *data, size_t size)
{
    struct instance *x = ins;
    int ret = 0;

    if (x < instances || x >= instances + ninstances || !x->alive) {
        violation("events were appended to an instance that isn't one");
        return -1;
    }
    if (!opt.threaded && !pthread_equal(pthread_self(), engine)) {
        violation("instance %d: events were appended beside the engine's thread", x->number);
        return -1;
    }
    enter(x);
    if (x->quiet > 0 && now_ms() > x->quiet + LATE) {
        violation("instance %d: events were appended during a pause", x->number);
    }
    if (x->closed) {
        violation("instance %d: events were appended when the outputs had ended", x->number);
    }
    if (size == 0 || (size > MOST && x->quiet <= 0)) {
        violation("instance %d: %zu octets were appended at once", x->number, size);
    }
    if ((tag == NULL) != (tag_len == 0)) {
        violation("instance %d: a tag at %p of %zu octets", x->number, (const void *) tag, tag_len);
    }
    if (full) {
        usleep((useconds_t) opt.interval * 1000); /* Fluent Bit tries for a second */
        x->refused++;
        ret = -1;
    } else {
        x->appends++;
        x->appended += take(x, data, size);
    }
    leave(x);
    return ret;
}
#endif

/* ---- one instance, on its own thread ---- */

static void call(struct instance *x)
{
    void *data = NULL, *remote = opt.like->ctx ? word(x->ctx, 8) : NULL;
    size_t size = 0;
    int with_ctx = opt.like->ctx && plugin.collect_ctx != NULL;
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
    if (x->quiet > 0 && opt.threaded) {
        violation("instance %d: a call brought events during a pause", x->number);
    }
    enter(x);
    take(x, data, size);
    leave(x);
    if (with_ctx && plugin.cleanup_ctx != NULL) {
        plugin.cleanup_ctx(remote, data);
    } else if (plugin.cleanup != NULL) {
        plugin.cleanup(data);
    } else {
        free(data);
    }
}

static char proxy[64]; /* opaque to the plugin */
static const int coll_fd = 42;

static size_t arg_size(void) { return opt.like->ctx ? 80 : 64; }
static size_t ctx_size(void) { return opt.like->ctx ? 24 : 16; }
static size_t proxy_at(void) { return opt.like->ctx ? 16 : 8; }

/* Returns 0 if the plugin refused. */
static int init(struct instance *x)
{
    x->arg = guarded(arg_size(), 0);
    x->ctx = guarded(ctx_size(), 1);
    if (opt.like->ctx) {
        memcpy(x->ctx, &coll_fd, sizeof(coll_fd));
    }
    set_word(x->ctx, proxy_at(), proxy);
    set_word(x->arg, 0, "weir");
    set_word(x->arg, 8, api_table);
    set_word(x->arg, 16, x);
    set_word(x->arg, 24, x->ctx);
    x->paused = x->closed = x->quiet = 0;
    x->collecting = x->alive = 1;
    if (plugin.init(x->arg) > 0) {
        return 1;
    }
    fprintf(stderr, "harness: instance %d: init refused\n", x->number);
    failed = 1;
    x->alive = 0;
    free(x->arg);
    free(x->ctx);
    return 0;
}

static void pre_run(struct instance *x)
{
    if (opt.like->hooks && plugin.pre_run != NULL) {
        plugin.pre_run(0);
    }
    (void) x;
}

static void pause_resume(struct instance *x, int paused)
{
    struct instance *stopped = opt.pause_last ? &instances[ninstances - 1] : x;
    void (*f)(void) = paused ? plugin.pause : plugin.resume;

    x->quiet = paused && opt.like->hooks ? now_ms() : 0;
    x->paused = paused;
    if (opt.like->hooks && f != NULL) {
        f();
    }
    stopped->collecting = !paused;
}

/* Does what is due for x. */
static void tick(struct instance *x, int calls)
{
    int paused;

    pthread_mutex_lock(&lock);
    paused = x->want_pause;
    pthread_mutex_unlock(&lock);
    if (x->paused != paused) {
        pause_resume(x, paused);
    }
    if (calls && x->collecting) {
        call(x);
    }
}

/* The first thing that an end is; Fluent Bit takes what comes during a second
 * after it. */
static void stop(struct instance *x)
{
    if (!x->paused) {
        pause_resume(x, 1);
    }
}

static void end(struct instance *x, int reload)
{
    if (opt.like->hooks && plugin.pause != NULL) {
        plugin.pause(); /* once more */
    }
    x->closed = 1;
    if (opt.like->hooks && plugin.pre_exit != NULL) {
        plugin.pre_exit(reload);
    }
    if (plugin.exit != NULL) {
        plugin.exit();
    }
    x->alive = 0;
    check_guard("argument of init", x->arg, 32, arg_size());
    if (word(x->arg, 8) != (void *) api_table || word(x->arg, 16) != (void *) x || word(x->arg, 24) != (void *) x->ctx) {
        violation("the argument of init was changed");
    }
    check_guard("context", x->ctx, ctx_size(), ctx_size());
    if (word(x->ctx, proxy_at()) != (void *) proxy ||
        (opt.like->ctx && memcmp(x->ctx, &coll_fd, sizeof(coll_fd)) != 0)) {
        violation("the context has words of Fluent Bit's own, and they were changed");
    }
    free(x->arg);
    free(x->ctx);
}

/* Tells whether one of the n instances from x on is to be paused or resumed.
 * The lock is held. */
static int news(struct instance *x, int n)
{
    for (int i = 0; i < n; i++) {
        if (x[i].want_pause != x[i].paused) {
            return 1;
        }
    }
    return 0;
}

/* Drives the n instances from x on, from init to exit. */
static void drive(struct instance *x, int n)
{
    struct timespec next;
    int state = RUN, due, up[MAX_INSTANCES];

    for (int i = 0; i < n; i++) {
        up[i] = init(&x[i]);
    }
    for (int i = 0; i < n; i++) {
        if (up[i]) {
            pre_run(&x[i]);
        }
    }
    clock_gettime(CLOCK_REALTIME, &next);
    while (state == RUN) {
        next.tv_nsec += opt.interval % 1000 * 1000000;
        next.tv_sec += opt.interval / 1000 + next.tv_nsec / 1000000000;
        next.tv_nsec %= 1000000000;
        do {
            due = 0;
            pthread_mutex_lock(&lock);
            while (wanted == RUN && !news(x, n) && !due) {
                due = pthread_cond_timedwait(&changed, &lock, &next) != 0;
            }
            state = wanted;
            pthread_mutex_unlock(&lock);
            for (int i = 0; i < n && state == RUN; i++) {
                if (up[i]) {
                    tick(&x[i], due);
                } else {
                    pthread_mutex_lock(&lock);
                    x[i].paused = x[i].want_pause;
                    pthread_mutex_unlock(&lock);
                }
            }
        } while (state == RUN && !due);
        if (opt.calls > 0 && x->calls >= (unsigned long) opt.calls) {
            break;
        }
        if (opt.calls > 0 && !up[0]) {
            break;
        }
    }
    for (int i = 0; i < n; i++) {
        if (up[i]) {
            stop(&x[i]);
        }
    }
    usleep((useconds_t) opt.stop * 1000);
    for (int i = 0; i < n; i++) {
        if (up[i]) {
            end(&x[i], state == RELOAD);
        }
    }
}

static void *run(void *arg)
{
    struct instance *x = arg;
    char name[32];

    if (opt.threaded) {
        snprintf(name, sizeof(name), "flb-in-weir.%d-w0", x->number);
        prctl(PR_SET_NAME, name);
        x->thread = pthread_self();
        drive(x, 1);
    } else {
        prctl(PR_SET_NAME, "flb-pipeline");
        engine = pthread_self();
        for (int i = 0; i < ninstances; i++) {
            instances[i].thread = engine;
        }
        drive(instances, ninstances);
    }
    return NULL;
}

static void want(int state)
{
    pthread_mutex_lock(&lock);
    wanted = state;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static void want_pause(const char *which, int paused)
{
    pthread_mutex_lock(&lock);
    for (int i = 0; i < ninstances; i++) {
        if (*which == 0 || atoi(which) == i) {
            instances[i].want_pause = paused;
        }
    }
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static pthread_t threads[MAX_INSTANCES];

static void start_all(void)
{
    want(RUN);
    want_pause("", 0);
    for (int i = 0; i < (opt.threaded ? ninstances : 1); i++) {
        if (pthread_create(&threads[i], NULL, run, &instances[i]) != 0) {
            abort();
        }
    }
}

static void join_all(void)
{
    for (int i = 0; i < (opt.threaded ? ninstances : 1); i++) {
        pthread_join(threads[i], NULL);
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
        (!opt.like->ctx && plugin.collect == NULL)) {
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
        if (strcmp(*arg, "--as") == 0) {
            size_t i = 0;
            while (i < sizeof(likes) / sizeof(likes[0]) && strcmp(likes[i].version, value) != 0) {
                i++;
            }
            if (i == sizeof(likes) / sizeof(likes[0])) {
                usage("an unknown version");
            }
            opt.like = &likes[i];
        } else if (strcmp(*arg, "--threaded") == 0) {
            opt.threaded = strcmp(value, "off") != 0;
        } else if (strcmp(*arg, "--pause") == 0) {
            opt.pause_last = strcmp(value, "last") == 0;
        } else if (strcmp(*arg, "--interval") == 0) {
            opt.interval = atol(value);
        } else if (strcmp(*arg, "--calls") == 0) {
            opt.calls = atol(value);
        } else if (strcmp(*arg, "--slowest") == 0) {
            opt.slowest = atol(value);
        } else if (strcmp(*arg, "--stop") == 0) {
            opt.stop = atol(value);
        } else if (strcmp(*arg, "--out") == 0) {
            opt.out = value;
        } else if (strcmp(*arg, "--text") == 0) {
            opt.text = value;
        } else {
            usage("an unknown option");
        }
        arg++;
    }
    return arg;
}

static FILE *opened(const char *prefix, int i)
{
    char path[4096];
    FILE *f;

    if (prefix == NULL) {
        return NULL;
    }
    snprintf(path, sizeof(path), "%s.%d", prefix, i);
    if ((f = fopen(path, "w")) == NULL) {
        perror(path);
        exit(64);
    }
    return f;
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
    for (int i = 0; i < ninstances; i++) {
        instances[i].out = opened(opt.out, i);
        instances[i].text = opened(opt.text, i);
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
        if (strncmp(line, "pause", 5) == 0) {
            want_pause(line + 5, 1);
        } else if (strncmp(line, "resume", 6) == 0) {
            want_pause(line + 6, 0);
        } else if (strcmp(line, "full") == 0) {
            full = 1;
        } else if (strcmp(line, "room") == 0) {
            full = 0;
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
            usage("commands are pause, resume, full, room and reload");
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
        fprintf(stderr, "harness: instance %d: %lu events appended in %lu runs, %lu runs refused\n", i, x->appended,
                x->appends, x->refused);
        if ((x->out != NULL && fclose(x->out) != 0) || (x->text != NULL && fclose(x->text) != 0)) {
            perror(opt.out);
            return 1;
        }
    }
    return violations > 0 ? 1 : failed ? 255 : 0;
}

/* SPDX-License-Identifier: Apache-2.0 */

/*
 * lookup.c: look-ups alone, through the map library as the module uses it.
 *
 * Four series:
 *   hit  spread    keys of the map in random order, each once
 *   miss spread    as many that are not in the map
 *   hit  repeated  a few keys again and again
 *   miss repeated
 * A spread series begins with a new handle and finds nothing in the cache of
 * answers that the DBM types have; a repeated one, after a first round that is
 * not measured, finds everything.  LMDB has no such cache.
 *
 * usage: lookup TYPE MAP TEXT KEYS THREADS
 * Each thread has so many KEYS of its own.  Prints a JSON object a series:
 * wall nanoseconds of a look-up as its thread sees it, CPU nanoseconds, and
 * look-ups a second of all threads.
 */

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "apr_general.h"
#include "apr_pools.h"
#include "apr_strings.h"

#include "hostmap/hostmap.h"

#define THREADS_MAX   64
#define REPEATED_KEYS 128
/* At least so many in a series, of all threads. */
#define REPEATED_LOOKUPS 262144
#define SPREAD_LOOKUPS   10000
/* Look-ups until the pool is cleared, as httpd does after each request. */
#define POOL_EVERY    16

typedef struct worker {
    pthread_t thread;
    hostmap *map;
    const hostmap_str *keys;
    apr_size_t count;           /* keys */
    apr_size_t rounds;          /* so many times over all keys */
    apr_status_t expected;
    apr_pool_t *pool;
    pthread_barrier_t *start;
    double wall, cpu;
    unsigned wrong;
} worker;

typedef struct series {
    const char *name;
    int repeated;
    apr_status_t expected;
    /* of all threads and passes */
    double looked, wall, cpu;
    /* of the slowest thread of each pass */
    double longest;
} series;

static double clock_now(clockid_t id)
{
    struct timespec t;

    clock_gettime(id, &t);
    return t.tv_sec * 1e9 + t.tv_nsec;
}

static void log_line(void *baton, hostmap_log_level level, const char *line)
{
    (void)baton;
    if (level <= HOSTMAP_LOG_WARNING) {
        fprintf(stderr, "lookup: %s\n", line);
    }
}

static void fail(const char *what)
{
    fprintf(stderr, "lookup: %s\n", what);
    exit(1);
}

/* ---- keys -------------------------------------------------------------- */

/* Reservoir: so many lines of the text, each as likely as the next. */
static hostmap_str *keys_read(const char *path, apr_size_t wanted,
                              apr_pool_t *pool)
{
    FILE *file = fopen(path, "r");
    hostmap_str *keys = apr_pcalloc(pool, wanted * sizeof(*keys));
    char **texts = calloc(wanted, sizeof(*texts));
    char line[8192];
    apr_size_t seen = 0, i;

    if (!file || !texts) {
        fail("cannot read the text");
    }
    while (fgets(line, sizeof(line), file)) {
        line[strcspn(line, " \n")] = '\0';
        i = seen < wanted ? seen : (apr_size_t)lrand48() % (seen + 1);
        seen++;
        if (i < wanted) {
            free(texts[i]);
            texts[i] = strdup(line);
        }
    }
    fclose(file);
    if (seen < wanted) {
        fail("the text has fewer lines than look-ups are wanted");
    }
    for (i = 0; i < wanted; i++) {
        apr_size_t other = lrand48() % (i + 1);

        keys[i] = keys[other];
        keys[other].ptr = texts[i];
        keys[other].len = strlen(texts[i]);
    }
    return keys;
}

/* The same keys with a byte in their midst that no host of the text has: they
 * lead to the same places of the map. */
static hostmap_str *keys_unknown(const hostmap_str *known, apr_size_t count,
                                 apr_pool_t *pool)
{
    hostmap_str *keys = apr_pcalloc(pool, count * sizeof(*keys));
    apr_size_t i;

    for (i = 0; i < count; i++) {
        char *text = apr_pmemdup(pool, known[i].ptr, known[i].len + 1);

        text[known[i].len / 4] = '_';
        keys[i].ptr = text;
        keys[i].len = known[i].len;
    }
    return keys;
}

/* ---- a series ---------------------------------------------------------- */

static void look_all(worker *w)
{
    hostmap_str value;
    apr_size_t i;

    for (i = 0; i < w->count; i++) {
        if (hostmap_lookup(w->map, &value, w->keys[i], w->pool)
            != w->expected) {
            w->wrong++;
        }
        if (i % POOL_EVERY == 0) {
            apr_pool_clear(w->pool);
        }
    }
}

static void *work(void *data)
{
    worker *w = data;
    apr_size_t i;

    pthread_barrier_wait(w->start);
    w->wall = clock_now(CLOCK_MONOTONIC);
    w->cpu = clock_now(CLOCK_THREAD_CPUTIME_ID);
    for (i = 0; i < w->rounds; i++) {
        look_all(w);
    }
    w->cpu = clock_now(CLOCK_THREAD_CPUTIME_ID) - w->cpu;
    w->wall = clock_now(CLOCK_MONOTONIC) - w->wall;
    return NULL;
}

/* The library opens the file in the first look-up, and keeps an answer of a
 * repeated series in its first round. */
static void warm(worker *workers, int threads, int repeated)
{
    hostmap_str value;
    int i;

    hostmap_lookup(workers[0].map, &value, hostmap_str_text("first"),
                   workers[0].pool);
    for (i = 0; repeated && i < threads; i++) {
        look_all(&workers[i]);
    }
}

static void count_up(series *s, const worker *workers, int threads)
{
    double longest = 0;
    int i;

    for (i = 0; i < threads; i++) {
        const worker *w = &workers[i];

        if (w->wrong > 0) {
            fail("a look-up gave the wrong result");
        }
        s->looked += (double)w->count * w->rounds;
        s->wall += w->wall;
        s->cpu += w->cpu;
        longest = w->wall > longest ? w->wall : longest;
    }
    s->longest += longest;
}

static void worker_init(worker *w, const series *s, hostmap *map,
                        const hostmap_str *keys, apr_size_t count, int threads,
                        apr_pool_t *pool)
{
    apr_allocator_t *allocator;

    w->map = map;
    w->keys = keys;
    w->count = s->repeated ? (apr_size_t)(REPEATED_KEYS / threads) : count;
    w->rounds = s->repeated ? REPEATED_LOOKUPS / REPEATED_KEYS : 1;
    w->expected = s->expected;
    apr_allocator_create(&allocator);
    apr_pool_create_ex(&w->pool, pool, NULL, allocator);
    apr_allocator_owner_set(allocator, w->pool);
}

static void pass(series *s, hostmap *map, const hostmap_str *keys,
                 apr_size_t count, int threads, apr_pool_t *pool)
{
    worker *workers = apr_pcalloc(pool, threads * sizeof(*workers));
    pthread_barrier_t start;
    int i;

    pthread_barrier_init(&start, NULL, threads);
    for (i = 0; i < threads; i++) {
        worker_init(&workers[i], s, map, keys + i * count, count, threads,
                    pool);
        workers[i].start = &start;
    }
    warm(workers, threads, s->repeated);
    for (i = 0; i < threads; i++) {
        if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0) {
            fail("cannot make a thread");
        }
    }
    for (i = 0; i < threads; i++) {
        pthread_join(workers[i].thread, NULL);
    }
    pthread_barrier_destroy(&start);
    count_up(s, workers, threads);
}

/* As many passes as it takes to look so often, each on a new handle. */
static void series_run(series *s, const char *type, const char *path,
                       const hostmap_str *keys, apr_size_t count, int threads,
                       apr_pool_t *pool)
{
    apr_pool_t *scratch;
    hostmap_registry *registry;
    hostmap *map;

    do {
        apr_pool_create(&scratch, pool);
        if (hostmap_registry_create(&registry, log_line, NULL, scratch)
            != APR_SUCCESS
            || hostmap_open(&map, registry, path, type, apr_time_from_msec(100))
               != APR_SUCCESS) {
            fail("cannot open the map");
        }
        pass(s, map, keys, count, threads, scratch);
        apr_pool_destroy(scratch);
    } while (s->looked < SPREAD_LOOKUPS);
    printf("{\"series\": \"%s\", \"threads\": %d, \"lookups\": %.0f, "
           "\"wall_ns\": %.1f, \"cpu_ns\": %.1f, \"per_second\": %.0f}\n",
           s->name, threads, s->looked, s->wall / s->looked,
           s->cpu / s->looked, s->looked * 1e9 / s->longest);
}

int main(int argc, char **argv)
{
    static series all[] = {
        { "hit spread", 0, APR_SUCCESS, 0, 0, 0, 0 },
        { "miss spread", 0, APR_NOTFOUND, 0, 0, 0, 0 },
        { "hit repeated", 1, APR_SUCCESS, 0, 0, 0, 0 },
        { "miss repeated", 1, APR_NOTFOUND, 0, 0, 0, 0 }
    };
    apr_size_t count = argc == 6 ? strtoul(argv[4], NULL, 10) : 0, i;
    int threads = argc == 6 ? atoi(argv[5]) : 0;
    apr_pool_t *pool;
    hostmap_str *known, *unknown;

    if (threads < 1 || threads > THREADS_MAX
        || count * threads < REPEATED_KEYS) {
        fail("usage: lookup TYPE MAP TEXT KEYS THREADS (at most 64 threads, "
             "at least 128 keys for all of them)");
    }
    apr_initialize();
    apr_pool_create(&pool, NULL);
    srand48(1);
    known = keys_read(argv[3], threads * count, pool);
    unknown = keys_unknown(known, threads * count, pool);
    for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        series_run(&all[i], argv[1], argv[2],
                   all[i].expected == APR_SUCCESS ? known : unknown, count,
                   threads, pool);
    }
    apr_pool_destroy(pool);
    apr_terminate();
    return 0;
}

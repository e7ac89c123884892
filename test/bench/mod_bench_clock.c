/* SPDX-License-Identifier: Apache-2.0 */

/*
 * mod_bench_clock.c: how long another module's translate_name hook takes, in
 * the server that serves, request by request.
 *
 * In each child the hook of the module named by BenchClock is replaced with
 * one that reads the clock, calls it, and reads the clock again.  What reading
 * the clock costs is found at the start of the child and subtracted.  The
 * times go to a file when the child ends: nanoseconds, 32 bits each, in the
 * order of the requests; first that of the hook, then that of LMDB's mdb_get
 * within it, 0 where there was none.  For benchmarks; takes part in none whose
 * requests are compared.
 */

#include <dlfcn.h>
#include <lmdb.h>
#include <time.h>

#include "apr_atomic.h"
#include "apr_strings.h"

#include "httpd.h"
#include "http_config.h"
#include "http_log.h"
#include "http_request.h"

module AP_MODULE_DECLARE_DATA bench_clock_module;

#define SAMPLES_MAX (1 << 20)
#define EMPTY_CALLS 100000

static const char *clocked_name;
static const char *out_path;
static apr_file_t *out;

typedef struct clock_sample {
    apr_uint32_t hook;
    apr_uint32_t get;
} clock_sample;

static ap_HOOK_translate_name_t *clocked;
static clock_sample *samples;
static volatile apr_uint32_t sample_count;
static apr_int64_t clock_cost;

/* LMDB's own mdb_get. */
static int (*lmdb_get)(MDB_txn *, MDB_dbi, MDB_val *, MDB_val *);

/* Of the hook that runs on this thread: time in mdb_get, and its calls. */
static __thread apr_int64_t get_time;
static __thread int gets;

static const char *set_clock(cmd_parms *cmd, void *dconf, const char *name,
                             const char *path)
{
    (void)dconf;
    clocked_name = name;
    out_path = ap_server_root_relative(cmd->pool, path);
    return out_path ? NULL : "BenchClock: not a path";
}

static const command_rec clock_directives[] = {
    AP_INIT_TAKE2("BenchClock", set_clock, NULL, RSRC_CONF,
                  "source file of the module to clock, and where the times "
                  "are written"),
    { NULL }
};

static apr_int64_t clock_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (apr_int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* We are loaded before the module that is clocked: its calls come here. */
int mdb_get(MDB_txn *txn, MDB_dbi dbi, MDB_val *key, MDB_val *data)
{
    apr_int64_t start = clock_now();
    int rc;

    rc = lmdb_get(txn, dbi, key, data);
    get_time += clock_now() - start - clock_cost;
    gets++;
    return rc;
}

static apr_uint32_t sample(apr_int64_t took)
{
    return took < 0 ? 0 : (apr_uint32_t)took;
}

static int clocked_translate(request_rec *r)
{
    apr_int64_t start, took;
    apr_uint32_t at;
    int rv;

    get_time = gets = 0;
    start = clock_now();
    rv = clocked(r);
    /* the clock was read twice, and twice for each mdb_get */
    took = clock_now() - start - clock_cost * (1 + 2 * gets);
    at = apr_atomic_inc32(&sample_count);
    if (at < SAMPLES_MAX) {
        samples[at].hook = sample(took);
        samples[at].get = sample(get_time);
    }
    return rv;
}

static void measure_clock(void)
{
    apr_int64_t total = 0;
    int i;

    for (i = 0; i < EMPTY_CALLS; i++) {
        apr_int64_t start = clock_now();

        total += clock_now() - start;
    }
    clock_cost = total / EMPTY_CALLS;
}

static apr_status_t write_samples(void *data)
{
    apr_size_t count = sample_count < SAMPLES_MAX ? sample_count : SAMPLES_MAX;

    (void)data;
    return apr_file_write_full(out, samples, count * sizeof(*samples), NULL);
}

static void clock_child_init(apr_pool_t *pchild, server_rec *s)
{
    apr_array_header_t *hooks = ap_hook_get_translate_name();
    ap_LINK_translate_name_t *hook = (ap_LINK_translate_name_t *)hooks->elts;
    int i;

    *(void **)&lmdb_get = dlsym(RTLD_NEXT, "mdb_get");
    for (i = 0; i < hooks->nelts && lmdb_get; i++) {
        if (clocked_name && strcmp(hook[i].szName, clocked_name) == 0) {
            samples = apr_pcalloc(pchild, SAMPLES_MAX * sizeof(*samples));
            clocked = hook[i].pFunc;
            hook[i].pFunc = clocked_translate;
            measure_clock();
            apr_pool_cleanup_register(pchild, NULL, write_samples,
                                      apr_pool_cleanup_null);
            return;
        }
    }
    ap_log_error(APLOG_MARK, APLOG_EMERG, 0, s, "BenchClock: no module of "
                 "that name has a translate_name hook, or no LMDB");
    exit(APEXIT_CHILDFATAL);
}

/* Here, while we may still be root. */
static int clock_post_config(apr_pool_t *p, apr_pool_t *plog,
                             apr_pool_t *ptemp, server_rec *s)
{
    (void)plog;
    (void)ptemp;
    (void)s;
    if (!out_path) {
        return OK;
    }
    return apr_file_open(&out, out_path, APR_FOPEN_WRITE | APR_FOPEN_CREATE
                         | APR_FOPEN_TRUNCATE, APR_FPROT_OS_DEFAULT, p)
           == APR_SUCCESS ? OK : HTTP_INTERNAL_SERVER_ERROR;
}

static void clock_register_hooks(apr_pool_t *p)
{
    (void)p;
    ap_hook_post_config(clock_post_config, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_child_init(clock_child_init, NULL, NULL, APR_HOOK_LAST);
}

AP_DECLARE_MODULE(bench_clock) = {
    STANDARD20_MODULE_STUFF,
    NULL,                       /* create per-directory config */
    NULL,                       /* merge per-directory config */
    NULL,                       /* create per-server config */
    NULL,                       /* merge per-server config */
    clock_directives,
    clock_register_hooks
};

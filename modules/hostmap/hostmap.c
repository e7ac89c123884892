/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file hostmap.c
 * @brief A path that is served from: notices that its file was replaced,
 *        switches to the new one, and keeps the last good one.
 *
 * State of a map, guarded by the registry's mutex, which is never held during
 * I/O:
 *
 * - current: the last file that could be opened, NULL before the first;
 * - fault, state, why: FAULT_NONE and APR_SUCCESS while the path leads to
 *   current, which can be read; else what is wrong.  HOSTMAP_EBUSY before the
 *   path is checked for the first time, and while a writer has the file locked.
 *
 * Each look-up takes a reference on current, so that a file which was replaced
 * is closed by the last look-up that reads it.  Once an interval one look-up
 * checks the path, and opens a new file that it finds there; the others do not
 * wait for it.  All look-ups of one question are done in one file.
 */

#include "hostmap.h"

#include "base/limit.h"
#include "hostmap/store/hostmap_provider.h"

#include "apr_atomic.h"
#include "apr_strings.h"
#include "apr_thread_cond.h"
#include "apr_thread_mutex.h"

#include <stdarg.h>
#include <string.h>

/* A file that could not be opened is tried again when its mtime or inode has
 * changed, or after this time. */
#define RETRY_AFTER apr_time_from_sec(1)

/* While one look-up checks the path the others use the current file, unless the
 * last check is older than the interval by more than this: after an idle hour
 * the file may have been replaced long ago. */
#define UNSEEN_MAX apr_time_from_msec(100)

/* How often a look-up that waits for a writer tries again. */
#define BUSY_POLL apr_time_from_msec(5)

/* A moment that lies this much further ahead than it was ever set to shows that
 * the clock was set back.  Less may be a thread that read the clock early. */
#define SET_BACK apr_time_from_sec(1)

typedef enum {
    FAULT_NONE,
    /* what the path leads to cannot be opened */
    FAULT_PATH,
    /* the current file could be opened, but a look-up in it failed */
    FAULT_READ
} map_fault;

struct hostmap {
    hostmap_registry *registry;
    hostmap *next;
    const char *path;
    const char *type;
    apr_interval_time_t interval;
    int verify;

    hostmap_file *current;
    map_fault fault;
    apr_status_t state;
    hostmap_reason why;
    /* the file that could not be opened, if has_bad */
    hostmap_id bad;
    int has_bad;
    apr_time_t retry_at;
    apr_time_t check_at;
    int checking;
    apr_thread_cond_t *checked;

    hostmap_limit fault_limit;

    /* for hostmap_facts_get() */
    apr_uint64_t replaced;
    apr_time_t fault_since;
    apr_interval_time_t broken;
    apr_interval_time_t busy;
    hostmap_reason last_error;
    apr_time_t last_error_at;
};

struct hostmap_registry {
    apr_pool_t *pool;
    apr_thread_mutex_t *mutex;
    hostmap_log_fn *log;
    void *baton;
    hostmap *maps;
    hostmap_file *files;        /* all that are open */
};

/* ---- messages ---------------------------------------------------------- */

static void map_log(hostmap *map, hostmap_log_level level,
                    const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void map_log(hostmap *map, hostmap_log_level level,
                    const char *format, ...)
{
    char line[1024];
    int len;
    va_list ap;

    len = apr_snprintf(line, sizeof(line), "map %.500s: ", map->path);
    va_start(ap, format);
    apr_vsnprintf(line + len, sizeof(line) - len, format, ap);
    va_end(ap);
    map->registry->log(map->registry->baton, level, line);
}

/* Called for a new fault and for every look-up that it breaks, so the count is
 * the number of failed look-ups. */
static void map_log_fault(hostmap *map, const hostmap_reason *why,
                          const char *now)
{
    apr_uint32_t suppressed;

    if (!hostmap_limit_pass(&map->fault_limit, &suppressed, apr_time_now())) {
        return;
    }
    if (suppressed) {
        map_log(map, HOSTMAP_LOG_ERR, "%s%s (%u look-ups failed since this "
                "was last logged)", why->text, now, suppressed);
    }
    else {
        map_log(map, HOSTMAP_LOG_ERR, "%s%s", why->text, now);
    }
}

static void map_log_opened(hostmap *map, hostmap_file *file)
{
    hostmap_stat st;

    hostmap_file_stat(file, &st);
    if (st.entries >= 0) {
        map_log(map, HOSTMAP_LOG_INFO, "now %s, %" APR_INT64_T_FMT
                " entries, %" APR_OFF_T_FMT " bytes", st.type, st.entries,
                st.size);
    }
    else {
        map_log(map, HOSTMAP_LOG_INFO, "now %s, %" APR_OFF_T_FMT " bytes",
                st.type, st.size);
    }
}

/* ---- open files, shared by maps ---------------------------------------- */

/* The fields refs, next and features of a hostmap_file belong to this file. */

static void map_file_release(hostmap_registry *registry, hostmap_file *file)
{
    hostmap_file **at;
    int last;

    if (!file) {
        return;
    }
    apr_thread_mutex_lock(registry->mutex);
    last = --file->refs == 0;
    if (last) {
        for (at = &registry->files; *at != file; at = &(*at)->next) {
            continue;
        }
        *at = file->next;
    }
    apr_thread_mutex_unlock(registry->mutex);
    if (last) {
        hostmap_file_close(file);
    }
}

/* A file that another map has opened already, found by its identity. */
static hostmap_file *map_file_shared(hostmap_registry *registry,
                                     const hostmap_id *id,
                                     const hostmap_provider *provider)
{
    hostmap_file *file;

    apr_thread_mutex_lock(registry->mutex);
    for (file = registry->files; file; file = file->next) {
        if (file->provider == provider && hostmap_id_equal(&file->id, id)) {
            file->refs++;
            break;
        }
    }
    apr_thread_mutex_unlock(registry->mutex);
    return file;
}

static void map_file_share(hostmap_registry *registry, hostmap_file *file)
{
    apr_thread_mutex_lock(registry->mutex);
    file->refs = 1;
    file->next = registry->files;
    registry->files = file;
    apr_thread_mutex_unlock(registry->mutex);
}

/* ---- checking the path ------------------------------------------------- */

/* Finds which file the path leads to now. */
static apr_status_t map_look(hostmap *map, hostmap_id *id,
                             const hostmap_provider **provider,
                             apr_pool_t *pool, hostmap_reason *why)
{
    hostmap_names names;
    apr_status_t rv;

    /* Try the names of the current file first: that costs a stat, where
     * detecting the type reads the file. */
    if (map->current
        && hostmap_id_of(id, &map->current->names, pool, NULL) == APR_SUCCESS
        && hostmap_id_equal(id, &map->current->id)) {
        *provider = map->current->provider;
        return APR_SUCCESS;
    }
    rv = hostmap_provider_of(provider, map->path, map->type, pool, why);
    if (rv == APR_SUCCESS) {
        rv = hostmap_names_of(&names, *provider, map->path, pool, why);
    }
    if (rv == APR_SUCCESS) {
        rv = hostmap_id_of(id, &names, pool, why);
    }
    return rv;
}

/* How long the fault has lasted is added to the time of its kind. */
static void map_fault_account(hostmap *map, apr_time_t now)
{
    if (map->fault != FAULT_NONE && now > map->fault_since) {
        *(map->state == HOSTMAP_EBUSY ? &map->busy : &map->broken) +=
            now - map->fault_since;
    }
    map->fault_since = now;
}

static void map_fail(hostmap *map, map_fault fault, apr_status_t rv,
                     const hostmap_reason *why, const hostmap_id *id)
{
    apr_time_t now = apr_time_now();
    int is_new;

    apr_thread_mutex_lock(map->registry->mutex);
    map_fault_account(map, now);
    if (rv != HOSTMAP_EBUSY) {
        map->last_error = *why;
        map->last_error_at = now;
    }
    is_new = map->fault == FAULT_NONE || map->state != rv;
    map->fault = fault;
    map->state = rv;
    map->why = *why;
    map->has_bad = id != NULL;
    if (id) {
        map->bad = *id;
    }
    map->retry_at = now + RETRY_AFTER;
    apr_thread_mutex_unlock(map->registry->mutex);
    if (rv == HOSTMAP_EBUSY) {
        map_log(map, HOSTMAP_LOG_DEBUG, "%s", why->text);
    }
    else if (is_new && fault == FAULT_PATH) {
        map_log_fault(map, why, map->current ? "; what is known of the "
                      "previous file is still served" : "");
    }
}

static void map_switch(hostmap *map, hostmap_file *file)
{
    hostmap_file *old;
    int was_broken;

    apr_thread_mutex_lock(map->registry->mutex);
    old = map->current;
    map->replaced += old != NULL;
    map_fault_account(map, apr_time_now());
    was_broken = map->fault == FAULT_PATH;
    map->current = file;
    map->fault = FAULT_NONE;
    map->state = APR_SUCCESS;
    map->has_bad = 0;
    apr_thread_mutex_unlock(map->registry->mutex);
    if (was_broken) {
        /* log the next fault at once, however soon it comes */
        apr_atomic_set32(&map->fault_limit.until, 0);
    }
    map_log_opened(map, file);
    map_file_release(map->registry, old);
}

/* Has this moment come, which lay `ahead` when it was set?  With a clock that
 * was set back it has: else it would not come for as long as the jump. */
static int map_is_due(apr_time_t at, apr_interval_time_t ahead, apr_time_t now)
{
    return now >= at || at - now > ahead + SET_BACK;
}

/* The path leads to the current file, still or again. */
static void map_stay(hostmap *map)
{
    apr_thread_mutex_lock(map->registry->mutex);
    if (map->fault == FAULT_PATH
        || (map->fault == FAULT_READ
            && map_is_due(map->retry_at, RETRY_AFTER, apr_time_now()))) {
        map_fault_account(map, apr_time_now());
        map->fault = FAULT_NONE;
        map->state = APR_SUCCESS;
        map->has_bad = 0;
    }
    apr_thread_mutex_unlock(map->registry->mutex);
}

static int map_is_known_bad(hostmap *map, const hostmap_id *id)
{
    int known;

    apr_thread_mutex_lock(map->registry->mutex);
    known = map->has_bad && hostmap_id_equal(id, &map->bad)
            && !map_is_due(map->retry_at, RETRY_AFTER, apr_time_now());
    apr_thread_mutex_unlock(map->registry->mutex);
    return known;
}

/* The features are known before the first look-up. */
static apr_status_t map_file_open(hostmap_file **file, hostmap *map,
                                  apr_pool_t *pool, hostmap_reason *why)
{
    apr_status_t rv;

    rv = hostmap_file_open(file, map->path, map->type, pool, why);
    if (rv == APR_SUCCESS) {
        /* before the first look into its tree */
        if (map->verify) {
            rv = hostmap_file_verify(*file, why);
        }
        if (rv == APR_SUCCESS) {
            rv = hostmap_file_features(*file, &(*file)->features, pool, why);
        }
        if (rv != APR_SUCCESS) {
            hostmap_file_close(*file);
        }
    }
    /* It was replaced in the meantime, so a writer is at work: no fault. */
    return rv == HOSTMAP_ESTALE ? HOSTMAP_EBUSY : rv;
}

/* Only one thread at a time is here (map->checking), and only it changes
 * map->current and map->bad. */
static void map_check(hostmap *map, apr_pool_t *pool)
{
    const hostmap_provider *provider;
    hostmap_file *file;
    hostmap_reason why;
    hostmap_id id;
    apr_status_t rv;

    rv = map_look(map, &id, &provider, pool, &why);
    if (rv != APR_SUCCESS) {
        map_fail(map, FAULT_PATH, rv, &why, NULL);
        return;
    }
    if (map->current && hostmap_id_equal(&id, &map->current->id)) {
        map_stay(map);
        return;
    }
    if (map_is_known_bad(map, &id)) {
        return;
    }
    file = map_file_shared(map->registry, &id, provider);
    if (!file) {
        rv = map_file_open(&file, map, pool, &why);
        if (rv != APR_SUCCESS) {
            /* nothing says when a writer will be done: try again at once */
            map_fail(map, FAULT_PATH, rv, &why,
                     rv == HOSTMAP_EBUSY ? NULL : &id);
            return;
        }
        map_file_share(map->registry, file);
    }
    map_switch(map, file);
}

/* With the mutex held, which is released during the check. */
static void map_check_locked(hostmap *map, apr_pool_t *pool)
{
    apr_pool_t *scratch;

    map->checking = 1;
    apr_thread_mutex_unlock(map->registry->mutex);
    apr_pool_create(&scratch, pool);
    map_check(map, scratch);
    apr_pool_destroy(scratch);
    apr_thread_mutex_lock(map->registry->mutex);
    map->check_at = apr_time_now()
                    + (map->state == HOSTMAP_EBUSY ? BUSY_POLL
                                                   : map->interval);
    map->checking = 0;
    apr_thread_cond_broadcast(map->checked);
}

/* With the mutex held. */
static void map_wait_for_check(hostmap *map, apr_time_t now)
{
    apr_time_t deadline = now + hostmap_busy_wait;

    while (map->checking && now - map->check_at > UNSEEN_MAX
           && now < deadline) {
        apr_thread_cond_timedwait(map->checked, map->registry->mutex,
                                  deadline - now);
        now = apr_time_now();
    }
}

/* ---- looking up -------------------------------------------------------- */

/* How the entries of a file are read: by its provider's fetch or recall.  Both
 * are called directly, past hostmap_file_fetch(): hostmap_find() has checked
 * the length of the host, and hostmap_match() makes no longer keys. */
typedef apr_status_t map_fetch_fn(hostmap_file *file, hostmap_str *value,
                                  hostmap_str key, apr_pool_t *pool,
                                  hostmap_reason *why);

typedef struct map_question {
    hostmap_str host;
    /* NULL: the host is looked up and nothing else */
    const char *path;
    hostmap_matched *found;
    apr_pool_t *pool;
    hostmap_reason *why;
    hostmap_file *file;
    map_fetch_fn *fetch;
} map_question;

/* hostmap_match_fn */
static apr_status_t map_ask_key(void *baton, hostmap_str *value,
                                hostmap_str key)
{
    map_question *q = baton;

    return q->fetch(q->file, value, key, q->pool, q->why);
}

static apr_status_t map_ask(map_question *q)
{
    hostmap_matched *found = q->found;
    hostmap_matcher map = { q->file->features, map_ask_key, q };
    apr_status_t rv;

    if (q->path && q->file->features) {
        return hostmap_match(found, &map, q->host, hostmap_str_text(q->path));
    }
    found->kind = HOSTMAP_MATCH_EXACT;
    found->key_len = found->host_len = q->host.len;
    found->lookups = 1;
    memcpy(found->key, q->host.ptr, q->host.len);
    found->key[q->host.len] = '\0';
    rv = map_ask_key(q, &found->value, q->host);
    return rv == APR_SUCCESS ? hostmap_match_group(found, &map) : rv;
}

/* Asks the current file, or what is still known of it. */
static apr_status_t map_ask_once(hostmap *map, int force, apr_time_t now,
                                 map_question *q)
{
    hostmap_registry *registry = map->registry;
    hostmap_reason unknown, *why = q->why;
    hostmap_file *file;
    apr_status_t state, rv;

    apr_thread_mutex_lock(registry->mutex);
    if (!map->checking
        && (force || map_is_due(map->check_at, map->interval, now))) {
        map_check_locked(map, q->pool);
    }
    map_wait_for_check(map, now);
    file = map->current;
    if (file) {
        file->refs++;
    }
    state = map->state;
    if (state != APR_SUCCESS) {
        *why = map->why;
    }
    apr_thread_mutex_unlock(registry->mutex);

    if (!file) {
        return state;
    }
    q->file = file;
    if (state == APR_SUCCESS) {
        q->fetch = file->provider->fetch;
        rv = map_ask(q);
    }
    else {
        q->fetch = file->provider->recall;
        q->why = &unknown;
        rv = map_ask(q);
        q->why = why;
        if (rv == HOSTMAP_ESTALE) {
            rv = state;
        }
    }
    map_file_release(registry, file);
    if (rv != APR_SUCCESS && rv != APR_NOTFOUND && rv != HOSTMAP_EBUSY
        && rv != HOSTMAP_ESTALE && state == APR_SUCCESS) {
        map_fail(map, FAULT_READ, rv, why, NULL);
    }
    return rv;
}

static apr_status_t map_ask_until_answered(hostmap *map, map_question *q)
{
    apr_time_t now = apr_time_now();
    apr_time_t deadline = now + hostmap_busy_wait;
    hostmap_reason why;
    apr_status_t rv;
    int force = 0;

    q->why = &why;
    for (;;) {
        rv = map_ask_once(map, force, now, q);
        if (rv == APR_SUCCESS || rv == APR_NOTFOUND) {
            return rv;
        }
        if (rv != HOSTMAP_EBUSY && rv != HOSTMAP_ESTALE) {
            break;
        }
        now = apr_time_now();
        if (now + BUSY_POLL >= deadline) {
            rv = HOSTMAP_EBUSY;
            break;
        }
        /* An outdated file is a reason to check the path at once; another
         * thread may be doing so. */
        if (rv == HOSTMAP_EBUSY || force) {
            apr_sleep(BUSY_POLL);
        }
        force = 1;
    }
    map_log_fault(map, &why, "");
    return rv;
}

apr_status_t hostmap_find(hostmap *map, hostmap_matched *found,
                          hostmap_str host, const char *path,
                          apr_pool_t *pool)
{
    map_question q;

    if (host.len == 0 || host.len > HOSTMAP_KEY_MAX) {
        return APR_NOTFOUND;
    }
    q.host = host;
    q.path = path;
    q.found = found;
    q.pool = pool;
    return map_ask_until_answered(map, &q);
}

apr_status_t hostmap_lookup(hostmap *map, hostmap_str *value, hostmap_str key,
                            apr_pool_t *pool)
{
    hostmap_matched found;
    apr_status_t rv;

    rv = hostmap_find(map, &found, key, NULL, pool);
    if (rv == APR_SUCCESS) {
        *value = found.value;
    }
    return rv;
}

/* ---- facts ------------------------------------------------------------- */

void hostmap_facts_get(hostmap *map, hostmap_facts *facts)
{
    apr_thread_mutex_t *mutex = map->registry->mutex;
    hostmap_file *file;

    memset(facts, 0, sizeof(*facts));
    apr_thread_mutex_lock(mutex);
    if (map->fault != FAULT_NONE) {
        map_fault_account(map, apr_time_now());
    }
    facts->state = map->fault != FAULT_NONE
                   ? map->state == HOSTMAP_EBUSY ? HOSTMAP_IS_BUSY
                                                 : HOSTMAP_IS_BROKEN
                   : map->current ? HOSTMAP_IS_OK : HOSTMAP_IS_UNREAD;
    facts->replaced = map->replaced;
    facts->broken = map->broken;
    facts->busy = map->busy;
    facts->last_error = map->last_error;
    facts->last_error_at = map->last_error_at;
    file = map->current;
    if (file) {
        file->refs++;
    }
    apr_thread_mutex_unlock(mutex);
    facts->file.entries = -1;
    if (file) {
        hostmap_file_stat(file, &facts->file);
        map_file_release(map->registry, file);
    }
}

/* ---- lifecycle --------------------------------------------------------- */

static apr_status_t map_registry_cleanup(void *data)
{
    hostmap_registry *registry = data;
    hostmap *map;

    for (map = registry->maps; map; map = map->next) {
        map_file_release(registry, map->current);
        map->current = NULL;
    }
    return APR_SUCCESS;
}

apr_status_t hostmap_registry_create(hostmap_registry **out,
                                     hostmap_log_fn *log, void *baton,
                                     apr_pool_t *pool)
{
    hostmap_registry *registry = apr_pcalloc(pool, sizeof(*registry));
    apr_status_t rv;

    registry->pool = pool;
    registry->log = log;
    registry->baton = baton;
    rv = apr_thread_mutex_create(&registry->mutex, APR_THREAD_MUTEX_DEFAULT,
                                 pool);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    apr_pool_cleanup_register(pool, registry, map_registry_cleanup,
                              apr_pool_cleanup_null);
    *out = registry;
    return APR_SUCCESS;
}

apr_status_t hostmap_open(hostmap **out, hostmap_registry *registry,
                          const char *path, const char *type,
                          apr_interval_time_t interval)
{
    hostmap *map;
    apr_status_t rv;

    type = type ? type : "default";
    for (map = registry->maps; map; map = map->next) {
        if (strcmp(map->path, path) == 0 && strcmp(map->type, type) == 0
            && map->interval == interval) {
            *out = map;
            return APR_SUCCESS;
        }
    }
    map = apr_pcalloc(registry->pool, sizeof(*map));
    rv = apr_thread_cond_create(&map->checked, registry->pool);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    map->registry = registry;
    map->path = apr_pstrdup(registry->pool, path);
    map->type = apr_pstrdup(registry->pool, type);
    map->interval = interval;
    /* Look-ups that come while the first one opens the file wait for it. */
    map->state = HOSTMAP_EBUSY;
    hostmap_fail(&map->why, HOSTMAP_EBUSY, "not open yet");
    map->next = registry->maps;
    registry->maps = map;
    *out = map;
    return APR_SUCCESS;
}

void hostmap_verify(hostmap *map)
{
    map->verify = 1;
}

/* SPDX-License-Identifier: Apache-2.0 */

/*
 * push.c: `hostmap push`, a store becomes like a text or a map, or some of its
 * entries become others.
 */

#include "verbs.h"

#include <string.h>

#include "apr_strings.h"

#include "json.h"
#include "progress.h"
#include "entries/sort.h"
#include "entries/source.h"
#include "entries/stream.h"
#include "store.h"

/* Changes of a transaction. */
#define TRANSACTION 1000

typedef struct pushing {
    tool *t;
    verb_store s;
    const char *path;
    /** of SOURCE or DIFF; NULL: SOURCE is a map */
    source *text;
    stream *from;
    /** what the store holds, what it lacks: an empty value goes */
    pairs *held, *lacks;
    comparison with;
    apr_status_t failed;
    int has_log;
} pushing;

/* ---- what is different ------------------------------------------------- */

static int open_source(pushing *p)
{
    hostmap_reason why = { "" };
    const char *type;
    apr_status_t rv = HOSTMAP_EFORMAT;

    if (strcmp(p->path, "-") != 0) {
        rv = hostmap_type_of(&type, p->path, NULL, p->t->pool, &why);
    }
    if (rv == HOSTMAP_EFORMAT) {
        if (tool_read_source(&p->text, p->t, p->path, "lmdb", 0)
            != TOOL_DONE) {
            return TOOL_FAILED;
        }
        p->from = stream_text(p->text, p->t->pool);
        return TOOL_DONE;
    }
    if (rv == APR_SUCCESS) {
        rv = stream_map(&p->from, p->path, type, p->t->pool, &why);
    }

    return rv == APR_SUCCESS ? TOOL_DONE
                             : tool_file_error(p->path, rv, &why);
}

static int source_is_right(const pushing *p)
{
    if (!p->text || !source_bad(p->text)) {
        return TOOL_DONE;
    }
    source_summary(p->text);

    return tool_error("%s: %" APR_SIZE_T_FMT " wrong line%s, %s was not "
                      "changed", p->path, source_bad(p->text),
                      source_bad(p->text) == 1 ? "" : "s", p->s.name);
}

/* hostmap_each_fn */
static apr_status_t collect(void *baton, hostmap_str key, hostmap_str value)
{
    return pairs_add(((pushing *)baton)->held, key, value);
}

/* compare_fn */
static void note(void *baton, const hostmap_pair *old,
                 const hostmap_pair *new)
{
    pushing *p = baton;
    apr_status_t rv;

    rv = pairs_add(p->lacks, old ? old->key : new->key,
                   new ? new->value : hostmap_str_of("", 0));
    if (rv != APR_SUCCESS) {
        p->failed = rv;
    }
}

/* HSCAN may give an entry out twice; which one is older is not known, and the
 * source's is written if one of them is another. */
static apr_status_t compare_all(pushing *p, hostmap_reason *why)
{
    hostmap_pair pair;
    apr_status_t rv;

    p->lacks = pairs_create(p->t->pool);
    rv = compare_begin(&p->with, stream_pairs(p->held, p->t->pool), note, p,
                       why);
    while (rv == APR_SUCCESS) {
        rv = stream_next(p->from, &pair, why);
        if (rv == APR_SUCCESS) {
            rv = compare_new(&p->with, &pair, why);
        }
        if (rv == APR_SUCCESS) {
            rv = p->failed;
        }
    }
    if (rv == APR_EOF) {
        rv = compare_end(&p->with, why);
    }
    if (rv == APR_SUCCESS) {
        rv = p->failed;
    }

    return rv == APR_SUCCESS ? pairs_finish(p->lacks) : rv;
}

static apr_status_t read_store(pushing *p, hostmap_reason *why)
{
    const follow_provider *provider = p->s.store->provider;
    follow_position end;
    apr_time_t time;
    apr_status_t rv;

    rv = provider->end(p->s.store, &end, &time, why);
    p->has_log = rv == APR_SUCCESS;
    if (rv != APR_SUCCESS && rv != FOLLOW_ENOLOG) {
        return rv;
    }
    p->held = pairs_create(p->t->pool);
    rv = provider->snapshot(p->s.store, NULL, collect, p, why);

    return rv == APR_SUCCESS ? pairs_finish(p->held) : rv;
}

/* ---- writing ----------------------------------------------------------- */

static int removes_too_much(const pushing *p)
{
    const comparison *with = &p->with;
    apr_int64_t before = (apr_int64_t)(with->removed + with->changed
                                       + with->same);

    if (!follow_removes_too_much((apr_int64_t)with->removed, before,
                                 p->t->percent)) {
        return TOOL_DONE;
    }

    return tool_error("%s: %" APR_SIZE_T_FMT " of %" APR_INT64_T_FMT
                      " entries would be removed: it was not changed; if "
                      "that is meant, say --max-removed 100", p->s.name,
                      with->removed, before);
}

static apr_status_t write_some(pushing *p, const follow_write *changes,
                               apr_size_t count, hostmap_reason *why)
{
    apr_size_t failed;
    apr_status_t rv;
    int tries = 0;

    do {
        rv = p->s.store->provider->write(p->s.store, changes, count, &failed,
                                         why);
        /* others write as well */
    } while (rv == FOLLOW_ECONFLICT && ++tries < 100);

    return rv == FOLLOW_ECONFLICT
           ? follow_fail(why, rv, "others write to the store all the time")
           : rv;
}

static apr_status_t write_all(pushing *p, hostmap_reason *why)
{
    follow_write changes[TRANSACTION];
    apr_size_t count = 0;
    hostmap_pair pair;
    apr_pool_t *pool;
    apr_status_t rv;
    progress shown;

    apr_pool_create(&pool, p->t->pool);
    progress_begin(&shown, "writing", pairs_count(p->lacks));
    rv = p->has_log ? APR_SUCCESS : write_some(p, NULL, 0, why);
    while (rv == APR_SUCCESS) {
        rv = pairs_next(p->lacks, &pair);
        if (rv == APR_SUCCESS) {
            follow_write *change = &changes[count++];

            change->key = hostmap_str_of(apr_pstrmemdup(pool, pair.key.ptr,
                                                        pair.key.len),
                                         pair.key.len);
            change->value = hostmap_str_of(apr_pstrmemdup(pool,
                                                          pair.value.ptr,
                                                          pair.value.len),
                                           pair.value.len);
            change->old = hostmap_str_of(NULL, 0);
            progress_row(&shown, shown.rows);
        }
        if (count == TRANSACTION || (rv == APR_EOF && count)) {
            apr_status_t written = write_some(p, changes, count, why);

            count = 0;
            apr_pool_clear(pool);
            rv = written == APR_SUCCESS ? rv : written;
        }
    }
    progress_end(&shown);

    return rv == APR_EOF ? APR_SUCCESS : rv;
}

static void report(const pushing *p)
{
    const comparison *with = &p->with;
    int dry = (p->t->flags & TOOL_DRY_RUN) != 0;
    json j;

    if (!(p->t->flags & TOOL_JSON)) {
        tool_report(p->t, "%s: %" APR_SIZE_T_FMT " added, %" APR_SIZE_T_FMT
                    " changed, %" APR_SIZE_T_FMT " removed, %" APR_SIZE_T_FMT
                    " same%s\n", p->s.name, with->added, with->changed,
                    with->removed, with->same, dry ? " (not written)" : "");
        return;
    }
    json_begin(&j);
    json_string(&j, "store", p->s.name);
    json_number(&j, "added", (apr_int64_t)with->added);
    json_number(&j, "changed", (apr_int64_t)with->changed);
    json_number(&j, "removed", (apr_int64_t)with->removed);
    json_number(&j, "same", (apr_int64_t)with->same);
    json_truth(&j, "written", !dry);
    json_end(&j);
}

static int push_source(pushing *p)
{
    hostmap_reason why = { "" };
    apr_status_t rv;

    if (open_source(p) != TOOL_DONE || source_is_right(p) != TOOL_DONE) {
        return TOOL_FAILED;
    }
    rv = read_store(p, &why);
    if (rv == APR_SUCCESS) {
        rv = compare_all(p, &why);
    }
    if (rv != APR_SUCCESS) {
        return verb_store_failed(&p->s, rv, &why);
    }
    /* a large text shows its last faults at its end */
    if (source_is_right(p) != TOOL_DONE || removes_too_much(p) != TOOL_DONE) {
        return TOOL_FAILED;
    }
    if (!(p->t->flags & TOOL_DRY_RUN)) {
        rv = write_all(p, &why);
    }
    if (rv != APR_SUCCESS) {
        return verb_store_failed(&p->s, rv, &why);
    }
    report(p);

    return TOOL_DONE;
}

/* ---- a diff ------------------------------------------------------------ */

static hostmap_str copy(pushing *p, const char *bytes, apr_size_t len)
{
    return hostmap_str_of(apr_pstrmemdup(p->t->pool, bytes, len), len);
}

/* The lines of a key become one change: a `-` line is what is there, a `+`
 * line what is to be there. */
static apr_size_t read_diff(pushing *p, follow_write *changes)
{
    apr_size_t count = 0;
    source_entry e;

    while (source_next(p->text, &e)) {
        follow_write *last = count ? &changes[count - 1] : NULL;
        hostmap_str value = copy(p, e.value + 1, e.value_len - 1);

        if (!last || last->key.len != e.key_len
            || memcmp(last->key.ptr, e.key, e.key_len) != 0) {
            last = &changes[count++];
            last->key = copy(p, e.key, e.key_len);
            last->value = last->old = hostmap_str_of("", 0);
        }
        if (e.value[0] == '-') {
            last->old = value;
        }
        else {
            last->value = value;
        }
    }

    return count;
}

static int diff_conflict(const pushing *p, const follow_write *changes,
                         apr_size_t failed, apr_size_t count)
{
    const follow_write *change = &changes[failed];

    if (failed == count) {
        return tool_error("%s: others write to the store all the time, "
                          "nothing was changed", p->s.name);
    }

    return tool_error("%s: %.*s: %s, nothing was changed", p->path,
                      (int)change->key.len, change->key.ptr, change->old.len
                      ? "the store has no such entry, or another value"
                      : "the store has an entry of this key already");
}

static int push_diff(pushing *p)
{
    hostmap_reason why = { "" };
    follow_write *changes;
    apr_size_t count, failed = 0;
    apr_status_t rv = APR_SUCCESS;
    int tries = 0;

    if (tool_read_source(&p->text, p->t, p->path, "lmdb", SOURCE_DIFF)
        != TOOL_DONE || source_is_right(p) != TOOL_DONE) {
        return TOOL_FAILED;
    }
    changes = apr_palloc(p->t->pool, (source_count(p->text) + 1)
                                     * sizeof(*changes));
    count = read_diff(p, changes);
    if (source_is_right(p) != TOOL_DONE) {
        return TOOL_FAILED;
    }
    while (count && !(p->t->flags & TOOL_DRY_RUN)) {
        rv = p->s.store->provider->write(p->s.store, changes, count, &failed,
                                         &why);
        if (rv != FOLLOW_ECONFLICT || failed < count || ++tries == 100) {
            break;
        }
    }
    if (rv == FOLLOW_ECONFLICT) {
        return diff_conflict(p, changes, failed, count);
    }
    if (rv != APR_SUCCESS) {
        return verb_store_failed(&p->s, rv, &why);
    }
    tool_report(p->t, "%s: %" APR_SIZE_T_FMT " entries changed%s\n",
                p->s.name, count, p->t->flags & TOOL_DRY_RUN
                ? " (not written)" : "");

    return TOOL_DONE;
}

int tool_push(tool *t)
{
    const char *diff = t->store[TOOL_STORE_DIFF];
    pushing p;
    int status;

    memset(&p, 0, sizeof(p));
    p.t = t;
    if (t->count != (diff ? 1 : 2)) {
        return tool_error("push: expected SOURCE URL, or --diff DIFF URL");
    }
    p.path = diff ? diff : t->operands[0];
    if (verb_store_open(&p.s, t, t->operands[t->count - 1]) != TOOL_DONE) {
        return TOOL_FAILED;
    }
    if (!p.s.store->provider->write) {
        return tool_error("%s: push does not write there: it is the truth "
                          "that your application writes, and its log is "
                          "written by a trigger; `hostmap apply` and `build` "
                          "are for maps", p.s.name);
    }
    status = verb_store_connect(&p.s);
    if (status == TOOL_DONE) {
        status = diff ? push_diff(&p) : push_source(&p);
    }
    p.s.store->provider->close(p.s.store);

    return status;
}

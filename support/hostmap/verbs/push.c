/* SPDX-License-Identifier: Apache-2.0 */

/*
 * push.c: `hostmap push`, a store becomes like a text or a map, or some of its
 * entries become others.
 */

#include "verbs.h"

#include <string.h>

#include "apr_strings.h"

#include "json.h"
#include "entries/source.h"
#include "entries/stream.h"
#include "follow/fill.h"
#include "store.h"

typedef struct pushing {
    tool *t;
    verb_store s;
    const char *path;
    /** of SOURCE or DIFF; NULL: SOURCE is a map */
    source *text;
    stream *from;
    follow_fill fill;
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

static int removes_too_much(const pushing *p)
{
    const comparison *with = &p->fill.with;

    if (!follow_fill_removes_too_much(&p->fill, p->t->percent)) {
        return TOOL_DONE;
    }

    return tool_error("%s: %" APR_SIZE_T_FMT " of %" APR_SIZE_T_FMT
                      " entries would be removed: it was not changed; if "
                      "that is meant, say --max-removed 100", p->s.name,
                      with->removed, with->removed + with->changed
                                     + with->same);
}

static void report(const pushing *p)
{
    const comparison *with = &p->fill.with;
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
    p->fill.store = p->s.store;
    rv = follow_fill_compare(&p->fill, p->from, p->t->pool, &why);
    if (rv != APR_SUCCESS) {
        return verb_store_failed(&p->s, rv, &why);
    }
    /* a large text shows its last faults at its end */
    if (source_is_right(p) != TOOL_DONE || removes_too_much(p) != TOOL_DONE) {
        return TOOL_FAILED;
    }
    if (!(p->t->flags & TOOL_DRY_RUN)) {
        rv = follow_fill_write(&p->fill, p->t->pool, &why);
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
        follow_writes writes = { changes, &count, 1, NULL, NULL, NULL };

        rv = p->s.store->provider->write(p->s.store, &writes, &failed, &why);
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

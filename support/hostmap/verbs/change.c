/* SPDX-License-Identifier: Apache-2.0 */

/*
 * change.c: `hostmap set`, `hostmap delete` and `hostmap apply` change some
 * entries of a map.  All or nothing: the map is copied, the copy is changed and
 * renamed over it.
 */

#include "verbs.h"

#include <string.h>

#include "apr_strings.h"

#include "idn.h"
#include "entries/groups.h"
#include "progress.h"
#include "entries/sort.h"
#include "entries/source.h"
#include "hostmap/store/hostmap_writer.h"

/* How many missing keys are reported one by one. */
#define REPORT_MAX    100

typedef struct change {
    tool *t;
    const char *path;
    source *s;
    hostmap_writer *writer;
    apr_size_t added, changed, removed, same, missing;
    /** apply: the key of a `-` line, to be removed if no `+` line follows */
    char *leaving;
    apr_size_t leaving_len;
    /** those that entries name, and those that are taken out */
    groups groups;
} change;

/* ---- what is wanted ---------------------------------------------------- */

/* The words after the map, as one line, or as a line each. */
static int change_take_words(change *c, const char *type, unsigned flags,
                             char between)
{
    char *text = apr_pstrdup(c->t->pool, "");
    apr_status_t rv;
    int i;

    for (i = 1; i < c->t->count; i++) {
        const char *word = c->t->operands[i];
        int is_key = i == 1 || between == '\n';

        if (is_key && (!*word || *word == '#' || strpbrk(word, " \t\r\n"))) {
            return tool_error("`%s` is not a key: expected a word without "
                              "blanks", word);
        }
        if (strchr(word, '\n')) {
            return tool_error("a value is one line");
        }
        text = apr_pstrcat(c->t->pool, text, word, i + 1 < c->t->count
                           ? apr_pstrmemdup(c->t->pool, &between, 1) : NULL,
                           NULL);
    }
    rv = source_take(&c->s, text, type, flags | tool_source_flags(c->t),
                     c->t->pool);

    return rv == APR_SUCCESS ? TOOL_DONE
                             : tool_file_error("command line", rv, NULL);
}

static int change_refuse(const change *c)
{
    source_summary(c->s);

    return tool_error("%s was not changed", c->path);
}

/* path: of a text, NULL: the words of the command line */
static int change_read(change *c, const char *path, unsigned flags,
                       char between)
{
    hostmap_reason why = { "" };
    const char *type;
    apr_status_t rv;
    int status;

    sort_beside(c->path);
    rv = tool_map_at(&type, c->path, c->t->pool, &why);
    if (APR_STATUS_IS_ENOENT(rv)) {
        return tool_error("%s: there is no map, `hostmap build` makes one",
                          c->path);
    }
    if (rv != APR_SUCCESS) {
        return tool_file_error(c->path, rv, &why);
    }
    status = path ? tool_read_source(&c->s, c->t, path, type, flags)
                  : change_take_words(c, type, flags, between);

    return status == TOOL_DONE && source_bad(c->s) ? change_refuse(c) : status;
}

/* `-` in place of words. */
static const char *change_lines_of(const tool *t)
{
    return t->count == 2 && strcmp(t->operands[1], "-") == 0 ? "-" : NULL;
}

/* ---- the change -------------------------------------------------------- */

/* Remove what a `-` line named. */
static apr_status_t change_leave(change *c, hostmap_reason *why)
{
    apr_size_t len = c->leaving_len;

    if (!len) {
        return APR_SUCCESS;
    }
    c->leaving_len = 0;
    c->removed++;
    groups_remove(&c->groups, hostmap_str_of(c->leaving, len));

    return hostmap_writer_remove(c->writer, hostmap_str_of(c->leaving, len),
                                 why);
}

typedef apr_status_t change_fn(change *c, const source_entry *e,
                               hostmap_reason *why);

static apr_status_t change_all(change *c, change_fn *fn, hostmap_reason *why)
{
    source_entry e;
    apr_status_t rv = APR_SUCCESS;
    progress p;

    progress_begin(&p, "changing", source_count(c->s));
    while (rv == APR_SUCCESS && source_next(c->s, &e)) {
        rv = fn(c, &e, why);
        progress_row(&p, p.rows);
    }
    progress_end(&p);

    if (rv == APR_SUCCESS) {
        rv = source_status(c->s);
    }

    return rv == APR_SUCCESS ? change_leave(c, why) : rv;
}

static int change_commit(change *c)
{
    hostmap_reason why = { "" };
    apr_status_t rv;

    if (!c->added && !c->changed && !c->removed) {
        hostmap_writer_abort(c->writer);
        return TOOL_DONE;
    }
    rv = hostmap_writer_commit(c->writer, &why);
    if (rv != APR_SUCCESS) {
        return tool_file_error(c->path, rv, &why);
    }
    tool_in_place(c->path);
    tool_file_warn(c->path, &why);
    tool_warn_exposed(c->path, c->t->pool);

    return TOOL_DONE;
}

/* Has a path lost its host? */
static int change_find_orphan(change *c)
{
    hostmap_reason why = { "" };
    hostmap_str key;
    apr_status_t rv;

    rv = hostmap_writer_orphan(c->writer, &key, &why);
    if (rv == APR_NOTFOUND) {
        return TOOL_DONE;
    }
    if (rv != APR_SUCCESS) {
        return tool_file_error(c->path, rv, &why);
    }
    tool_error("%s: a path needs its host's own entry, and %.*s would be left "
               "without: take it out as well, or set the host to `!`",
               c->path, (int)key.len, key.ptr);

    return change_refuse(c);
}

/* May the changed copy replace the map? */
static int change_judge(change *c)
{
    if (source_bad(c->s)) {
        return change_refuse(c);
    }

    if (c->missing) {
        return TOOL_NOT_FOUND;
    }
    if (groups_check(&c->groups, c->path, c->writer) != TOOL_DONE) {
        return change_refuse(c);
    }

    return change_find_orphan(c);
}

static int change_run(change *c, change_fn *fn)
{
    hostmap_writer_options options = { NULL, source_bytes(c->s),
                                       HOSTMAP_WRITER_CHANGE
                                       | tool_writer_flags(c->t) };
    hostmap_reason why = { "" };
    apr_status_t rv;
    int status;

    groups_begin(&c->groups, c->t->pool);
    rv = hostmap_writer_open(&c->writer, c->path, &options, c->t->pool, &why);
    if (rv != APR_SUCCESS) {
        return tool_file_error(c->path, rv, &why);
    }
    rv = change_all(c, fn, &why);
    status = rv == APR_SUCCESS ? change_judge(c)
                               : tool_file_error(c->path, rv, &why);
    if (status != TOOL_DONE) {
        hostmap_writer_abort(c->writer);
        return status;
    }

    return change_commit(c);
}

/* ---- set --------------------------------------------------------------- */

static hostmap_str change_key_of(const source_entry *e)
{
    return hostmap_str_of(e->key, e->key_len);
}

/* Is the host key of a path in the map by now?  It comes first among the keys
 * that are set. */
static apr_status_t change_has_host(change *c, const source_entry *e,
                                    hostmap_reason *why)
{
    hostmap_str host = change_key_of(e), value;

    host.len = hostmap_key_host_len(host);

    return host.len == e->key_len
           ? APR_SUCCESS : hostmap_writer_get(c->writer, &value, host, why);
}

static apr_status_t change_put(change *c, const source_entry *e,
                               hostmap_reason *why)
{
    apr_status_t rv;

    rv = change_has_host(c, e, why);
    if (rv == APR_NOTFOUND) {
        source_reject(c->s, e, "a path needs its host's own entry, set it "
                      "to `!` if there is no backend for the rest");
        return APR_SUCCESS;
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = hostmap_writer_put(c->writer, change_key_of(e),
                            hostmap_str_of(e->value, e->value_len), why);
    if (rv == APR_EINVAL) {
        source_reject(c->s, e, why->text);
        rv = APR_SUCCESS;
    }
    else if (rv == APR_SUCCESS) {
        groups_put(&c->groups, change_key_of(e),
                   hostmap_str_of(e->value, e->value_len));
    }

    return rv;
}

/* change_fn */
static apr_status_t change_set(change *c, const source_entry *e,
                               hostmap_reason *why)
{
    hostmap_str value;
    apr_status_t rv;

    rv = hostmap_writer_get(c->writer, &value, change_key_of(e), why);
    if (rv == APR_SUCCESS && value.len == e->value_len
        && memcmp(value.ptr, e->value, value.len) == 0) {
        c->same++;
        return APR_SUCCESS;
    }
    if (rv != APR_SUCCESS && rv != APR_NOTFOUND) {
        return rv;
    }
    ++*(rv == APR_SUCCESS ? &c->changed : &c->added);

    return change_put(c, e, why);
}

int tool_set(tool *t)
{
    change c;
    int status;

    memset(&c, 0, sizeof(c));
    c.t = t;
    c.path = t->operands[0];
    if (t->count == 2 && strcmp(t->operands[1], "-") != 0) {
        return tool_error("set: missing operands: expected a key and its "
                          "value, or `-`");
    }
    if (change_read(&c, change_lines_of(t), SOURCE_PART, ' ') != TOOL_DONE) {
        return TOOL_FAILED;
    }
    status = change_run(&c, change_set);
    if (status == TOOL_DONE) {
        tool_report(t, "%s: %" APR_SIZE_T_FMT " added, %" APR_SIZE_T_FMT
                    " changed, %" APR_SIZE_T_FMT " same\n", c.path, c.added,
                    c.changed, c.same);
    }

    return status;
}

/* ---- delete ------------------------------------------------------------ */

static void change_report_missing(change *c, const source_entry *e)
{
    if (++c->missing > REPORT_MAX) {
        return;
    }
    progress_clear();
    fprintf(stderr, "hostmap: %s: no entry for ", c->path);
    tool_write(stderr, e->key, e->key_len, 1);
    fputc('\n', stderr);
}

/* A name in UTF-8 is stored in punycode, unless others made the map. */
static apr_status_t change_remove_idn(change *c, const source_entry *e,
                                      hostmap_reason *why)
{
    char stored[HOSTMAP_KEY_MAX + 1];
    const char *reason;
    apr_size_t len;

    if (!idn_wanted(e->key, e->key_len)
        || idn_key(stored, &len, e->key, e->key_len, &reason)
           != APR_SUCCESS) {
        return APR_NOTFOUND;
    }

    return hostmap_writer_remove(c->writer, hostmap_str_of(stored, len), why);
}

/* change_fn */
static apr_status_t change_delete(change *c, const source_entry *e,
                                  hostmap_reason *why)
{
    apr_status_t rv;

    rv = hostmap_writer_remove(c->writer, change_key_of(e), why);
    if (rv == APR_NOTFOUND) {
        rv = change_remove_idn(c, e, why);
    }
    if (rv == APR_NOTFOUND) {
        change_report_missing(c, e);
        return APR_SUCCESS;
    }
    c->removed++;
    groups_remove(&c->groups, change_key_of(e));

    return rv;
}

int tool_delete(tool *t)
{
    change c;
    int status;

    memset(&c, 0, sizeof(c));
    c.t = t;
    c.path = t->operands[0];
    if (change_read(&c, change_lines_of(t), SOURCE_KEYS, '\n') != TOOL_DONE) {
        return TOOL_FAILED;
    }
    status = change_run(&c, change_delete);
    if (status == TOOL_DONE) {
        tool_report(t, "%s: %" APR_SIZE_T_FMT " removed\n", c.path,
                    c.removed);
    }
    else if (status == TOOL_NOT_FOUND) {
        tool_error("%s: %" APR_SIZE_T_FMT " of the keys %s no entry, nothing "
                   "was removed", c.path, c.missing,
                   c.missing == 1 ? "has" : "have");
    }

    return status;
}

/* ---- apply ------------------------------------------------------------- */

static int change_is_leaving(const change *c, const source_entry *e)
{
    return c->leaving_len == e->key_len
           && memcmp(c->leaving, e->key, e->key_len) == 0;
}

/* A `-` line: the map has just this entry. */
static apr_status_t change_apply_minus(change *c, const source_entry *e,
                                       hostmap_reason *why)
{
    hostmap_str value = { NULL, 0 };
    apr_status_t rv;

    rv = hostmap_writer_get(c->writer, &value, change_key_of(e), why);
    if (rv == APR_NOTFOUND) {
        source_reject(c->s, e, "the map has no entry of this key");
        return APR_SUCCESS;
    }
    if (rv == APR_SUCCESS
        && (value.len != e->value_len - 1
            || memcmp(value.ptr, e->value + 1, value.len) != 0)) {
        source_reject(c->s, e, "the map has another value for this key");
        return APR_SUCCESS;
    }
    if (e->key_len > HOSTMAP_KEY_MAX) {
        /* of a map that others made: it cannot come back */
        c->removed++;
        return hostmap_writer_remove(c->writer, change_key_of(e), why);
    }
    memcpy(c->leaving, e->key, e->key_len);
    c->leaving_len = e->key_len;

    return rv;
}

/* A `+` line: the map has no such entry, or the line before took it out. */
static apr_status_t change_apply_plus(change *c, const source_entry *e,
                                      hostmap_reason *why)
{
    source_entry entry = *e;
    hostmap_str value;
    apr_status_t rv = APR_NOTFOUND;

    if (c->leaving_len) {
        c->leaving_len = 0;
        c->changed++;
    }
    else {
        rv = hostmap_writer_get(c->writer, &value, change_key_of(e), why);
        c->added++;
    }
    if (rv == APR_SUCCESS) {
        source_reject(c->s, e, "the map has an entry of this key already");
        return APR_SUCCESS;
    }
    if (rv != APR_NOTFOUND) {
        return rv;
    }
    entry.value++;
    entry.value_len--;

    return change_put(c, &entry, why);
}

/* change_fn; the lines of a key come one after the other */
static apr_status_t change_apply(change *c, const source_entry *e,
                                 hostmap_reason *why)
{
    int is_plus = e->value[0] == '+';
    apr_status_t rv = APR_SUCCESS;

    if (c->leaving_len && !(is_plus && change_is_leaving(c, e))) {
        rv = change_leave(c, why);
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }

    return is_plus ? change_apply_plus(c, e, why)
                   : change_apply_minus(c, e, why);
}

int tool_apply(tool *t)
{
    char leaving[HOSTMAP_KEY_MAX];
    change c;
    int status;

    memset(&c, 0, sizeof(c));
    c.t = t;
    c.path = t->operands[0];
    c.leaving = leaving;
    if (change_read(&c, t->operands[1], SOURCE_DIFF, 0) != TOOL_DONE) {
        return TOOL_FAILED;
    }
    status = change_run(&c, change_apply);
    if (status == TOOL_DONE) {
        tool_report(t, "%s: %" APR_SIZE_T_FMT " added, %" APR_SIZE_T_FMT
                    " changed, %" APR_SIZE_T_FMT " removed\n", c.path,
                    c.added, c.changed, c.removed);
    }

    return status;
}

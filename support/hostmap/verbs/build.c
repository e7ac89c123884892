/* SPDX-License-Identifier: Apache-2.0 */

/*
 * build.c: `hostmap build`, a text becomes a map, which is compared
 * with the one that it replaces; for `hostmap convert` as well.
 */

#include "build.h"
#include "verbs.h"

#include <string.h>
#include <strings.h>

#include "json.h"
#include "entries/groups.h"
#include "progress.h"
#include "entries/sort.h"
#include "entries/source.h"
#include "entries/stream.h"
#include "hostmap/store/hostmap_writer.h"

/* A map of more entries than the first must not lose more than the second, in
 * percent, by accident. */
#define REMOVED_MAX_FROM    100
#define REMOVED_MAX_PERCENT 50

typedef struct building {
    tool *t;
    const char *path;
    const char *type;
    source *s;
    /** NULL: nothing is written */
    hostmap_writer *writer;
    /** with the existing map */
    comparison with;
    /** there is an old map, and it can be read */
    int is_there, is_compared;
    apr_size_t stored;
    /** those that entries name */
    groups groups;
} building;

/* ---- the type ---------------------------------------------------------- */

static int build_is_default(const char *wanted)
{
    return !wanted || strcasecmp(wanted, "default") == 0;
}

/* Files of sdbm and ndbm cannot be told apart. */
static int build_is_same_type(const char *wanted, const char *there)
{
    return strcmp(wanted, there) == 0
           || (strcmp(wanted, "ndbm") == 0 && strcmp(there, "sdbm") == 0);
}

/* The type of a new map. */
static apr_status_t build_new_type(const char **type, tool *t,
                                   hostmap_reason *why)
{
    if (t->type) {
        return hostmap_type_default(type, t->pool, why);
    }
    *type = "lmdb";

    return APR_SUCCESS;
}

int build_choose_type(const char **type, tool *t, const char *path)
{
    hostmap_reason why = { "" };
    const char *there;
    apr_status_t rv;

    if (!*path || strcmp(path, "-") == 0) {
        return tool_error("`%s` is no name for a map, expected that of a file",
                          path);
    }
    if (!build_is_default(t->type)) {
        rv = hostmap_type_of(type, path, t->type, t->pool, &why);
        if (rv != APR_SUCCESS) {
            return tool_file_error("-t", rv, &why);
        }
    }

    rv = tool_map_at(&there, path, t->pool, &why);
    if (APR_STATUS_IS_ENOENT(rv)) {
        rv = build_is_default(t->type) ? build_new_type(type, t, &why)
                                       : APR_SUCCESS;
        return rv == APR_SUCCESS ? TOOL_DONE
                                 : tool_file_error(path, rv, &why);
    }
    if (rv == HOSTMAP_EFORMAT) {
        return tool_error("%s: %s: not overwritten", path, why.text);
    }
    if (rv != APR_SUCCESS) {
        return tool_file_error(path, rv, &why);
    }
    if (build_is_default(t->type)) {
        *type = there;
    }
    else if (!build_is_same_type(*type, there)) {
        return tool_error("%s: a map of type %s is there, not %s: leave out "
                          "-t, take another name, or remove it first", path,
                          there, *type);
    }

    return TOOL_DONE;
}

/* ---- entries ----------------------------------------------------------- */

/* A broken map is replaced without being compared.  One that may not be read,
 * or is locked, may be whole: it is not replaced. */
static apr_status_t build_compare_begin(building *b, hostmap_reason *why)
{
    stream *old = NULL;
    const char *there;
    apr_status_t rv = APR_SUCCESS;

    b->is_there = tool_map_at(&there, b->path, b->t->pool, why)
                  == APR_SUCCESS;
    if (b->is_there) {
        rv = stream_map(&old, b->path, b->type, b->t->pool, why);
    }
    if (rv == APR_SUCCESS) {
        rv = compare_begin(&b->with, old, NULL, NULL, why);
    }
    b->is_compared = rv == APR_SUCCESS;

    return rv == HOSTMAP_EBUSY || APR_STATUS_IS_EACCES(rv) ? rv
                                                           : APR_SUCCESS;
}

static void build_compare(building *b, const source_entry *e)
{
    hostmap_pair pair = { { e->key, e->key_len }, { e->value, e->value_len } };
    hostmap_reason why;

    if (b->is_compared
        && compare_new(&b->with, &pair, &why) != APR_SUCCESS) {
        b->is_compared = 0;
    }
}

static apr_status_t build_store(building *b, hostmap_reason *why)
{
    source_entry e;
    apr_status_t rv = APR_SUCCESS;
    progress p;

    progress_begin(&p, b->writer ? "writing" : "comparing",
                   source_count(b->s));
    while (source_next(b->s, &e)) {
        if (b->writer) {
            rv = hostmap_writer_put(b->writer, hostmap_str_of(e.key, e.key_len),
                                    hostmap_str_of(e.value, e.value_len), why);
        }
        if (rv == APR_EINVAL) {
            source_reject(b->s, &e, why->text);
            rv = APR_SUCCESS;
            continue;
        }
        if (rv != APR_SUCCESS) {
            break;
        }
        b->stored++;
        groups_put(&b->groups, hostmap_str_of(e.key, e.key_len),
                   hostmap_str_of(e.value, e.value_len));
        build_compare(b, &e);
        progress_row(&p, b->stored);
    }
    progress_end(&p);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (b->is_compared && compare_end(&b->with, why) != APR_SUCCESS) {
        b->is_compared = 0;
    }
    why->text[0] = '\0';

    return source_status(b->s);
}

/* ---- saying it --------------------------------------------------------- */

int build_refuse(const source *s, const char *path)
{
    apr_size_t bad = source_bad(s);

    source_summary(s);

    return tool_error("%s: %" APR_SIZE_T_FMT " wrong line%s, %s was not "
                      "written", source_name(s), bad, bad == 1 ? "" : "s",
                      path);
}

/* Would too many entries of the existing map be removed? */
static int build_removes_too_much(const building *b)
{
    const comparison *with = &b->with;
    apr_size_t before = with->removed + with->changed + with->same;
    int given = b->t->percent;
    int most = given < 0 ? REMOVED_MAX_PERCENT : given;

    if (!b->is_compared
        || (given < 0 && before <= REMOVED_MAX_FROM)
        || (apr_uint64_t)with->removed * 100 <= (apr_uint64_t)before * most) {
        return 0;
    }
    tool_error("%s: %" APR_SIZE_T_FMT " of %" APR_SIZE_T_FMT " entries would "
               "be removed, more than %d%%: %s; if that is meant, say "
               "--max-removed 100", b->path, with->removed, before, most,
               b->writer ? "it was not written" : "it would not be written");

    return 1;
}

void build_report_skipped(const source *s)
{
    apr_size_t bad = source_bad(s), equal, contrary;

    if (bad) {
        source_summary(s);
        source_duplicates(s, &equal, &contrary);
        if (equal || contrary) {
            tool_error("%s: duplicate keys: %" APR_SIZE_T_FMT " with another "
                       "value than the first, %" APR_SIZE_T_FMT " with the "
                       "same", source_name(s), contrary, equal);
        }
        tool_error("%s: %" APR_SIZE_T_FMT " wrong line%s skipped",
                   source_name(s), bad, bad == 1 ? "" : "s");
    }
}

static void build_print_json(const building *b)
{
    const comparison *with = &b->with;
    json j;

    json_begin(&j);
    json_string(&j, "map", b->path);
    json_string(&j, "type", b->type);
    json_number(&j, "entries", b->stored);
    json_truth(&j, "compared", b->is_compared);
    json_number(&j, "added", with->added);
    json_number(&j, "changed", with->changed);
    json_number(&j, "removed", with->removed);
    json_number(&j, "same", with->same);
    json_number(&j, "skipped", source_bad(b->s));
    json_truth(&j, "written", b->writer != NULL);
    json_end(&j);
}

static void build_print(const building *b)
{
    const comparison *with = &b->with;
    const tool *t = b->t;

    build_report_skipped(b->s);
    if (t->flags & TOOL_JSON) {
        build_print_json(b);
        return;
    }
    tool_report(t, "%s: %s, %" APR_SIZE_T_FMT " entries", b->path, b->type,
                b->stored);
    if (b->is_there && b->is_compared) {
        tool_report(t, ": %" APR_SIZE_T_FMT " added, %" APR_SIZE_T_FMT
                    " changed, %" APR_SIZE_T_FMT " removed, %" APR_SIZE_T_FMT
                    " same", with->added, with->changed, with->removed,
                    with->same);
    }
    else if (b->is_there) {
        tool_report(t, ", in place of a map that cannot be read");
    }
    tool_report(t, b->writer ? "\n" : " (not written)\n");
}

/* ---- all together ------------------------------------------------------ */

static int build_open(building *b)
{
    hostmap_writer_options options = { b->type, source_bytes(b->s),
                                       tool_writer_flags(b->t) };
    hostmap_reason why = { "" };
    apr_status_t rv;

    if (b->t->flags & TOOL_DRY_RUN) {
        return TOOL_DONE;
    }
    rv = hostmap_writer_open(&b->writer, b->path, &options, b->t->pool, &why);

    return rv == APR_SUCCESS ? TOOL_DONE
                             : tool_file_error(b->path, rv, &why);
}

/* May the new map replace the old one? */
static int build_judge(building *b)
{
    if (source_bad(b->s) && !(b->t->flags & TOOL_SKIP_BAD)) {
        return build_refuse(b->s, b->path);
    }

    if (groups_check(&b->groups, b->path, b->writer) != TOOL_DONE) {
        return TOOL_FAILED;
    }

    return build_removes_too_much(b) ? TOOL_FAILED : TOOL_DONE;
}

static int build_commit(building *b)
{
    hostmap_reason why = { "" };
    apr_status_t rv;

    rv = hostmap_writer_commit(b->writer, &why);
    if (rv != APR_SUCCESS) {
        return tool_file_error(b->path, rv, &why);
    }
    tool_in_place(b->path);
    tool_file_warn(b->path, &why);
    tool_warn_exposed(b->path, b->t->pool);

    return TOOL_DONE;
}

static int build_write(building *b)
{
    hostmap_reason why = { "" };
    apr_status_t rv;
    int status;

    rv = build_compare_begin(b, &why);
    if (rv == APR_SUCCESS) {
        rv = build_store(b, &why);
    }
    status = rv == APR_SUCCESS ? build_judge(b)
                               : tool_file_error(b->path, rv, &why);
    if (b->writer && status == TOOL_DONE) {
        status = build_commit(b);
    }
    else if (b->writer) {
        hostmap_writer_abort(b->writer);
    }
    if (status == TOOL_DONE) {
        build_print(b);
    }

    return status;
}

/* ---- the interface ----------------------------------------------------- */

int build_from_source(tool *t, source *s, const char *path, const char *type)
{
    building b;

    memset(&b, 0, sizeof(b));
    b.t = t;
    b.path = path;
    b.type = type;
    b.s = s;
    groups_begin(&b.groups, t->pool);
    if (source_bad(s) && !(t->flags & TOOL_SKIP_BAD)) {
        return build_refuse(s, path);
    }
    if (build_open(&b) != TOOL_DONE) {
        return TOOL_FAILED;
    }

    return build_write(&b);
}

/* Its bytes would be wrong lines. */
static int build_refuse_map(const tool *t, const char *from)
{
    hostmap_reason why;
    const char *type;

    return strcmp(from, "-") != 0
           && hostmap_type_of(&type, from, NULL, t->pool, &why) == APR_SUCCESS
           ? tool_error("%s: a map of type %s, expected a text: `hostmap "
                        "convert` reads maps", from, type)
           : TOOL_DONE;
}

int tool_build(tool *t)
{
    const char *path = t->operands[1];
    const char *type;
    source *s;

    if (build_choose_type(&type, t, path) != TOOL_DONE
        || build_refuse_map(t, t->operands[0]) != TOOL_DONE) {
        return TOOL_FAILED;
    }
    sort_beside(path);
    if (tool_read_source(&s, t, t->operands[0], type, 0) != TOOL_DONE) {
        return TOOL_FAILED;
    }

    return build_from_source(t, s, path, type);
}

/* SPDX-License-Identifier: Apache-2.0 */

/*
 * hostmap_build.c: `hostmap build`, a text becomes a map.  Nothing is written
 * before all of the text has been read and found right.
 */

#include "hostmap_tool.h"

#include <string.h>
#include <strings.h>

#include "hostmap_progress.h"
#include "hostmap_source.h"
#include "hostmap_writer.h"

static int is_default(const char *wanted)
{
    return !wanted || strcasecmp(wanted, "default") == 0;
}

/* Files of sdbm and ndbm cannot be told apart. */
static int is_same(const char *wanted, const char *there)
{
    return strcmp(wanted, there) == 0
           || (strcmp(wanted, "ndbm") == 0 && strcmp(there, "sdbm") == 0);
}

/* The type of a map that is not there yet. */
static apr_status_t new_type(const char **type, tool *t, hostmap_reason *why)
{
    if (t->type) {
        return hostmap_type_default(type, t->pool, why);
    }
    *type = "lmdb";

    return APR_SUCCESS;
}

int tool_choose_type(const char **type, tool *t, const char *path)
{
    hostmap_reason why = { "" };
    const char *there;
    apr_status_t rv;

    if (!is_default(t->type)) {
        rv = hostmap_type_of(type, path, t->type, t->pool, &why);
        if (rv != APR_SUCCESS) {
            return tool_file_error("-t", rv, &why);
        }
    }

    rv = tool_map_at(&there, path, t->pool, &why);
    if (APR_STATUS_IS_ENOENT(rv)) {
        rv = is_default(t->type) ? new_type(type, t, &why) : APR_SUCCESS;
        return rv == APR_SUCCESS ? TOOL_DONE
                                 : tool_file_error(path, rv, &why);
    }
    if (rv == HOSTMAP_EFORMAT) {
        return tool_error("%s: %s: not overwritten", path, why.text);
    }
    if (rv != APR_SUCCESS) {
        return tool_file_error(path, rv, &why);
    }
    if (is_default(t->type)) {
        *type = there;
    }
    else if (!is_same(*type, there)) {
        return tool_error("%s: a map of type %s is there, not %s: leave out "
                          "-t, take another name, or remove it first", path,
                          there, *type);
    }

    return TOOL_DONE;
}

static apr_status_t store_all(hostmap_writer *writer, source *s,
                              apr_size_t *stored, hostmap_reason *why)
{
    source_entry e;
    apr_status_t rv = APR_SUCCESS;
    progress p;

    *stored = 0;
    progress_begin(&p, "writing", source_count(s));
    while (source_next(s, &e)) {
        rv = hostmap_writer_put(writer, e.key, e.key_len, e.value,
                                e.value_len, why);
        if (rv == APR_EINVAL) {
            source_reject(s, &e, why->text);
            rv = APR_SUCCESS;
            continue;
        }
        if (rv != APR_SUCCESS) {
            break;
        }
        ++*stored;
        progress_row(&p, *stored);
    }
    progress_end(&p);

    return rv;
}

int tool_refuse_source(const source *s, const char *path)
{
    apr_size_t bad = source_bad(s);

    source_summary(s);

    return tool_error("%s: %" APR_SIZE_T_FMT " wrong line%s, %s was not "
                      "written", source_name(s), bad, bad == 1 ? "" : "s",
                      path);
}

void tool_say_skipped(const source *s)
{
    apr_size_t bad = source_bad(s);

    if (bad) {
        source_summary(s);
        tool_error("%s: %" APR_SIZE_T_FMT " wrong line%s skipped",
                   source_name(s), bad, bad == 1 ? "" : "s");
    }
}

static int write_map(tool *t, source *s, const char *path, const char *type)
{
    hostmap_reason why = { "" };
    hostmap_writer *writer;
    apr_size_t stored;
    apr_status_t rv;

    rv = hostmap_writer_open(&writer, path, type, source_bytes(s), 0,
                             t->pool, &why);
    if (rv != APR_SUCCESS) {
        return tool_file_error(path, rv, &why);
    }
    rv = store_all(writer, s, &stored, &why);
    if (rv != APR_SUCCESS) {
        hostmap_writer_abort(writer);
        return tool_file_error(path, rv, &why);
    }
    if (source_bad(s) && !(t->flags & TOOL_SKIP_BAD)) {
        hostmap_writer_abort(writer);
        return tool_refuse_source(s, path);
    }
    rv = hostmap_writer_commit(writer, &why);
    if (rv != APR_SUCCESS) {
        return tool_file_error(path, rv, &why);
    }
    tool_say_skipped(s);
    tool_report(t, "%s: %s, %" APR_SIZE_T_FMT " entries\n", path, type,
                stored);

    return TOOL_DONE;
}

int tool_build_source(tool *t, source *s, const char *path,
                      const char *type)
{
    if (source_bad(s) && !(t->flags & TOOL_SKIP_BAD)) {
        return tool_refuse_source(s, path);
    }
    if (t->flags & TOOL_DRY_RUN) {
        tool_say_skipped(s);
        tool_report(t, "%s: %s, %" APR_SIZE_T_FMT " entries (not written)\n",
                    path, type, source_count(s));
        return TOOL_DONE;
    }

    return write_map(t, s, path, type);
}

int tool_build(tool *t)
{
    const char *path = t->operands[1];
    const char *type;
    source *s;
    apr_status_t rv;

    if (tool_choose_type(&type, t, path) != TOOL_DONE) {
        return TOOL_FAILED;
    }
    rv = source_read(&s, t->operands[0], type,
                     t->flags & TOOL_QUIET ? SOURCE_QUIET : 0, t->pool);
    if (rv != APR_SUCCESS) {
        return tool_file_error(t->operands[0], rv, NULL);
    }

    return tool_build_source(t, s, path, type);
}

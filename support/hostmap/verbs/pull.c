/* SPDX-License-Identifier: Apache-2.0 */

/*
 * pull.c: `hostmap pull`, all that a store holds as a text, or as a map with
 * its position, which a follower continues from.
 */

#include "verbs.h"

#include <string.h>
#include <unistd.h>

#include "apr_file_io.h"
#include "apr_strings.h"

#include "follow/keep.h"
#include "entries/stream.h"
#include "store.h"

static int write_text(tool *t, const char *map, const char *dest)
{
    hostmap_reason why = { "" };
    follow_state state;
    apr_size_t replaced = 0;
    hostmap_pair pair;
    stream *from;
    apr_status_t rv;
    FILE *to = strcmp(dest, "-") == 0 ? stdout : NULL;
    const char *work = apr_pstrcat(t->pool, dest, ".new", NULL);

    rv = follow_state_of(&state, map, t->pool, &why);
    if (rv == APR_SUCCESS) {
        rv = stream_map(&from, map, "lmdb", t->pool, &why);
    }
    if (rv == APR_SUCCESS && !to && !(to = fopen(work, "we"))) {
        rv = apr_get_os_error();
    }
    if (rv != APR_SUCCESS) {
        return tool_file_error(dest, rv, &why);
    }
    fprintf(to, "# %s at %s\n", state.store, state.position.text);
    while ((rv = stream_next(from, &pair, &why)) == APR_SUCCESS) {
        replaced += (apr_size_t)tool_write_entry_to(to, pair.key.ptr,
                                                    pair.key.len,
                                                    pair.value.ptr,
                                                    pair.value.len);
    }
    if (to != stdout) {
        int failed = fflush(to) != 0 || fsync(fileno(to)) != 0;

        failed |= fclose(to) != 0;
        if (rv == APR_EOF && (failed || rename(work, dest) != 0)) {
            rv = apr_get_os_error();
        }
    }
    if (rv != APR_EOF && rv != APR_SUCCESS) {
        if (to != stdout) {
            unlink(work);
        }
        return tool_file_error(dest, rv, &why);
    }

    return replaced ? tool_error("%s: %" APR_SIZE_T_FMT " entries hold bytes "
                                 "that a text cannot", dest, replaced)
                    : TOOL_DONE;
}

/* What is there is another map, or nothing. */
static int may_replace(tool *t, const verb_store *s, const char *dest)
{
    hostmap_reason why = { "" };
    follow_state state;
    const char *type;
    apr_status_t rv;

    rv = tool_map_at(&type, dest, t->pool, &why);
    if (APR_STATUS_IS_ENOENT(rv)) {
        return TOOL_DONE;
    }
    if (rv != APR_SUCCESS) {
        return tool_error("%s: %s: not overwritten", dest, why.text);
    }
    rv = follow_state_of(&state, dest, t->pool, &why);
    if (rv == APR_SUCCESS && strcmp(state.store, s->name) != 0) {
        return tool_error("%s: follows %s: not overwritten", dest,
                          state.store);
    }

    return strcmp(type, "lmdb") == 0 ? TOOL_DONE
           : tool_error("%s: a map of type %s: only lmdb maps follow a store",
                        dest, type);
}

/* A map that follows none is compared by its entries, as build does. */
static int place(tool *t, const char *map, const char *dest)
{
    hostmap_reason why = { "" };
    stream *old = NULL, *new;
    comparison with;
    hostmap_pair pair;
    const char *type;
    apr_status_t rv;

    rv = stream_map(&new, map, "lmdb", t->pool, &why);
    if (rv == APR_SUCCESS
        && tool_map_at(&type, dest, t->pool, &why) == APR_SUCCESS
        && stream_map(&old, dest, type, t->pool, &why) != APR_SUCCESS) {
        old = NULL;
    }
    if (rv == APR_SUCCESS) {
        rv = compare_begin(&with, old, NULL, NULL, &why);
    }
    while (rv == APR_SUCCESS
           && (rv = stream_next(new, &pair, &why)) == APR_SUCCESS) {
        rv = compare_new(&with, &pair, &why);
    }
    if (rv == APR_EOF) {
        rv = compare_end(&with, &why);
    }
    if (rv == APR_SUCCESS
        && follow_removes_too_much((apr_int64_t)with.removed,
                                   (apr_int64_t)(with.removed + with.changed
                                                 + with.same), t->percent)) {
        return tool_error("%s: %" APR_SIZE_T_FMT " entries would be removed: "
                          "it was not written; if that is meant, say "
                          "--max-removed 100", dest, with.removed);
    }
    if (rv == APR_SUCCESS) {
        rv = follow_keep(map, dest, &why);
    }
    if (rv != APR_SUCCESS) {
        return tool_file_error(dest, rv, &why);
    }
    tool_report(t, "%s: lmdb, %" APR_SIZE_T_FMT " entries: %" APR_SIZE_T_FMT
                " added, %" APR_SIZE_T_FMT " changed, %" APR_SIZE_T_FMT
                " removed, %" APR_SIZE_T_FMT " same\n", dest, with.added
                + with.changed + with.same, with.added, with.changed,
                with.removed, with.same);

    return TOOL_DONE;
}

int tool_pull(tool *t)
{
    const char *dest = t->operands[1], *folder, *map;
    verb_store s;
    int status, is_text;

    is_text = strcmp(dest, "-") == 0
              || (t->type && strcmp(t->type, "text") == 0);
    if (t->type && !is_text && strcmp(t->type, "lmdb") != 0) {
        return tool_error("-t %s: expected text or lmdb", t->type);
    }
    if (verb_store_open(&s, t, t->operands[0]) != TOOL_DONE
        || (!is_text && may_replace(t, &s, dest) != TOOL_DONE)) {
        return TOOL_FAILED;
    }
    folder = verb_temporary(t->pool);
    if (!folder) {
        return TOOL_FAILED;
    }
    map = apr_pstrcat(t->pool, folder, "/map", NULL);
    status = verb_store_snapshot(&s, t, map, 100);
    if (status != TOOL_DONE) {
        return status;
    }

    return is_text ? write_text(t, map, dest) : place(t, map, dest);
}

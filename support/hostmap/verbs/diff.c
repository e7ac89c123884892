/* SPDX-License-Identifier: Apache-2.0 */

/*
 * diff.c: `hostmap diff`, what is different between two maps, two
 * texts, or one of each, as `hostmap apply` reads it.
 */

#include "verbs.h"

#include <string.h>

#include "json.h"
#include "progress.h"
#include "entries/stream.h"

typedef struct difference {
    tool *t;
    /** of OLD and NEW; NULL: a map */
    source *texts[2];
    stream *sides[2];
    comparison compared;
    /** entries that a text cannot hold as they are */
    apr_size_t replaced;
} difference;

/* ---- output ------------------------------------------------------------ */

static void diff_print_line(difference *d, char sign, const hostmap_pair *pair)
{
    putchar(sign);
    d->replaced += tool_write_entry(pair->key.ptr, pair->key.len,
                                    pair->value.ptr, pair->value.len);
}

/* compare_fn */
static void diff_print_text(void *baton, const hostmap_pair *old,
                            const hostmap_pair *new)
{
    difference *d = baton;

    if (old) {
        diff_print_line(d, '-', old);
    }
    if (new) {
        diff_print_line(d, '+', new);
    }
}

/* compare_fn */
static void diff_print_json(void *baton, const hostmap_pair *old,
                            const hostmap_pair *new)
{
    const hostmap_pair *one = old ? old : new;
    json j;

    (void)baton;
    json_begin(&j);
    json_text(&j, "key", one->key.ptr, one->key.len);
    json_text(&j, "old", old ? old->value.ptr : NULL, old ? old->value.len : 0);
    json_text(&j, "new", new ? new->value.ptr : NULL, new ? new->value.len : 0);
    json_end(&j);
}

/* ---- input ------------------------------------------------------------- */

static int diff_open_text(difference *d, int side, const char *path)
{
    if (tool_read_source(&d->texts[side], d->t, path, NULL, 0) != TOOL_DONE) {
        return TOOL_FAILED;
    }
    d->sides[side] = stream_text(d->texts[side], d->t->pool);

    return TOOL_DONE;
}

static int diff_open_side(difference *d, int side)
{
    const char *path = d->t->operands[side];
    hostmap_reason why = { "" };
    const char *type;
    apr_status_t rv;

    if (strcmp(path, "-") == 0) {
        return diff_open_text(d, side, path);
    }
    rv = hostmap_type_of(&type, path, NULL, d->t->pool, &why);
    if (rv == HOSTMAP_EFORMAT) {
        /* of no type: a text, or not even that */
        return diff_open_text(d, side, path);
    }
    if (rv == APR_SUCCESS) {
        rv = stream_map(&d->sides[side], path, type, d->t->pool, &why);
    }

    return rv == APR_SUCCESS ? TOOL_DONE : tool_file_error(path, rv, &why);
}

/* Is everything right in the texts? */
static int diff_texts_are_right(const difference *d)
{
    int side, status = TOOL_DONE;

    for (side = 0; side < 2; side++) {
        const source *s = d->texts[side];

        if (s && source_bad(s)) {
            source_summary(s);
            status = tool_error("%s: %" APR_SIZE_T_FMT " wrong line%s",
                                source_name(s), source_bad(s),
                                source_bad(s) == 1 ? "" : "s");
        }
    }

    return status;
}

/* ---- both -------------------------------------------------------------- */

static apr_status_t diff_compare(difference *d, hostmap_reason *why,
                                 int *side)
{
    hostmap_pair pair;
    progress p;
    apr_status_t rv;

    progress_print();
    progress_begin(&p, "comparing", stream_count(d->sides[1]));
    *side = 0;
    rv = compare_begin(&d->compared, d->sides[0], d->t->flags & TOOL_JSON
                       ? diff_print_json : diff_print_text, d, why);
    while (rv == APR_SUCCESS) {
        *side = 1;
        rv = stream_next(d->sides[1], &pair, why);
        if (rv == APR_SUCCESS) {
            *side = 0;
            rv = compare_new(&d->compared, &pair, why);
            progress_row(&p, p.rows);
        }
    }
    progress_end(&p);
    if (rv != APR_EOF) {
        return rv;
    }
    *side = 0;

    return compare_end(&d->compared, why);
}

int tool_diff(tool *t)
{
    hostmap_reason why = { "" };
    const comparison *compared;
    difference d;
    apr_status_t rv;
    int side;

    memset(&d, 0, sizeof(d));
    d.t = t;
    if (strcmp(t->operands[0], "-") == 0
        && strcmp(t->operands[1], "-") == 0) {
        return tool_error("diff: only one of the two can be standard input");
    }
    if (diff_open_side(&d, 0) != TOOL_DONE || diff_open_side(&d, 1) != TOOL_DONE
        || diff_texts_are_right(&d) != TOOL_DONE) {
        return TOOL_FAILED;
    }
    rv = diff_compare(&d, &why, &side);
    if (rv != APR_SUCCESS) {
        return tool_file_error(t->operands[side], rv, &why);
    }
    /* duplicate keys of a big text are known only now */
    if (diff_texts_are_right(&d) != TOOL_DONE) {
        return TOOL_FAILED;
    }
    if (d.replaced) {
        return tool_error("%" APR_SIZE_T_FMT " entries hold bytes that a "
                          "text cannot hold, shown as \\xHH", d.replaced);
    }
    compared = &d.compared;

    return compared->added || compared->changed || compared->removed
           ? TOOL_DIFFERS : TOOL_DONE;
}

/* SPDX-License-Identifier: Apache-2.0 */

/*
 * import.c: lists of others, and maps, become sources.  What is right
 * in them is brought to our spelling, what is wrong is said with its line.
 */

#include "hostmap/hostmap_entry.h"
#include "hostmap/hostmap_key.h"
#include "import.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "apr_strings.h"

#include "idn.h"
#include "load.h"
#include "progress.h"
#include "import_core.h"

static const struct {
    const char *name;
    import_format format;
} formats[] = {
    { "csv", IMPORT_CSV },
    { "tsv", IMPORT_TSV },
    { "haproxy", IMPORT_HAPROXY },
    { "nginx", IMPORT_NGINX },
    { NULL, IMPORT_CSV }
};

typedef struct import {
    tool *t;
    source *s;
    loaded file;
    import_text text;
    import_item item;
    char value[2 * HOSTMAP_VALUE_MAX];
    hostmap_str written;
} import;

/* ---- columns ----------------------------------------------------------- */

/* A number, counted from one, or 0: a name. */
static unsigned column_number(const char *word)
{
    char *end;
    unsigned long number = strtoul(word, &end, 10);

    return *word >= '0' && *word <= '9' && !*end && number <= 9999
           ? (unsigned)number : 0;
}

/* @param named set to 1 when the column was found by name */
static int find_column(import *in, const char *option, const char *word,
                       unsigned *column, int *named)
{
    unsigned number;
    int found;

    if (!word) {
        return TOOL_DONE;
    }
    number = column_number(word);
    if (number > 0) {
        *column = number - 1;
        return TOOL_DONE;
    }
    found = import_column(&in->text, word, strlen(word));
    if (found < 0) {
        return tool_error("%s:1: %s %s: no column of this name in the first "
                          "line, expected its name or its number",
                          source_name(in->s), option, word);
    }
    *column = (unsigned)found;
    *named = 1;

    return TOOL_DONE;
}

static int find_columns(import *in)
{
    import_text *text = &in->text;
    int named = 0;

    if (text->format != IMPORT_CSV && text->format != IMPORT_TSV) {
        return in->t->key || in->t->value
               ? tool_error("--key and --value go with --from csv and tsv")
               : TOOL_DONE;
    }
    if (find_column(in, "--key", in->t->key, &text->key_column, &named)
        != TOOL_DONE
        || find_column(in, "--value", in->t->value, &text->value_column,
                       &named) != TOOL_DONE) {
        return TOOL_FAILED;
    }
    if (text->key_column == text->value_column) {
        return tool_error("--key and --value are the same column");
    }
    if (named) {
        import_skip_header(text);
    }

    return TOOL_DONE;
}

/* ---- entries ----------------------------------------------------------- */

/* --value-format: `%s` is the value, `%%` a `%`. */
static int check_format(const char *format)
{
    const char *at;
    int values = 0;

    for (at = format; at && *at; at++) {
        if (*at == '%') {
            at++;
            values += *at == 's';
            if (*at != 's' && *at != '%') {
                return tool_error("--value-format %s: expected `%%s` for the "
                                  "value, `%%%%` for a `%%`", format);
            }
        }
    }
    if (format && values == 0) {
        return tool_error("--value-format %s: expected a `%%s` where the "
                          "value goes", format);
    }

    return TOOL_DONE;
}

static void value_add(import *in, const char *bytes, apr_size_t len)
{
    apr_size_t room = sizeof(in->value) - in->written.len;

    /* what does not fit is longer than any value may be */
    len = len < room ? len : room;
    memcpy(in->value + in->written.len, bytes, len);
    in->written.len += len;
}

static void write_value(import *in)
{
    const char *at = in->t->value_format ? in->t->value_format : "%s";

    in->written.ptr = in->value;
    in->written.len = 0;
    for (; *at; at++) {
        if (*at != '%') {
            value_add(in, at, 1);
        }
        else if (*++at == 's') {
            value_add(in, in->item.value, in->item.value_len);
        }
        else {
            value_add(in, at, 1);
        }
    }
}

static void push(import *in, const char *prefix, const char *key,
                 apr_size_t key_len)
{
    char bytes[HOSTMAP_KEY_MAX + 4];
    hostmap_str whole = { bytes, strlen(prefix) + key_len };

    memcpy(bytes, prefix, strlen(prefix));
    memcpy(bytes + strlen(prefix), key, key_len);
    source_push(in->s, in->item.line, whole, in->written);
}

static void take_item(import *in)
{
    const import_item *item = &in->item;
    hostmap_str written = { item->key, item->key_len };
    char key[HOSTMAP_KEY_MAX + 1];
    apr_size_t key_len;
    const char *reason;

    if (idn_any_key(key, &key_len, item->key, item->key_len, &reason)
        != APR_SUCCESS) {
        source_fault(in->s, item->line, written, reason);
        return;
    }
    if (idn_wanted(item->key, item->key_len)) {
        source_note_idn(in->s, item->line, written, key);
    }
    write_value(in);
    push(in, "", key, key_len);
    if (item->below) {
        push(in, "*.", key, key_len);
    }
}

static void take_all(import *in)
{
    apr_size_t size = in->file.len, done;
    progress p;
    apr_status_t rv;

    progress_begin(&p, source_name(in->s), size);
    for (;;) {
        rv = import_next(&in->text, &in->item);
        if (rv == APR_EOF) {
            break;
        }
        if (rv == APR_SUCCESS) {
            take_item(in);
        }
        else {
            hostmap_str key = { in->item.key, in->item.key_len };

            source_fault(in->s, in->item.line, key, in->item.reason);
        }
        done = (apr_size_t)(in->text.at - in->file.bytes);
        load_done(&in->file, done);
        progress_row(&p, done);
    }
    progress_end(&p);
}

static int finish(source *s)
{
    apr_status_t rv = source_finish(s);

    return rv == APR_SUCCESS ? TOOL_DONE
                             : tool_file_error(source_name(s), rv, NULL);
}

static int import_list(source **s, tool *t, const char *path,
                       const char *type, import_format format)
{
    import *in = apr_pcalloc(t->pool, sizeof(*in));
    apr_status_t rv;

    if (check_format(t->value_format) != TOOL_DONE) {
        return TOOL_FAILED;
    }
    rv = load_file(&in->file, path, t->pool);
    if (rv != APR_SUCCESS) {
        return tool_file_error(path, rv, NULL);
    }
    in->t = t;
    in->s = source_create(path, type, tool_source_flags(t), t->pool);
    import_begin(&in->text, format, in->file.bytes, in->file.len);
    if (find_columns(in) != TOOL_DONE) {
        return TOOL_FAILED;
    }
    take_all(in);
    *s = in->s;

    return finish(in->s);
}

/* ---- maps -------------------------------------------------------------- */

typedef struct map_reader {
    source *s;
    const char *path;
    apr_pool_t *pool;
    progress p;
} map_reader;

/* hostmap_each_fn */
static apr_status_t take_entry(void *baton, hostmap_str key, hostmap_str value)
{
    map_reader *r = baton;

    source_push(r->s, 0, key, value);
    progress_row(&r->p, r->p.rows);

    return APR_SUCCESS;
}

/* tool_read_fn; what is replaced is so before the first entry */
static apr_status_t take_entries(void *baton, hostmap_file *file,
                                 hostmap_reason *why)
{
    map_reader *r = baton;
    hostmap_stat stat;
    apr_status_t rv;

    hostmap_file_stat(file, &stat);
    progress_begin(&r->p, r->path, stat.entries > 0 ? stat.entries : 0);
    rv = hostmap_file_each(file, take_entry, r, r->pool, why);
    progress_end(&r->p);

    return rv;
}

static int import_map(source **s, tool *t, const char *path,
                      const char *type)
{
    hostmap_reason why = { "" };
    map_reader r;
    apr_status_t rv;

    r.s = source_create(path, type, 0, t->pool);
    r.path = path;
    r.pool = t->pool;
    rv = tool_read_map(path, NULL, take_entries, &r, t->pool, &why);
    if (rv != APR_SUCCESS) {
        return tool_file_error(path, rv, &why);
    }
    *s = r.s;

    return finish(r.s);
}

/* ---- which ------------------------------------------------------------- */

static int import_ours(source **s, tool *t, const char *path,
                       const char *type)
{
    hostmap_reason why = { "" };
    const char *there;
    apr_status_t rv = HOSTMAP_EFORMAT;

    if (t->key || t->value || t->value_format) {
        return tool_error("--key, --value and --value-format go with --from");
    }
    if (strcmp(path, "-") != 0) {
        rv = hostmap_type_of(&there, path, NULL, t->pool, &why);
    }
    if (rv == APR_SUCCESS) {
        return import_map(s, t, path, type);
    }

    return rv == HOSTMAP_EFORMAT ? tool_read_source(s, t, path, type, 0)
                                 : tool_file_error(path, rv, &why);
}

int import_source(source **s, tool *t, const char *path, const char *type)
{
    int i;

    if (!t->from) {
        return import_ours(s, t, path, type);
    }
    for (i = 0; formats[i].name; i++) {
        if (strcasecmp(t->from, formats[i].name) == 0) {
            return import_list(s, t, path, type, formats[i].format);
        }
    }

    return tool_error("--from %s: expected csv, tsv, haproxy or nginx",
                      t->from);
}

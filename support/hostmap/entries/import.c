/* SPDX-License-Identifier: Apache-2.0 */

/*
 * import.c: lists of others, and maps, become sources.  What is right in them
 * is brought to our spelling, what is wrong is reported with its line.
 */

#include "import.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "apr_strings.h"

#include "hostmap/hostmap_entry.h"
#include "hostmap/hostmap_key.h"
#include "idn.h"
#include "import_core.h"
#include "import_csv_core.h"
#include "import_haproxy_core.h"
#include "import_nginx_core.h"
#include "load.h"
#include "progress.h"

static const struct {
    const char *name;
    import_format format;
} import_formats[] = {
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
    char socket[2 * HOSTMAP_VALUE_MAX];
    /* the value as it is stored, in one of the two */
    hostmap_str written;
} import;

/* ---- columns ----------------------------------------------------------- */

/* A number, counted from one, or 0: a name. */
static unsigned import_column_number(const char *word)
{
    char *end;
    unsigned long number = strtoul(word, &end, 10);

    return *word >= '0' && *word <= '9' && !*end && number <= 9999
           ? (unsigned)number : 0;
}

/* @param named set to 1 when the column was found by name */
static int import_find_column(import *in, const char *option, const char *word,
                       unsigned *column, int *named)
{
    unsigned number;
    int found;

    if (!word) {
        return TOOL_DONE;
    }
    number = import_column_number(word);
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

/* --separator: a character, or its name. */
static int import_separator(import *in)
{
    static const struct {
        const char *name;
        char separator;
    } names[] = {
        { "comma", ',' }, { "semicolon", ';' }, { "tab", '\t' },
        { "\\t", '\t' }, { "pipe", '|' }
    };
    const char *word = in->t->separator;
    unsigned i;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcasecmp(word, names[i].name) == 0) {
            in->text.separator = names[i].separator;
            return TOOL_DONE;
        }
    }
    if (!*word || word[1] || strchr("\"\r\n #", *word)) {
        return tool_error("--separator %s: expected one character, or comma, "
                          "semicolon, tab or pipe", word);
    }
    in->text.separator = *word;

    return TOOL_DONE;
}

static const char *import_column_name(const char *word)
{
    return word && import_column_number(word) == 0 ? word : NULL;
}

static int import_find_columns(import *in)
{
    import_text *text = &in->text;
    const char *names[2];
    int named = 0;

    names[0] = import_column_name(in->t->key);
    names[1] = import_column_name(in->t->value);
    if (in->t->separator) {
        if (import_separator(in) != TOOL_DONE) {
            return TOOL_FAILED;
        }
    }
    else if (text->format == IMPORT_CSV) {
        import_guess_separator(text, names);
    }
    if (import_find_column(in, "--key", in->t->key, &text->key_column, &named)
        != TOOL_DONE
        || import_find_column(in, "--value", in->t->value,
                              &text->value_column, &named) != TOOL_DONE) {
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

/* ---- blocks of nginx --------------------------------------------------- */

static int import_block_missing(const import *in, const import_block *any)
{
    const char *name = source_name(in->s);

    if (in->t->variable) {
        return any->line
               ? tool_error("%s:%" APR_SIZE_T_FMT ": no map block sets the "
                            "variable of --variable %s, this one sets %s", name,
                            any->line, in->t->variable, any->name)
               : tool_error("%s: no map block sets the variable of --variable "
                            "%s", name, in->t->variable);
    }

    return tool_error("%s:%" APR_SIZE_T_FMT ": this block maps %s, and none "
                      "maps $host or $http_host: name the variable of the one "
                      "that is wanted, as --variable %s", name, any->line,
                      any->source, any->name + (any->name[0] == '$'));
}

static int import_find_block(import *in)
{
    const char *name = source_name(in->s);
    const import_block *first, *second;
    import_map map;

    first = &map.first;
    second = &map.second;
    switch (import_find_map(&in->text, in->t->variable, &map)) {
    case IMPORT_MAP_FOUND:
        break;
    case IMPORT_MAP_MISSING:
        return import_block_missing(in, first);
    case IMPORT_MAP_SEVERAL:
        return tool_error("%s:%" APR_SIZE_T_FMT ": this block sets %s, the "
                          "one on line %" APR_SIZE_T_FMT " sets %s: %s",
                          name, second->line, second->name, first->line,
                          first->name, in->t->variable
                          ? "expected one block of this variable"
                          : "name the variable of the one that is wanted with "
                            "--variable");
    case IMPORT_MAP_OUTSIDE:
        return tool_error("%s:%" APR_SIZE_T_FMT ": %s: outside of the map "
                          "block on line %" APR_SIZE_T_FMT, name,
                          second->line, second->name, first->line);
    case IMPORT_MAP_OTHER:
        return tool_error("%s:%" APR_SIZE_T_FMT ": a block `%s`: this is not "
                          "the map alone, expected map blocks (`map $host "
                          "$backend {`) or the lines that one includes", name,
                          first->line, first->name);
    }

    return TOOL_DONE;
}

/* Go to the first entry: after a header, in a block. */
static int import_find_first(import *in)
{
    const tool *t = in->t;
    import_format format = in->text.format;
    apr_size_t line;

    if (format != IMPORT_CSV && format != IMPORT_TSV && (t->key || t->value)) {
        return tool_error("--key and --value go with --from csv and tsv");
    }
    if (format != IMPORT_CSV && t->separator) {
        return tool_error("--separator goes with --from csv");
    }
    if (format != IMPORT_NGINX && t->variable) {
        return tool_error("--variable goes with --from nginx");
    }
    if (format == IMPORT_NGINX) {
        return import_find_block(in);
    }
    if (format == IMPORT_HAPROXY) {
        line = import_haproxy_section(&in->text);
        return line ? tool_error("%s:%" APR_SIZE_T_FMT ": a section of a "
                                 "configuration, expected a map file: a key "
                                 "and a value a line", source_name(in->s),
                                 line)
                    : TOOL_DONE;
    }

    return import_find_columns(in);
}

/* ---- entries ----------------------------------------------------------- */

/* --value-format: `%s` is the value, `%%` a `%`. */
static int import_check_format(const char *format)
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

static void import_value_add(import *in, const char *bytes, apr_size_t len)
{
    apr_size_t left = sizeof(in->value) - in->written.len;

    /* what does not fit is longer than any value may be */
    len = len < left ? len : left;
    memcpy(in->value + in->written.len, bytes, len);
    in->written.len += len;
}

static void import_write_value(import *in)
{
    const char *at = in->t->value_format ? in->t->value_format : "%s";
    apr_size_t len;

    in->written.ptr = in->value;
    in->written.len = 0;
    for (; *at; at++) {
        if (*at != '%') {
            import_value_add(in, at, 1);
        }
        else if (*++at == 's') {
            import_value_add(in, in->item.value, in->item.value_len);
        }
        else {
            import_value_add(in, at, 1);
        }
    }
    len = import_unix(in->socket, sizeof(in->socket), in->value,
                      in->written.len);
    if (len > 0) {
        in->written.ptr = in->socket;
        in->written.len = len;
    }
}

static void import_push(import *in, const char *prefix, const char *key,
                        apr_size_t key_len)
{
    char bytes[HOSTMAP_KEY_MAX + 4];
    hostmap_str whole = { bytes, strlen(prefix) + key_len };

    memcpy(bytes, prefix, strlen(prefix));
    memcpy(bytes + strlen(prefix), key, key_len);
    source_push(in->s, in->item.line, whole, in->written);
}

static void import_take_item(import *in)
{
    const import_item *item = &in->item;
    hostmap_str written = { item->key, item->key_len };
    char key[HOSTMAP_KEY_MAX + 1];
    apr_size_t key_len;
    const char *reason;
    unsigned port;

    if (idn_any_key(key, &key_len, item->key, item->key_len, &reason)
        != APR_SUCCESS) {
        source_fault(in->s, item->line, written, reason);
        return;
    }
    port = import_port(item->key, item->key_len);
    if (port != 0 && port != 80 && port != 443) {
        source_note(in->s, item->line, written, key,
                    ": it answers for all ports");
    }
    else if (idn_wanted(item->key, item->key_len)) {
        source_note(in->s, item->line, written, key, "");
    }
    import_write_value(in);
    import_push(in, "", key, key_len);
    if (item->below) {
        import_push(in, "*.", key, key_len);
    }
}

static void import_take_all(import *in)
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
            import_take_item(in);
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

static int import_finish(source *s)
{
    apr_status_t rv = source_finish(s);

    return rv == APR_SUCCESS ? TOOL_DONE
                             : tool_file_error(source_name(s), rv, NULL);
}

static int import_from_list(source **s, tool *t, const char *path,
                            const char *type, import_format format)
{
    import *in = apr_pcalloc(t->pool, sizeof(*in));
    apr_status_t rv;

    if (import_check_format(t->value_format) != TOOL_DONE) {
        return TOOL_FAILED;
    }
    rv = load_file(&in->file, path, t->pool);
    if (rv != APR_SUCCESS) {
        return tool_file_error(path, rv, NULL);
    }
    in->t = t;
    in->s = source_create(path, type, tool_source_flags(t), t->pool);
    import_begin(&in->text, format, in->file.bytes, in->file.len);
    if (import_find_first(in) != TOOL_DONE) {
        return TOOL_FAILED;
    }
    import_take_all(in);
    *s = in->s;

    return import_finish(in->s);
}

/* ---- maps -------------------------------------------------------------- */

typedef struct map_reader {
    source *s;
    const char *path;
    apr_pool_t *pool;
    progress p;
} map_reader;

/* hostmap_each_fn */
static apr_status_t import_take_entry(void *baton, hostmap_str key,
                                      hostmap_str value)
{
    map_reader *r = baton;

    source_push(r->s, 0, key, value);
    progress_row(&r->p, r->p.rows);

    return APR_SUCCESS;
}

/* tool_read_fn; what is replaced is so before the first entry */
static apr_status_t import_take_entries(void *baton, hostmap_file *file,
                                 hostmap_reason *why)
{
    map_reader *r = baton;
    hostmap_stat stat;
    apr_status_t rv;

    hostmap_file_stat(file, &stat);
    progress_begin(&r->p, r->path, stat.entries > 0 ? stat.entries : 0);
    rv = hostmap_file_each(file, import_take_entry, r, r->pool, why);
    progress_end(&r->p);

    return rv;
}

static int import_from_map(source **s, tool *t, const char *path,
                           const char *type)
{
    hostmap_reason why = { "" };
    map_reader r;
    apr_status_t rv;

    r.s = source_create(path, type, 0, t->pool);
    r.path = path;
    r.pool = t->pool;
    rv = tool_read_map(path, NULL, import_take_entries, &r, t->pool, &why);
    if (rv != APR_SUCCESS) {
        return tool_file_error(path, rv, &why);
    }
    *s = r.s;

    return import_finish(r.s);
}

/* ---- which ------------------------------------------------------------- */

static int import_from_ours(source **s, tool *t, const char *path,
                            const char *type)
{
    hostmap_reason why = { "" };
    const char *there;
    apr_status_t rv = HOSTMAP_EFORMAT;

    if (t->key || t->value || t->value_format) {
        return tool_error("--key, --value and --value-format go with --from");
    }
    if (t->separator || t->variable) {
        return tool_error("--separator and --variable go with --from");
    }
    if (strcmp(path, "-") != 0) {
        rv = hostmap_type_of(&there, path, NULL, t->pool, &why);
    }
    if (rv == APR_SUCCESS) {
        return import_from_map(s, t, path, type);
    }

    return rv == HOSTMAP_EFORMAT ? tool_read_source(s, t, path, type, 0)
                                 : tool_file_error(path, rv, &why);
}

int import_source(source **s, tool *t, const char *path, const char *type)
{
    int i;

    if (!t->from) {
        return import_from_ours(s, t, path, type);
    }
    for (i = 0; import_formats[i].name; i++) {
        if (strcasecmp(t->from, import_formats[i].name) == 0) {
            return import_from_list(s, t, path, type,
                                    import_formats[i].format);
        }
    }

    return tool_error("--from %s: expected csv, tsv, haproxy or nginx",
                      t->from);
}

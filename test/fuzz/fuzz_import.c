/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Input: a letter for the format, then a list of hosts as others write them.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "entries/import_core.h"
#include "entries/import_csv_core.h"
#include "entries/import_haproxy_core.h"
#include "entries/import_nginx_core.h"

static void require(int holds)
{
    if (!holds) {
        abort();
    }
}

static import_format format_of(uint8_t letter)
{
    switch (letter) {
    case 'h':
        return IMPORT_HAPROXY;
    case 'n':
        return IMPORT_NGINX;
    case 't':
        return IMPORT_TSV;
    default:
        return IMPORT_CSV;
    }
}

/** The number of lines that a text of these bytes can have at most. */
static apr_size_t lines_of(const char *text, size_t len)
{
    apr_size_t lines = 1;
    size_t i;

    for (i = 0; i < len; i++) {
        lines += text[i] == '\n';
    }
    return lines;
}

/** Each entry lies after the one before it and within its bounds. */
static void read_all(import_text *in, const char *text, size_t len)
{
    static import_item item;
    apr_size_t lines = lines_of(text, len);
    apr_size_t line = 1;
    size_t count = 0;
    apr_status_t rv;

    while ((rv = import_next(in, &item)) != APR_EOF) {
        require(rv == APR_SUCCESS || rv == APR_EINVAL);
        require((rv == APR_EINVAL) == (item.reason != NULL));
        require(item.line >= line && item.line <= lines);
        require(item.key_len <= IMPORT_FIELD_MAX);
        require(item.value_len <= IMPORT_FIELD_MAX);
        require(rv != APR_SUCCESS || item.key_len > 0);
        require(rv != APR_SUCCESS || item.value_len > 0);
        require(in->at <= in->end && in->line <= lines);
        require(++count <= len);
        line = item.line;
    }
    require(in->at == in->end);
}

/** What is found out before the first entry is read. */
static void look_ahead(import_text *in, size_t len)
{
    static const char *const names[] = { "domain", NULL };
    char value[IMPORT_FIELD_MAX];
    const char *begin = in->at;
    import_map map;

    require(import_unix(value, sizeof(value), in->at,
                        (apr_size_t)(in->end - in->at)) <= sizeof(value));
    require(import_port(in->at, (apr_size_t)(in->end - in->at)) < 100000);
    if (in->format == IMPORT_NGINX) {
        import_find_map(in, NULL, &map);
    }
    else if (in->format == IMPORT_HAPROXY) {
        require(import_haproxy_section(in) <= len + 1);
    }
    else {
        import_guess_separator(in, names);
    }
    require(in->at >= begin && in->at <= in->end);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    import_text in;
    char *text;
    size_t len;
    int column;

    if (size == 0) {
        return 0;
    }
    /* a copy of its own: bytes behind the text are out of bounds */
    len = size - 1;
    text = malloc(len > 0 ? len : 1);
    require(text != NULL);
    memcpy(text, data + 1, len);
    import_begin(&in, format_of(data[0]), text, len);
    look_ahead(&in, len);
    column = import_column(&in, "backend", 7);
    require(column >= -1 && column <= (int)len);
    if (column > 0) {
        in.value_column = (unsigned)column;
        import_skip_header(&in);
    }
    read_all(&in, text, len);
    free(text);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file import_text.h
 * @brief A list of hosts as others keep them, being read, and an entry of it:
 *        what the readers of all formats share.
 */

#ifndef IMPORT_TEXT_H
#define IMPORT_TEXT_H

#include <string.h>

#include "apr.h"
#include "apr_errno.h"

#include "hostmap/hostmap_entry.h"

typedef enum {
    /** RFC 4180: fields between separators, quotes around any, newlines in
     *  them */
    IMPORT_CSV,
    /** the same between tabs */
    IMPORT_TSV,
    /** a key, blanks, the rest of the line; `#` comments */
    IMPORT_HAPROXY,
    /** `key value;` with quotes and `#` comments, in a `map` block or not */
    IMPORT_NGINX
} import_format;

/** A text being read.  The bytes are the caller's. */
typedef struct import_text {
    import_format format;
    const char *at;
    const char *end;
    /** number of the line that `at` is on; the first is 1 */
    apr_size_t line;
    /** CSV and TSV: between fields */
    char separator;
    /** CSV and TSV: where key and value are, the first is 0 */
    unsigned key_column;
    unsigned value_column;
    /** CSV and TSV: no record was read yet */
    int is_first;
    /** nginx: inside the braces of a block */
    int in_block;
} import_text;

/** Capacity of a field; a longer one is wrong. */
#define IMPORT_FIELD_MAX HOSTMAP_VALUE_MAX

#define IMPORT_TOO_LONG "longer than 4096 bytes"

typedef struct import_item {
    /** where it begins */
    apr_size_t line;
    char key[IMPORT_FIELD_MAX];
    apr_size_t key_len;
    char value[IMPORT_FIELD_MAX];
    apr_size_t value_len;
    /** the key stands for all names below it too (nginx's `.example.com`, of
     *  which key has the name only) */
    int below;
    /** APR_EINVAL: what is wrong, lower case, static */
    const char *reason;
} import_item;

/* ---- for the readers --------------------------------------------------- */

/** Bytes that are being collected.  NULL: they are counted only. */
typedef struct import_field {
    char *bytes;
    apr_size_t len;
    int overflow;
} import_field;

static inline void import_field_add(import_field *f, char c)
{
    if (f->len == IMPORT_FIELD_MAX) {
        f->overflow = 1;
        return;
    }
    if (f->bytes) {
        f->bytes[f->len] = c;
    }
    f->len++;
}

static inline int import_is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/** Is the next byte this one? */
static inline int import_next_is(const import_text *in, char c)
{
    return in->at < in->end && *in->at == c;
}

/** Go to the beginning of the next line. */
static inline void import_skip_line(import_text *in)
{
    const char *newline = in->at < in->end
                          ? memchr(in->at, '\n', (size_t)(in->end - in->at))
                          : NULL;

    in->at = newline ? newline + 1 : in->end;
    in->line += newline != NULL;
}

static inline apr_status_t import_wrong(import_item *item, const char *reason)
{
    item->reason = reason;
    return APR_EINVAL;
}

#endif /* IMPORT_TEXT_H */

/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file import_core.h
 * @brief Lists of hosts as others keep them: CSV, TSV, map files of HAProxy,
 *        `map` blocks of nginx and what they include.
 *
 * Pure: no allocation, no I/O, any thread.  What an entry of ours cannot say is
 * APR_EINVAL with a reason, entry by entry; the text goes on behind it.
 */

#ifndef IMPORT_CORE_H
#define IMPORT_CORE_H

#include "apr.h"
#include "apr_errno.h"

#include "hostmap/hostmap_entry.h"

typedef enum {
    /** RFC 4180: fields between commas, quotes around any, newlines in them */
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
    /** CSV and TSV: where key and value are, the first is 0 */
    unsigned key_column;
    unsigned value_column;
    /** nginx: inside the braces of a block */
    int in_block;
} import_text;

/** Room for a field; a longer one is wrong. */
#define IMPORT_FIELD_MAX HOSTMAP_VALUE_MAX

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

/**
 * Begin to read a text.  A byte order mark of UTF-8 is passed over.  Columns
 * are the first and the second one.
 */
void import_begin(import_text *in, import_format format,
                  const char *text, apr_size_t len);

/**
 * Find a column of CSV or TSV by its name in the header line, without regard
 * to case; read nothing.
 * @return the column, the first is 0; -1: there is no such name
 */
int import_column(const import_text *in, const char *name, apr_size_t len);

/** Pass over the header line. */
void import_skip_header(import_text *in);

/**
 * Read the next entry.
 * @return APR_SUCCESS; APR_EOF; APR_EINVAL: item->line, item->reason and as
 *         much of item->key as was read are set, and the text goes on
 */
apr_status_t import_next(import_text *in, import_item *item);

#endif /* IMPORT_CORE_H */

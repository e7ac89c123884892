/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file status_out_core.h
 * @brief Text that grows, and names of strangers in it: escaped for HTML, JSON
 *        and metrics.
 *
 * Keys of a map may hold any byte, and a tenant may have chosen them.  Every
 * byte that is not printable ASCII, and a backslash, is written as \xHH: what
 * is shown is one line, has no direction of its own, is valid in every
 * character set, and two names never look alike.
 *
 * Pure.  One thread.
 */

#ifndef STATUS_OUT_CORE_H
#define STATUS_OUT_CORE_H

#include <stdarg.h>

#include "apr.h"
#include "apr_time.h"

#include "base/str.h"

/** Zero it; free() text when done. */
typedef struct status_out {
    char *text;                 /**< not terminated; NULL: nothing yet */
    apr_size_t len;
    apr_size_t room;
    int failed;                 /**< no memory: the text is not whole */
} status_out;

/** What the text is written for. */
typedef enum {
    STATUS_HTML,                /**< content, or a value in double quotes */
    STATUS_JSON,                /**< within a string */
    STATUS_LABEL,               /**< within a label's value */
    STATUS_PLAIN                /**< a terminal, mod_status's ?auto */
} status_syntax;

void status_put(status_out *out, const char *bytes, apr_size_t len);

/** A string of our own. */
void status_puts(status_out *out, const char *text);

/** As printf, at most 400 bytes: for numbers, never for names. */
void status_putf(status_out *out, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/** Bytes of anybody. */
void status_name(status_out *out, status_syntax syntax, hostmap_str bytes);

/** The same for a string that ends with NUL; NULL is an empty one. */
void status_text(status_out *out, status_syntax syntax, const char *text);

/** Seconds with six digits after the point: 0.001500. */
void status_seconds(status_out *out, apr_uint64_t micros);

/** A duration for people: "850 us", "1.5 ms", "2.25 s", "3 min", "2 days". */
void status_duration(status_out *out, apr_uint64_t micros);

/** A size for people: "512", "1.5 K", "3.2 M". */
void status_amount(status_out *out, apr_uint64_t n);

#endif /* STATUS_OUT_CORE_H */

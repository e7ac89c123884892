/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file reproxy_headers_core.h
 * @brief Names and values of headers that mod_reproxy judges.
 *
 * Pure: no allocation, no I/O, any thread.  ASCII only, names without regard
 * to case.
 */

#ifndef REPROXY_HEADERS_CORE_H
#define REPROXY_HEADERS_CORE_H

#include "apr.h"

/** Is it the name of a header at all: a token (RFC 9110, 5.1)? */
int reproxy_header_is_name(const char *name);

/**
 * Does a header of this name belong to one message or one connection, and not
 * to what is served?  Such names are an error in PreserveHeaders (the length,
 * range and coding of the app's body say nothing about storage's) and in
 * ReproxyForwardHeaders (the request to storage has no body, its own
 * connection and the URL's host).
 */
int reproxy_header_is_framing(const char *name);

/** A Content-Range of bytes (RFC 9110, 14.4). */
typedef struct reproxy_range {
    /** first and last byte; both -1 for an unsatisfied range, `*` */
    apr_off_t first;
    apr_off_t last;
    /** size of the whole; -1 for an unknown one, `*` */
    apr_off_t total;
} reproxy_range;

/**
 * Read the value of Content-Range: `bytes 0-9/100`, `bytes 0-9/` and a star,
 * or `bytes` and a star and `/100`.
 * @return 1; 0 for every other text, also another unit, a first byte after
 *         the last one, a last byte after the end, and numbers that do not
 *         fit: nothing of *range may be used then
 */
int reproxy_range_parse(reproxy_range *range, const char *text);

/**
 * Read the value of X-Reproxy-Expected-Size: a number of bytes, with blanks
 * around it.
 * @return 1; 0 for every other text
 */
int reproxy_expected_size(apr_off_t *size, const char *text);

/**
 * Replace each %XX by the byte that it means.
 * @param out room for strlen(text) + 1 bytes; may be text itself
 * @return 1; 0 when a `%` is not followed by two hexadecimal digits, or by
 *         `00`: nothing of out may be used then
 */
int reproxy_path_unescape(char *out, const char *text);

typedef enum {
    REPROXY_SIZE_RIGHT,
    REPROXY_SIZE_WRONG,
    /** the response does not say: no length, several ranges, 304, 412 */
    REPROXY_SIZE_UNKNOWN
} reproxy_size;

/**
 * Compare the size of what storage has with the expected one: the total of
 * Content-Range for 206 and 416, else Content-Length.
 * @param content_length,content_range values of the response, NULL for none
 * @param status of the response
 * A value that cannot be read is wrong: it is of no use to the client, either.
 */
reproxy_size reproxy_size_compare(apr_off_t expected, int status,
                                  const char *content_length,
                                  const char *content_range);

#endif /* REPROXY_HEADERS_CORE_H */

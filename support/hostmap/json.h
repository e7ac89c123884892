/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file json.h
 * @brief One JSON object on one line of standard output, or of another file.
 *
 *     json_begin(); json_text("host", ...); json_number(...); json_end();
 *
 * Numbers are those of C; texts are written as UTF-8; bytes that are not
 * UTF-8 become U+FFFD, so that every reader accepts the line.
 */

#ifndef HOSTMAP_JSON_H
#define HOSTMAP_JSON_H

#include <stdio.h>

#include "apr.h"

typedef struct json {
    FILE *to;
    /** the next member is not the first */
    int more;
} json;

/** Begin an object. */
void json_begin(json *j);

/** The same in a file: errors are the file's. */
void json_begin_to(json *j, FILE *to);

/** A member that is a text; NULL: null. */
void json_text(json *j, const char *name, const char *text, apr_size_t len);

/** The same of a text that ends with NUL. */
void json_string(json *j, const char *name, const char *text);

void json_number(json *j, const char *name, apr_int64_t number);

/** Three digits after the point. */
void json_fraction(json *j, const char *name, double number);

/** true or false */
void json_truth(json *j, const char *name, int truth);

/** An array of texts, ended by NULL. */
void json_strings(json *j, const char *name, const char *const *texts);

/** End the object and the line. */
void json_end(json *j);

#endif /* HOSTMAP_JSON_H */

/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file json.h
 * @brief Reading JSON (RFC 8259) in place: a value is the bytes that it has in
 *        the text.
 *
 * Check a text with hostmap_json_check() first; the others then find what is
 * in it.  In a text that was not checked they find nothing, or a part of it,
 * and never look outside it.  Nothing is allocated; any thread.
 */

#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "apr_errno.h"

#include "str.h"

/** How deep arrays and objects may lie in each other. */
#define HOSTMAP_JSON_DEPTH 32

/** @return APR_SUCCESS: the text is one value and blanks; else APR_EINVAL */
apr_status_t hostmap_json_check(hostmap_str text);

/**
 * Find a member of an object.
 * @param name without escapes; escaped names in the text are not found
 * @return its value, the first one's of that name; len 0: there is no such
 *         member, or `object` is no object
 */
hostmap_str hostmap_json_get(hostmap_str object, const char *name);

/**
 * Take the first value of what is left of an array.
 * @param array the array; moved on
 * @param value set to the value
 * @return 1; 0: there are no more, or `array` is no array
 */
int hostmap_json_next(hostmap_str *array, hostmap_str *value);

/** @return the number; `otherwise` if it is no number */
double hostmap_json_number(hostmap_str value, double otherwise);

/** @return 1: the value is `true`; else 0 */
int hostmap_json_true(hostmap_str value);

/**
 * Copy a text without its escapes, as UTF-8, and terminate it.  What does not
 * fit is left out, and a NUL within the text becomes `?`.
 * @param buffer its size is at least 1
 * @return its length; 0: empty, or no text
 */
apr_size_t hostmap_json_text(char *buffer, apr_size_t size, hostmap_str value);

#endif /* BASE_JSON_H */

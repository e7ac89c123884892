/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file hostmap_text.h
 * @brief The text form of a map: one `key value` a line, `#` comments.
 *
 * Pure: no allocation, no I/O, any thread.
 */

#ifndef HOSTMAP_TEXT_H
#define HOSTMAP_TEXT_H

#include "apr.h"
#include "apr_errno.h"

#include "hostmap_entry.h"
#include "hostmap_key.h"

/** Longest line of an entry, without its newline. */
#define HOSTMAP_LINE_MAX (HOSTMAP_KEY_MAX + HOSTMAP_VALUE_MAX + 64)

/**
 * Split a line.  CR before the newline, blanks before the key and after the
 * value are ignored.
 * @param key,value set to bytes of line
 * @param line without its newline
 * @return APR_SUCCESS; APR_EOF for a line that holds no entry (blank, comment:
 *         first byte that is not a blank is `#`); APR_EINVAL with bad set (no
 *         value, NUL byte, too long)
 */
apr_status_t hostmap_text_line(hostmap_str *key, hostmap_str *value,
                               hostmap_str line, hostmap_bad *bad);

/** The same as stock httxt2dbm reads a line: one that begins with `#` or a
 *  blank holds no entry, nor does one without a value; the value is the first
 *  word after the key; no line is wrong.
 *  @return APR_SUCCESS, APR_EOF */
apr_status_t hostmap_text_line_httxt2dbm(hostmap_str *key, hostmap_str *value,
                                         hostmap_str line);

#endif /* HOSTMAP_TEXT_H */

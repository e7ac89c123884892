/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file hostmap_backend.h
 * @brief A backend's URL and its words: what entries and groups are made of.
 *
 * Internal to the library.  Pure: no allocation, no I/O, any thread.
 */

#ifndef HOSTMAP_BACKEND_H
#define HOSTMAP_BACKEND_H

#include "base/scan.h"
#include "hostmap_entry.h"

/* Reasons of bad values that entries and groups share. */
#define HOSTMAP_BACKEND_FIRST "expected a URL, a group, `!` or a status"
#define HOSTMAP_BACKEND_TOO_LONG "the value is longer than 4096 bytes"
#define HOSTMAP_BACKEND_CONTROL "the value holds a control character"

/**
 * Parse a backend URL: sets kind, url, socket, scheme, host, port and path of
 * an entry that is zero.
 * @return APR_SUCCESS; APR_EINVAL with scan->bad set
 */
apr_status_t hostmap_backend_url(hostmap_entry *entry, hostmap_str word,
                                 const hostmap_scan *scan);

/** Does a word begin with a URL: is there a `:`, and no `=` before it? */
int hostmap_backend_is_url(hostmap_str word);

/**
 * Check entry->words, the words after a URL, and set entry->flags.
 * @param is_member of a group: `weight=` and `backup` are passed over
 * @return APR_SUCCESS; APR_EINVAL with scan->bad set
 */
apr_status_t hostmap_backend_words(hostmap_entry *entry, int is_member,
                                   const hostmap_scan *scan);

#endif /* HOSTMAP_BACKEND_H */

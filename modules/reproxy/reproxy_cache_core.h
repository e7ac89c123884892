/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file reproxy_cache_core.h
 * @brief Who may keep a copy, by the app's Cache-Control (RFC 9111, 5.2.2).
 *
 * Pure: no allocation, no I/O, any thread.
 */

#ifndef CACHE_CORE_H
#define CACHE_CORE_H

#include "apr.h"

typedef struct reproxy_cache_control {
    /** no-store, private, no-cache (also with a list of headers) */
    int forbidden;
    int is_public;
    /** seconds; -1: not said */
    apr_int64_t max_age;
    apr_int64_t s_maxage;
} reproxy_cache_control;

/**
 * Read the values of Cache-Control, joined by commas.  Words it does not know
 * are passed over; a lifetime that is no number is 0, one that does not fit is
 * the longest; of two, the shorter one counts.
 */
void reproxy_cache_control_read(reproxy_cache_control *said,
                                const char *text);

/** What a shared cache goes by, in seconds; -1: nothing was said. */
apr_int64_t reproxy_cache_lifetime(const reproxy_cache_control *said);

/** Is a shared cache told that it may keep a copy?  Silence is a no. */
int reproxy_cache_allows(const reproxy_cache_control *said);

#endif /* CACHE_CORE_H */

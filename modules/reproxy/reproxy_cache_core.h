/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file reproxy_cache_core.h
 * @brief May a cache keep a copy, by a Cache-Control (RFC 9111, 5.2.2)?
 *
 * Pure: no allocation, no I/O, any thread.
 */

#ifndef REPROXY_CACHE_CORE_H
#define REPROXY_CACHE_CORE_H

#include "apr.h"

typedef struct reproxy_cache_control {
    /** no-store, private, no-cache (also with a list of headers) */
    int forbidden;
    int is_public;
    /** seconds; -1: not given */
    apr_int64_t max_age;
    apr_int64_t s_maxage;
} reproxy_cache_control;

/**
 * Read the values of Cache-Control, joined by commas.  Unknown words are
 * ignored; a lifetime that is no number is 0, one that does not fit is the
 * longest; of two, the shorter one counts.
 */
void reproxy_cache_control_read(reproxy_cache_control *control,
                                const char *text);

/** The lifetime for a shared cache, in seconds; -1: none is given. */
apr_int64_t reproxy_cache_lifetime(const reproxy_cache_control *control);

/** May a shared cache keep a copy?  Only if it is told so. */
int reproxy_cache_allows(const reproxy_cache_control *control);

#endif /* REPROXY_CACHE_CORE_H */

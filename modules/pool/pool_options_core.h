/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file pool_options_core.h
 * @brief The options of a pool, from ProxyPoolSet and from a map's entry.
 *
 * Names, units and ranges are those of base/option.h; here they are merged.
 * Pure: no allocation, no I/O, any thread.
 */

#ifndef POOL_OPTIONS_CORE_H
#define POOL_OPTIONS_CORE_H

#include "base/option.h"

/** Room for any row of hostmap_options[]; a unit test compares. */
#define POOL_OPTIONS_MAX 24

/** Longest text that pool_options_key writes. */
#define POOL_OPTIONS_KEY_MAX 1024

/** Options by the index of their row in hostmap_options[].  Texts refer to
 *  the words they were read from. */
typedef struct pool_options {
    apr_uint32_t set;       /**< bit i: row i is given */
    apr_int64_t number[POOL_OPTIONS_MAX];
    hostmap_str text[POOL_OPTIONS_MAX];
} pool_options;

/**
 * Read key=value words over those already set: the later one wins.
 * enablereuse is kept as the disablereuse that it means.
 * @return APR_SUCCESS, APR_EINVAL with bad set
 */
apr_status_t pool_options_read(pool_options *options, hostmap_str words,
                               hostmap_bad *bad);

/** The option of this name; number and text are as in hostmap_option.
 *  @return 1: it is given; 0: it is not */
int pool_options_get(const pool_options *options, const char *name,
                     apr_int64_t *number, hostmap_str *text);

/** Is the option of this name given? */
int pool_options_has(const pool_options *options, const char *name);

/**
 * Write the options in one spelling: equal options, equal text.
 * @param key room for POOL_OPTIONS_KEY_MAX bytes
 * @return its length; terminated with NUL
 */
apr_size_t pool_options_key(char *key, const pool_options *options);

#endif /* POOL_OPTIONS_CORE_H */

/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file histogram.h
 * @brief Times in fixed buckets, log-linear: each power of two of microseconds
 *        is cut into the same number of equal parts.
 *
 * A bucket is at most 1/2^bits of its lower bound wide, so that a quantile that
 * is read from the middle of a bucket is wrong by half of that.
 *
 * Pure: any thread; the counts are words of atomic.h.
 */

#ifndef BASE_HISTOGRAM_H
#define BASE_HISTOGRAM_H

#include "apr.h"

/** The first bucket holds all below 2^6 = 64 us, the last all from 2^27 us,
 *  134 s, on. */
#define HISTOGRAM_LOW   6
#define HISTOGRAM_HIGH  27

/** Number of buckets of a histogram with 2^bits parts in each power of two. */
#define HISTOGRAM_BUCKETS(bits) \
    (((unsigned)(HISTOGRAM_HIGH - HISTOGRAM_LOW) << (bits)) + 2)

/** The bucket of a time. */
static inline unsigned histogram_bucket(unsigned bits, apr_uint64_t micros)
{
    unsigned power;

    if (micros < (1 << HISTOGRAM_LOW)) {
        return 0;
    }
    power = 63 - __builtin_clzll(micros);
    if (power >= HISTOGRAM_HIGH) {
        return HISTOGRAM_BUCKETS(bits) - 1;
    }
    return 1 + ((power - HISTOGRAM_LOW) << bits)
           + ((unsigned)(micros >> (power - bits)) & ((1u << bits) - 1));
}

/** The smallest time of a bucket, microseconds.  That of the bucket after the
 *  last is the end of what is told apart. */
apr_uint64_t histogram_bound(unsigned bits, unsigned bucket);

/**
 * The time below which a share of what was counted lies.
 * @param counts HISTOGRAM_BUCKETS(bits) of them, of the reader's own
 * @param share 0 to 1
 * @return microseconds; 0 when nothing was counted; the last bound for what
 *         lies in the last bucket
 */
apr_uint64_t histogram_quantile(unsigned bits, const apr_uint64_t *counts,
                                double share);

/** How many were counted with a time below 2^power microseconds;
 *  HISTOGRAM_LOW <= power <= HISTOGRAM_HIGH. */
apr_uint64_t histogram_below(unsigned bits, const apr_uint64_t *counts,
                             unsigned power);

/** All that were counted. */
apr_uint64_t histogram_total(unsigned bits, const apr_uint64_t *counts);

#endif /* BASE_HISTOGRAM_H */

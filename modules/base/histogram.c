/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What is read from a histogram.  Counting is in the header, for each request.
 */

#include "histogram.h"

apr_uint64_t histogram_bound(unsigned bits, unsigned bucket)
{
    unsigned power, part;

    if (bucket == 0) {
        return 0;
    }
    bucket--;
    power = HISTOGRAM_LOW + (bucket >> bits);
    part = bucket & ((1u << bits) - 1);
    return ((APR_UINT64_C(1) << bits) + part) << (power - bits);
}

apr_uint64_t histogram_total(unsigned bits, const apr_uint64_t *counts)
{
    apr_uint64_t total = 0;
    unsigned i;

    for (i = 0; i < HISTOGRAM_BUCKETS(bits); i++) {
        total += counts[i];
    }
    return total;
}

apr_uint64_t histogram_below(unsigned bits, const apr_uint64_t *counts,
                             unsigned power)
{
    unsigned end = 1 + ((power - HISTOGRAM_LOW) << bits);
    apr_uint64_t total = 0;
    unsigned i;

    for (i = 0; i < end; i++) {
        total += counts[i];
    }
    return total;
}

/* Within a bucket times are taken to be spread evenly. */
apr_uint64_t histogram_quantile(unsigned bits, const apr_uint64_t *counts,
                                double share)
{
    double rank = share * (double)histogram_total(bits, counts);
    double before = 0;
    unsigned i;

    for (i = 0; i < HISTOGRAM_BUCKETS(bits) - 1; i++) {
        double count = (double)counts[i];

        if (count > 0 && before + count >= rank) {
            double low = (double)histogram_bound(bits, i);
            double width = (double)histogram_bound(bits, i + 1) - low;

            return (apr_uint64_t)(low + width * (rank - before) / count);
        }
        before += count;
    }
    return counts[i] > 0 ? histogram_bound(bits, i) : 0;
}

/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Bodies that are dropped: the app's, and those of failed attempts.  Reading
 * one to its end keeps its connection; that is worth a bounded time and number
 * of bytes.  After that an error tells the handler to give the connection up,
 * and storage, or the next URL, is asked.
 */

#include "reproxy.h"

#include "util_filter.h"

#define SWALLOW_TIME apr_time_from_msec(250)
#define SWALLOW_NAP apr_time_from_msec(1)

void reproxy_swallow_begin(reproxy_swallow *swallow, apr_off_t bytes)
{
    swallow->until = apr_time_now() + SWALLOW_TIME;
    swallow->left = bytes;
    reproxy_timeout_until(swallow->until);
}

/* A pipe or socket has to be read, or its writer waits for ever.  Only the
 * bucket knows what to wait for: the naps are for those that do not. */
static apr_status_t swallow_read(const reproxy_swallow *swallow,
                                 apr_bucket *b)
{
    apr_interval_time_t nap = SWALLOW_NAP, left;
    const char *data;
    apr_size_t length;
    apr_status_t rv;

    for (;;) {
        rv = apr_bucket_read(b, &data, &length, APR_NONBLOCK_READ);
        if (!APR_STATUS_IS_EAGAIN(rv)) {
            return rv;
        }
        left = swallow->until - apr_time_now();
        if (left <= 0) {
            return APR_TIMEUP;
        }
        apr_sleep(nap < left ? nap : left);
        nap *= 2;
    }
}

/* What has a length is dropped unread. */
static apr_status_t swallow_data(reproxy_swallow *swallow, apr_bucket *b)
{
    apr_status_t rv = APR_SUCCESS;

    if (b->length != (apr_size_t)-1) {
        swallow->left -= b->length;
        return APR_SUCCESS;
    }
    rv = swallow_read(swallow, b);
    if (rv == APR_SUCCESS) {
        swallow->left -= b->length;
    }
    return rv == APR_SUCCESS && swallow->left < 0 ? APR_ENOSPC : rv;
}

apr_status_t reproxy_swallow_brigade(reproxy_swallow *swallow, request_rec *r,
                                     apr_bucket_brigade *bb)
{
    apr_status_t rv = APR_SUCCESS;
    int flush = 0, ended = 0;

    while (!APR_BRIGADE_EMPTY(bb) && rv == APR_SUCCESS) {
        apr_bucket *b = APR_BRIGADE_FIRST(bb);

        if (!APR_BUCKET_IS_METADATA(b)) {
            rv = swallow_data(swallow, b);
        }
        flush |= APR_BUCKET_IS_FLUSH(b);
        ended |= APR_BUCKET_IS_EOS(b);
        apr_bucket_delete(b);
    }
    apr_brigade_cleanup(bb);
    if (rv != APR_SUCCESS || ended) {
        return rv;
    }
    if (swallow->left < 0) {
        return APR_ENOSPC;
    }
    if (apr_time_now() >= swallow->until) {
        return APR_TIMEUP;
    }
    /* FLUSH: the handler can read no more at the moment, and would wait
     * without our bound */
    return flush && APR_STATUS_IS_TIMEUP(reproxy_timeout_poll(r->pool))
           ? APR_TIMEUP : APR_SUCCESS;
}

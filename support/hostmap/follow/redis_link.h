/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file redis_link.h
 * @brief A connection to Redis or Valkey: hosts tried in turn, Sentinel, TLS,
 *        credentials; commands whose errors are statuses of store.h.
 *
 * With redis.c the only user of hiredis.  A server that does not answer within
 * REDIS_TIMEOUT is taken for gone.
 */

#ifndef FOLLOW_REDIS_LINK_H
#define FOLLOW_REDIS_LINK_H

#include <hiredis/hiredis.h>

#include "store.h"

typedef struct redis_link {
    const follow_url *url;
    const follow_access *access;
    redisContext *context;
    /** of the URL's, the one that is tried next */
    unsigned host;
    /** where the connection leads, for messages */
    char peer[300];
    /** why the last connection ended */
    hostmap_reason lost;
} redis_link;

/** Can this build reach such a URL?  @return APR_SUCCESS or APR_ENOTIMPL */
apr_status_t redis_link_check(const follow_url *url, hostmap_reason *why);

apr_status_t redis_link_open(redis_link *link, hostmap_reason *why);

void redis_link_close(redis_link *link);

/**
 * Send a command and read its reply; format as hiredis has it.
 * @param reply set when the result is APR_SUCCESS; to be freed with
 *        freeReplyObject(); of the type wanted, or nil
 * @param type a REDIS_REPLY_ type; 0: any but an error
 */
apr_status_t redis_link_ask(redis_link *link, redisReply **reply, int type,
                            hostmap_reason *why, const char *format, ...);

/** Send a command whose reply does not matter unless it is an error. */
apr_status_t redis_link_do(redis_link *link, hostmap_reason *why,
                           const char *format, ...);

/** Append a command of counted words to what is sent with the next
 *  redis_link_next(). */
void redis_link_append(redis_link *link, const hostmap_str *words,
                       apr_size_t count);

/** The reply of the next command that was appended; as redis_link_ask(). */
apr_status_t redis_link_next(redis_link *link, redisReply **reply, int type,
                             hostmap_reason *why);

/** Wait until the server sends something, at most for the timeout.
 *  @return APR_SUCCESS, APR_EINTR, APR_TIMEUP */
apr_status_t redis_link_wait(redis_link *link, apr_interval_time_t timeout);

/** Judge a reply that was read; NULL: the connection failed. */
apr_status_t redis_link_judge(redis_link *link, redisReply **reply, int type,
                              hostmap_reason *why);

#endif /* FOLLOW_REDIS_LINK_H */

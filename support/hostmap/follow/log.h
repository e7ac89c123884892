/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file log.h
 * @brief What a follower logs on standard error, with the journal's
 *        priorities when the journal reads it, and what it tells the service
 *        manager.  One thread.
 */

#ifndef FOLLOW_LOG_H
#define FOLLOW_LOG_H

#include "base/limit.h"
#include "base/str.h"

/* Priorities as syslog and the journal have them. */
#define FOLLOW_ERR      3
#define FOLLOW_WARNING  4
#define FOLLOW_NOTICE   5
#define FOLLOW_INFO     6

/** Log a line; control bytes in it become \xHH. */
void follow_log(int priority, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/** The same, once a minute, with the number of times in between. */
void follow_log_limited(hostmap_limit *limit, int priority,
                        const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/** Send a datagram to the service manager, as sd_notify(3) does; nothing when
 *  there is none. */
void follow_notify(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

#endif /* FOLLOW_LOG_H */

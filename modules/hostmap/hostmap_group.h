/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file hostmap_group.h
 * @brief Several backends that serve one entry, or all entries that name them.
 *
 *     @web1     policy=leastconn http://10.0.0.5:8080 http://10.0.0.6:8080
 *     two.test  http://10.0.0.8 weight=2 timeout=5 http://10.0.0.9 backup
 *
 * Words before the first URL are the group's, words after a URL and before the
 * next one are that member's: `weight=`, `backup`, and options of its pool.
 * ProxyPass's flags hold for the request, wherever they stand.
 *
 * Pure: no allocation, no I/O, any thread.  The structs refer to the bytes
 * that were parsed, which must outlive them.
 */

#ifndef HOSTMAP_GROUP_H
#define HOSTMAP_GROUP_H

#include "hostmap_entry.h"
#include "hostmap_key.h"

/** Members of a group, at most. */
#define HOSTMAP_MEMBERS_MAX 32
/** Largest weight of a member. */
#define HOSTMAP_WEIGHT_MAX 1000
/** Statuses that `failon=` can name, at most. */
#define HOSTMAP_FAILON_MAX 16

typedef enum {
    HOSTMAP_POLICY_ROUNDROBIN,  /**< by weight, in turn; the default */
    HOSTMAP_POLICY_LEASTCONN,   /**< the fewest requests in flight */
    HOSTMAP_POLICY_HASH,        /**< the same for the same client */
    HOSTMAP_POLICY_FIRST        /**< in the order of the entry */
} hostmap_policy;

typedef struct hostmap_group {
    hostmap_policy policy;
    /** name of a cookie that keeps a client at its member; empty: none */
    hostmap_str sticky;
    /** further members that a request may be sent to; -1: all */
    int retries;
    /** statuses by which a member has failed, for hostmap_group_fails() */
    hostmap_str failon;
    /** from the first URL on, for hostmap_member_next() */
    hostmap_str members;
    unsigned count;
    /** HOSTMAP_FLAG_ bits of all words */
    unsigned flags;
} hostmap_group;

typedef struct hostmap_member {
    /** kind, url and its parts, words; flags are the group's */
    hostmap_entry backend;
    unsigned weight;            /**< 1 to HOSTMAP_WEIGHT_MAX */
    int backup;
} hostmap_member;

/**
 * Parse the value of a group and check all of it.  All members have the same
 * path, and schemes of one kind (http and https; ws and wss; h2 and h2c; one of
 * the others): a request goes to any of them.
 * @param bad set on failure, may be NULL
 * @return APR_SUCCESS; APR_EINVAL: nothing of *group may be used then
 */
apr_status_t hostmap_group_parse(hostmap_group *group, hostmap_str value,
                                 hostmap_bad *bad);

/**
 * Check a value under its key: that of a group is one for
 * hostmap_group_parse(), any other one for hostmap_entry_parse().
 * @param entry set as hostmap_entry_parse() does for a value with members
 * @return APR_SUCCESS; APR_EINVAL with bad set
 */
apr_status_t hostmap_value_check(hostmap_entry *entry, hostmap_str key,
                                 hostmap_str value, hostmap_bad *bad);

/**
 * Take the next member of a group that was parsed.
 * @param rest group->members at first; what is left of it
 * @return APR_SUCCESS, APR_EOF
 */
apr_status_t hostmap_member_next(hostmap_member *member, hostmap_str *rest);

/** Has a member failed that answered with this status?  Without `failon=`:
 *  502, 503 and 504. */
int hostmap_group_fails(const hostmap_group *group, int status);

#endif /* HOSTMAP_GROUP_H */

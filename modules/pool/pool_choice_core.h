/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file pool_choice_core.h
 * @brief Which member of a group of backends gets a request.
 *
 * Pure: no allocation, no I/O, no clock, any thread.  What the choice depends
 * on is handed in: the caller reads health and load off shared memory.
 *
 * The rules, in this order:
 *
 * 1. a member that this request was sent to already is not chosen again;
 * 2. the member that the client's cookie names, unless it is out or down;
 * 3. of the members that are up, those that are no backups, by the policy;
 * 4. of the backups that are up, by the policy;
 * 5. when all are out: the one that has been out longest.
 *
 * A member that drains gets only the requests of rule 2, one that is down
 * gets none.
 */

#ifndef POOL_CHOICE_CORE_H
#define POOL_CHOICE_CORE_H

#include "apr.h"
#include "apr_time.h"

/** Members of a group, at most. */
#define POOL_MEMBERS_MAX 32
/** A member's share while it is not in its slow start. */
#define POOL_SHARE_FULL 256
/** The largest weight. */
#define POOL_WEIGHT_MAX 1000

typedef enum {
    POOL_POLICY_ROUNDROBIN, /**< by weight, in turn */
    POOL_POLICY_LEASTCONN,  /**< the fewest requests in flight, by weight */
    POOL_POLICY_HASH,       /**< the same for the same hash, by weight */
    POOL_POLICY_FIRST       /**< the first one in the order of the entry */
} pool_policy;

typedef enum {
    POOL_MEMBER_UP,
    POOL_MEMBER_OUT,        /**< by its failures */
    POOL_MEMBER_DRAIN,      /**< by the administrator */
    POOL_MEMBER_DOWN        /**< by the administrator */
} pool_member_state;

/** A member as it is at the moment of the choice. */
typedef struct pool_member {
    /** the same for the same backend in each child and after a restart */
    apr_uint64_t id;
    unsigned weight;            /**< 1 to POOL_WEIGHT_MAX */
    unsigned share;             /**< 1 to POOL_SHARE_FULL: slow start */
    unsigned in_flight;         /**< requests, over all children */
    int backup;
    int tried;                  /**< by this request */
    pool_member_state state;
    apr_time_t out_since;       /**< POOL_MEMBER_OUT: since when */
} pool_member;

/** What the choice goes by. */
typedef struct pool_choice {
    pool_policy policy;
    /** of a counter that moves on by one with each choice of this child */
    apr_uint32_t turn;
    /** of what the policy `hash` goes by */
    apr_uint64_t hash;
    /** the id that the client's cookie names; 0: no cookie */
    apr_uint64_t sticky;
} pool_choice;

/**
 * Choose.
 * @param members count of them, at most POOL_MEMBERS_MAX
 * @return the index of the member; -1: none is left
 */
int pool_choose(const pool_choice *choice, const pool_member *members,
                int count);

#endif /* POOL_CHOICE_CORE_H */

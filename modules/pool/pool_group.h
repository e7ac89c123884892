/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file pool_group.h
 * @brief A request that any member of a group can serve: which one gets it,
 *        and whether another one may when that fails.
 *
 * Everything lives in the request's pool and belongs to its thread.
 */

#ifndef POOL_GROUP_H
#define POOL_GROUP_H

#include "httpd.h"

#include "base/str.h"
#include "mod_proxy_pool.h"
#include "pool_choice_core.h"
#include "pool_flight.h"

struct pool_request;

/** A request's way through its group.  All zero at first. */
typedef struct pool_group {
    const proxy_pool_group *group;  /**< NULL: one backend, as ever */
    pool_member members[POOL_MEMBERS_MAX];
    int chosen;                 /**< index of the member that has the request */
    int left;                   /**< further members that may be asked */
    int repeatable;             /**< it may be sent again after it was sent */
    int judging;                /**< the filter has seen nothing yet */
    int failed;                 /**< the response is a failure of the member */
    int rejected;               /**< and another one is asked: swallowed */
    apr_off_t swallowed;
    /* as they were before the first attempt */
    apr_table_t *headers_out;
    apr_table_t *err_headers_out;
} pool_group;

/**
 * Begin: remember what a response has before the first attempt.
 */
void pool_group_begin(pool_group *group, request_rec *r);

/**
 * Choose the next member: rewrites the URL and r->filename, and sets
 * mod_proxy's note for a unix socket.
 * @param url canonical, of any member; set to that of the one that is chosen
 * @return 1; 0: no member is left, or none is in service
 */
int pool_group_next(pool_group *group, request_rec *r, char **url);

/** Options of the pool of the chosen member. */
hostmap_str pool_group_words(const pool_group *group);

/** An attempt begins: its response is judged. */
void pool_group_watch(pool_group *group, request_rec *r);

/** Did the member answer with a failure? @param rc what mod_proxy returned */
int pool_group_is_failed(const pool_group *group, int rc, int answered);

/**
 * An attempt is over.
 * @param rc what mod_proxy returned
 * @return 1: the member has failed, nothing has gone to the client, and the
 *         request may go to another one; the response is as it was before.
 *         0: rc is the result
 */
int pool_group_failed(pool_group *group, request_rec *r, int rc,
                      const struct pool_request *state);

/** In register_hooks. */
void pool_group_register(void);

#endif /* POOL_GROUP_H */

/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file pool_flight.h
 * @brief What the server's processes know together of the backends: the slot
 *        of a backend while a request is on its way to it, and what is counted
 *        there.
 */

#ifndef POOL_FLIGHT_H
#define POOL_FLIGHT_H

#include "httpd.h"

#include "base/slots.h"
#include "pool_choice_core.h"
#include "pool_limit_core.h"

struct pool_attempt;

/** Where a request goes to. */
typedef struct pool_route {
    const char *name;           /**< scheme://host:port */
    slots_ref *ref;             /**< of this name, kept where the name is */
    int watched;                /**< an attempt's members will be set */
    /** after which a connection that did not open has timed out; for
     *  pool_flight_end(), where the answer is 503 */
    apr_interval_time_t connect_timeout;
    int is_member;              /**< of a group: its failures take it out */
    int failed;                 /**< its answer is a failure for the group */
} pool_route;

/** A request's way to a backend.  All zero at first. */
typedef struct pool_flight {
    unsigned backend;           /**< number of its slot */
    apr_time_t began;
    /** 0: no byte of an answer came */
    apr_time_t first_byte;
    /** SLOTS_BACKEND_REFUSED to _LIMITED, or 0: it did not fail */
    slots_backend_count failure;
    unsigned attempts;
} pool_flight;

/** In post_config: finds the block, or makes it.  @return why there is none;
 *  then nothing is counted and nothing is limited */
apr_status_t pool_flight_start(server_rec *main_server);

/** In child_init. */
void pool_flight_child_start(void);

/** In register_hooks. */
void pool_flight_register(void);

/** How a member of a group is, for all children: pool_health_see(), and its
 *  requests in flight. */
void pool_flight_member(pool_member *member, const char *name, int may_probe,
                        apr_time_t now);

/** pool_health_claim() for the member of that name. */
int pool_flight_claim(const char *name, apr_time_t now);

/**
 * A request is to go to a backend.
 * @return 1; 0: the backend is silent and enough requests wait
 *         (pool_limit_core.h): answer 503.  Retry-After is set, it is logged
 *         and counted, and pool_flight_end() is not called
 */
int pool_flight_begin(pool_flight *flight, request_rec *r,
                      const pool_route *route, const pool_limits *limits);

/** Has the first byte of the answer seen in the request's own filters: for
 *  schemes whose connections are bare sockets. */
void pool_flight_watch(pool_flight *flight, request_rec *r);

/** The first byte of its answer has come.  On the request's thread. */
void pool_flight_answered(pool_flight *flight);

/**
 * The attempt is over: counts what became of it.
 * @param rc of mod_proxy's handler
 */
void pool_flight_end(pool_flight *flight, request_rec *r, int rc,
                     const struct pool_attempt *attempt,
                     const pool_route *route);

#endif /* POOL_FLIGHT_H */

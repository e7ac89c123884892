/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file pool_health_core.h
 * @brief When a member of a group is out of service, and how it comes back.
 *
 * Three failures in a row take a member out for a second.  Then one request at
 * a time asks whether it serves again: if that fails too, the pause doubles, up
 * to a minute; if it is answered, the member is back, and takes its full share
 * after ten seconds.  A request that is answered at any time brings it back.
 *
 * All children see the same: the state is a slot's, in shared memory.  Pure:
 * APR only; any thread of any process that shares the slots.
 */

#ifndef POOL_HEALTH_CORE_H
#define POOL_HEALTH_CORE_H

#include "base/slots.h"
#include "pool_choice_core.h"

#define POOL_HEALTH_FAILURES    3
#define POOL_HEALTH_PAUSE       apr_time_from_sec(1)
#define POOL_HEALTH_PAUSE_MAX   apr_time_from_sec(60)
#define POOL_HEALTH_SLOW_START  apr_time_from_sec(10)
/** A request that asks whether a member serves again is given up as lost after
 *  this long: its child may have been killed. */
#define POOL_HEALTH_PROBE_MAX   apr_time_from_sec(60)

/**
 * Read how a member is: sets state, share and out_since.
 * @param may_probe the request can be sent to another member if this one
 *        fails it: it may ask whether a member that is out serves again
 */
void pool_health_see(pool_member *member, const slots_health *health,
                     int may_probe, apr_time_t now);

/**
 * The request goes to the member.
 * @return 1; 0: it was to be the probe, and another request is by now
 */
int pool_health_claim(slots_health *health, apr_time_t now);

/** The request that was to ask was not sent, or says nothing of the member:
 *  another one may ask. */
void pool_health_release(slots_health *health);

/** A request to the member has failed: health->failures is counted already. */
void pool_health_failed(slots_health *health, apr_time_t now);

/** The member has answered a request. */
void pool_health_answered(slots_health *health, apr_time_t now);

#endif /* POOL_HEALTH_CORE_H */

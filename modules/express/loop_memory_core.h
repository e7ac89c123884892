/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file loop_memory_core.h
 * @brief Entries that were seen to be loops, remembered by all processes of a
 *        server.
 *
 * Requests for an entry that is remembered are to be refused, except one in
 * each LOOP_MEMORY_INTERVAL: the probe.  (The caller may let more through, as
 * probes.)  A probe that its backend answers frees the entry; one that comes
 * back has it added again.  A probe that never returns changes nothing: it may
 * be in the loop itself, waiting for a worker.  An entry that is not added
 * again within LOOP_MEMORY_FORGET is forgotten in any case.
 *
 * Pure: no allocation, no I/O; any thread of any process that shares the
 * memory.
 */

#ifndef LOOP_MEMORY_CORE_H
#define LOOP_MEMORY_CORE_H

#include "apr.h"
#include "apr_time.h"

#define LOOP_MEMORY_INTERVAL  apr_time_from_sec(5)
#define LOOP_MEMORY_FORGET    apr_time_from_sec(60)

/** Of two entries whose fingerprints fall on the same slot the later one is
 *  remembered. */
#define LOOP_MEMORY_SLOTS     256

/** For loop_memory_core.c only.  All bytes zero: remembers nothing. */
typedef struct loop_memory {
    apr_uint32_t last;
    struct {
        apr_uint32_t high;
        apr_uint32_t low;
        apr_uint32_t next;
        apr_uint32_t added;
    } slots[LOOP_MEMORY_SLOTS];
} loop_memory;

/** What is to be done with a request. */
typedef enum {
    LOOP_MEMORY_SERVE,
    LOOP_MEMORY_REFUSE,
    /** serve it, and free the entry when its backend answers */
    LOOP_MEMORY_PROBE
} loop_memory_verdict;

/**
 * May the memory hold anything at all?  Ask this before the fingerprint of an
 * entry is computed.
 * @param now may be a while ago: when the request came
 */
int loop_memory_any(loop_memory *memory, apr_time_t now);

/**
 * What is to be done with a request for this entry?
 * @param print the fingerprint of the entry: different entries have different
 *        ones
 * @param now as exactly as the caller can: apr_time_now()
 */
loop_memory_verdict loop_memory_ask(loop_memory *memory, apr_uint64_t print,
                                    apr_time_t now);

/** This entry is a loop. */
void loop_memory_add(loop_memory *memory, apr_uint64_t print, apr_time_t now);

/** This entry is no loop any more. */
void loop_memory_free(loop_memory *memory, apr_uint64_t print);

#endif /* LOOP_MEMORY_CORE_H */

/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file loop_memory_core.h
 * @brief Entries that were seen to be loops, remembered by all processes of a
 *        server.
 *
 * An entry that is remembered is to be refused, but for one request in each
 * MEMORY_INTERVAL: the probe.  (The caller may let more through, as probes.)
 * A probe that is answered by a backend frees the entry, one that comes back
 * has it added again.  One that is not heard of does neither: it may be a loop
 * that waits for a worker.  What was not added again within MEMORY_FORGET is
 * forgotten in any case.
 *
 * Pure: no allocation, no I/O; any thread of any process that shares the
 * memory.
 */

#ifndef MEMORY_CORE_H
#define MEMORY_CORE_H

#include "apr.h"
#include "apr_time.h"

#define MEMORY_INTERVAL  apr_time_from_sec(5)
#define MEMORY_FORGET    apr_time_from_sec(60)

/** Two entries whose marks fall on the same slot: the later one is remembered.
 */
#define MEMORY_SLOTS     256

/** Members are memory_core.c's.  All bytes zero: remembers nothing. */
typedef struct loop_memory {
    apr_uint32_t last;
    struct {
        apr_uint32_t high;
        apr_uint32_t low;
        apr_uint32_t next;
        apr_uint32_t added;
    } slots[MEMORY_SLOTS];
} loop_memory;

/** What is to become of a request. */
typedef enum {
    MEMORY_SERVE,
    MEMORY_REFUSE,
    /** serve it, and free the entry when its backend answers */
    MEMORY_PROBE
} memory_verdict;

/**
 * May the memory hold anything at all?  The one thing to ask before the mark
 * of an entry is computed.
 * @param now may be a while ago: when the request came
 */
int memory_any(loop_memory *memory, apr_time_t now);

/**
 * What is to become of a request for this entry?
 * @param mark of the entry; other entries have others
 * @param now as exactly as the caller can: apr_time_now()
 */
memory_verdict memory_ask(loop_memory *memory, apr_uint64_t mark,
                          apr_time_t now);

/** This entry is a loop. */
void memory_add(loop_memory *memory, apr_uint64_t mark, apr_time_t now);

/** This entry is none any more. */
void memory_free(loop_memory *memory, apr_uint64_t mark);

#endif /* MEMORY_CORE_H */

/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file slots.h
 * @brief One block of memory that all processes of a server share: counters of
 *        the server, a slot for each backend and for each entry of the maps,
 *        and what each child has on its way to each backend.
 *
 * Its size is fixed when it is made, whatever the number of hosts.  A table of
 * slots has eight ways: a key can be in eight places, and when all are taken
 * one key displaces another.
 *
 * - A backend always gets a slot: the least recently used one that has nothing
 *   in flight.  What that has counted goes to the slot SLOTS_OTHER, which also
 *   stands for a backend whose eight ways are all in flight.
 * - An entry gets the slot with the fewest requests in this minute and the
 *   last, one time in that number + 1: a flood of rare keys rarely displaces
 *   others.  What is not counted in a slot is counted as `missed` by the set,
 *   which bounds what any key of the set can have in truth.
 *
 * No lock: counters are words of atomic.h.  One thread at a time changes the
 * keys of a set; if it is killed while it does, the next one may after
 * SLOTS_CLAIM_MAX seconds.  What is in flight is counted in a row for each
 * child, and a child that dies takes its row with it: slots_row_clear().
 *
 * Pure: APR only; any thread of any process that shares the block.
 */

#ifndef BASE_SLOTS_H
#define BASE_SLOTS_H

#include "apr_errno.h"
#include "apr_time.h"

#include "atomic.h"
#include "histogram.h"
#include "str.h"

/** Changes with every change of what lies in the block: a module that was
 *  replaced by another version and a restart leaves a block of the old one. */
#define SLOTS_LAYOUT        4

#define SLOTS_WAYS          8
#define SLOTS_LANES         16
#define SLOTS_CLAIM_MAX     2
/** Of the lanes' histograms: wrong by 3.2 % at most. */
#define SLOTS_TOTAL_BITS    4
/** Of the backends': wrong by 12.5 % at most. */
#define SLOTS_BACKEND_BITS  2
/** Bytes of a key that are kept; of a longer one the beginning. */
#define SLOTS_BACKEND_NAME  120
#define SLOTS_ENTRY_NAME    112
/** Results of requests and of attempts that the lanes tell apart. */
#define SLOTS_OUTCOMES      16
/** The default of the size of the tables. */
#define SLOTS_MEMORY        (4 * 1024 * 1024)
#define SLOTS_MEMORY_LEAST  (256 * 1024)

/** The first part of every slot. */
typedef struct slots_head {
    apr_uint64_t hash;
    /** odd: another key is being written */
    apr_uint32_t generation;
    /** second in which it was last used; in which its counts begin */
    apr_uint32_t used;
    apr_uint32_t created;
    /** requests in this minute and in the one before it */
    apr_uint32_t minute;
    apr_uint32_t now;
    apr_uint32_t before;
    /** true length of the key, of which some bytes may not be kept */
    apr_uint32_t len;
    /** of an entry: which map it stands in, the caller's number */
    apr_uint32_t map;
    /** requests that the key may have had before it had this slot */
    apr_uint64_t missed;
} slots_head;

/** What is counted for an entry. */
typedef enum {
    SLOTS_ENTRY_REQUESTS,
    SLOTS_ENTRY_ERRORS,         /**< answered with a 5xx */
    SLOTS_ENTRY_BYTES,          /**< to clients */
    SLOTS_ENTRY_MICROS,         /**< whole requests */
    SLOTS_ENTRY_COUNTS
} slots_entry_count;

typedef struct slots_entry {
    slots_head head;
    apr_uint64_t counts[SLOTS_ENTRY_COUNTS];
    apr_uint64_t name[SLOTS_ENTRY_NAME / 8];
} slots_entry;

/** What is counted for a backend: each attempt to have it serve a request. */
typedef enum {
    SLOTS_BACKEND_1XX,          /**< 101: an upgrade */
    SLOTS_BACKEND_2XX,
    SLOTS_BACKEND_3XX,
    SLOTS_BACKEND_4XX,
    SLOTS_BACKEND_5XX,
    SLOTS_BACKEND_REFUSED,      /**< no connection: refused, unreachable */
    SLOTS_BACKEND_TIMEOUT,      /**< of connecting, or of the first byte */
    SLOTS_BACKEND_RESET,        /**< closed before it answered */
    SLOTS_BACKEND_BAD,          /**< answered, and not in its protocol */
    SLOTS_BACKEND_LIMITED,      /**< not sent: a limit was reached */
    SLOTS_BACKEND_NEW,          /**< over a new connection */
    SLOTS_BACKEND_REUSED,       /**< over a kept one */
    SLOTS_BACKEND_RESENT,       /**< a second time, over a new one */
    SLOTS_BACKEND_MICROS,       /**< to the first byte, where one came */
    SLOTS_BACKEND_COUNTS
} slots_backend_count;

/** How a backend is.  Times are microseconds as apr_time_t, 0: never. */
typedef struct slots_health {
    apr_uint64_t asked;         /**< the first request since then was sent */
    apr_uint64_t answered;      /**< a first byte last came */
    apr_uint64_t failed;        /**< a failure last was */
    apr_uint32_t failure;       /**< its slots_backend_count */
    apr_uint32_t failures;      /**< in a row, up to now */
    /* of a member of a group (pool_health_core.h) */
    apr_uint64_t out_since;     /**< 0: it is in service */
    apr_uint64_t out_until;     /**< its pause ends */
    apr_uint64_t probe;         /**< a request asks since then; 0: none */
    apr_uint64_t back;          /**< it came back */
    apr_uint32_t pauses;        /**< in a row */
    apr_uint32_t spare;
} slots_health;

typedef struct slots_backend {
    slots_head head;
    slots_health health;
    apr_uint64_t counts[SLOTS_BACKEND_COUNTS];
    /** time to the first byte */
    apr_uint64_t first_byte[HISTOGRAM_BUCKETS(SLOTS_BACKEND_BITS)];
    apr_uint64_t name[SLOTS_BACKEND_NAME / 8];
} slots_backend;

/** Totals of the server; each thread counts in one of SLOTS_LANES. */
typedef struct slots_lane {
    /** by the status' first digit, 0: none */
    apr_uint64_t classes[6];
    /** by what became of the request: the caller's numbers */
    apr_uint64_t outcomes[SLOTS_OUTCOMES];
    /** requests whose app named what to serve; of these, a file; the bytes
     *  that clients were sent for them; attempts by their result */
    apr_uint64_t reproxied;
    apr_uint64_t reproxied_files;
    apr_uint64_t reproxied_bytes;
    apr_uint64_t attempts[SLOTS_OUTCOMES];
    apr_uint64_t bytes;
    apr_uint64_t micros;        /**< whole requests */
    apr_uint64_t first_micros;  /**< to the backend's first byte */
    apr_uint64_t requests[HISTOGRAM_BUCKETS(SLOTS_TOTAL_BITS)];
    apr_uint64_t first_byte[HISTOGRAM_BUCKETS(SLOTS_TOTAL_BITS)];
} slots_lane;

/** What is on its way to a backend: in a row's cell, four numbers of 16 bits,
 *  so that one addition changes several. */
#define SLOTS_IN_FLIGHT APR_UINT64_C(1)
/** of these, wait for their first byte */
#define SLOTS_WAITING   (APR_UINT64_C(1) << 16)
/** of these, were upgraded: WebSockets */
#define SLOTS_UPGRADED  (APR_UINT64_C(1) << 32)

/** Sums over all children. */
typedef struct slots_flight {
    unsigned in_flight;
    unsigned waiting;
    unsigned upgraded;
} slots_flight;

/** How large the parts of a block are. */
typedef struct slots_shape {
    apr_uint32_t backends;      /**< a multiple of SLOTS_WAYS, a power of two */
    apr_uint32_t entries;       /**< likewise */
    apr_uint32_t rows;          /**< of children, and one for those without */
} slots_shape;

/** The ways of a set: 16 bits of each key's hash, four in a word, so that a key
 *  is looked for among all of them in two comparisons. */
typedef struct slots_set {
    apr_uint64_t claim;         /**< second since when keys are changed, or 0 */
    apr_uint64_t missed;        /**< requests of keys that have no slot */
    apr_uint64_t tags[SLOTS_WAYS / 4];
} slots_set;

/** The way has no key. */
int slots_way_is_free(const slots_set *set, unsigned way);

/** The beginning of the block. */
typedef struct slots_block {
    apr_uint32_t layout;
    slots_shape shape;
    apr_uint64_t secret;        /**< of the hash */
    apr_uint64_t created;       /**< apr_time_t */
    /** anybody reads the counters: they are counted */
    apr_uint32_t counting;
    apr_uint32_t next_lane;
} slots_block;

/** A block, as a process sees it. */
typedef struct slots {
    slots_block *block;
    slots_lane *lanes;
    apr_uint32_t *pids;         /**< of rows; 0: free */
    slots_set *backend_sets;
    slots_set *entry_sets;
    slots_backend *backends;    /**< shape.backends and SLOTS_OTHER's */
    slots_entry *entries;
    apr_uint64_t *cells;        /**< shape.rows for each backend */
    apr_uint32_t backend_mask;  /**< of sets */
    apr_uint32_t entry_mask;
} slots;

/** The slot of the backends that have none. */
#define SLOTS_OTHER(s) ((s)->block->shape.backends)

/* ---- the block --------------------------------------------------------- */

/**
 * How large the parts are to be.
 * @param memory bytes for all but the rows, at least SLOTS_MEMORY_LEAST
 * @param children most at once
 */
void slots_shape_fit(slots_shape *shape, apr_size_t memory, unsigned children);

/** Bytes of a block. */
apr_size_t slots_size(const slots_shape *shape);

/**
 * Make a block of memory that is zero.
 * @param memory slots_size() bytes, aligned like malloc's
 * @param secret of chance
 */
void slots_init(void *memory, const slots_shape *shape, apr_uint64_t secret,
                apr_time_t now);

/**
 * Where the parts of a block are.
 * @return APR_SUCCESS; APR_EMISMATCH: a block of another layout
 */
apr_status_t slots_attach(slots *s, void *memory);

/** Hash of a key.  Keyed: outsiders cannot choose keys that meet. */
apr_uint64_t slots_hash(const slots *s, const char *key, apr_size_t len);

/** This thread's lane. */
slots_lane *slots_lane_mine(slots *s);

/** The lanes together. */
void slots_lanes_sum(const slots *s, slots_lane *sum);

/* ---- rows of children -------------------------------------------------- */

/** Take a free row for the process, in child_init.  The last row, which all
 *  share that find none, is never given back. */
unsigned slots_row_take(slots *s, apr_uint32_t pid);

/** The process is gone: so is what it had in flight.  In the parent. */
void slots_row_clear(slots *s, apr_uint32_t pid);

/* ---- backends ---------------------------------------------------------- */

/** A backend's slot as it was found before: asking for it again costs no
 *  look-up.  All zero: not found before.  Any thread of a process may use the
 *  same one at the same time. */
typedef struct slots_ref {
    apr_uint64_t place;         /**< its generation and its number */
} slots_ref;

/**
 * A request is on its way to a backend: it counts as in flight and waiting, and
 * the slot stays the backend's until slots_backend_release().
 * @param ref of this name; kept up to date
 * @param name scheme://host:port
 * @param row slots_row_take()'s
 * @param now apr_time_now() of a moment ago, not when the request came: a
 *        change of keys that seems to be older than SLOTS_CLAIM_MAX is a dead
 *        one's
 * @return the number of the slot; SLOTS_OTHER(s): all its ways are in flight
 */
unsigned slots_backend_hold(slots *s, slots_ref *ref, hostmap_str name,
                            unsigned row, apr_time_t now);

/** Change what the row has on its way: SLOTS_... added to (or, negated,
 *  subtracted from) each other. */
static inline void slots_flight_add(slots *s, unsigned backend, unsigned row,
                                    apr_uint64_t change)
{
    atomic_add64(&s->cells[(apr_size_t)backend * s->block->shape.rows + row],
                 change);
}

/** The request has got its first byte, or waits no more. */
static inline void slots_backend_answered(slots *s, unsigned backend,
                                          unsigned row)
{
    slots_flight_add(s, backend, row, 0 - SLOTS_WAITING);
}

/** The request is over.  @param waiting slots_backend_answered() was not
 *  called for it. */
static inline void slots_backend_release(slots *s, unsigned backend,
                                         unsigned row, int waiting)
{
    slots_flight_add(s, backend, row,
                     0 - SLOTS_IN_FLIGHT - (waiting ? SLOTS_WAITING : 0));
}

/** Over all children, as it is now. */
void slots_flight_sum(const slots *s, unsigned backend, slots_flight *flight);

/** The slot of a backend that has one, without using it; SLOTS_OTHER(s): it
 *  has none. */
unsigned slots_backend_find(const slots *s, hostmap_str name);

static inline void slots_backend_count_one(slots *s, unsigned backend,
                                           slots_backend_count what)
{
    atomic_add64(&s->backends[backend].counts[what], 1);
}

/* ---- entries ----------------------------------------------------------- */

/** What an entry's request was. */
typedef struct slots_request {
    apr_uint32_t map;           /**< number of the map the entry stands in */
    int error;                  /**< it was answered with a 5xx */
    apr_uint64_t bytes;
    apr_uint64_t micros;
    apr_time_t now;             /**< as for slots_backend_hold() */
} slots_request;

/**
 * Count a request of an entry.
 * @param key of the entry, never the client's host
 * @param chance any number, another one each time
 * @return 1; 0: the entry has no slot
 */
int slots_entry_add(slots *s, hostmap_str key, const slots_request *request,
                    apr_uint32_t chance);

/* ---- reading ----------------------------------------------------------- */

/** A slot's head and name, of one moment. */
typedef struct slots_name {
    slots_head head;
    char text[SLOTS_BACKEND_NAME + 1];
    apr_size_t len;             /**< of what is kept */
} slots_name;

/** @return 1; 0: the slot is free, or is just being given to another key */
int slots_backend_name(const slots *s, unsigned backend, slots_name *name);
int slots_entry_name(const slots *s, unsigned entry, slots_name *name);

/** Requests of entries that have no slot, in all sets. */
apr_uint64_t slots_missed(const slots *s);

#endif /* BASE_SLOTS_H */

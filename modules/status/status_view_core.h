/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file status_view_core.h
 * @brief What a page, a JSON text and metrics show: facts of one moment,
 *        without httpd.
 *
 * The counters are read from the block as they are written, so that figures
 * differ from each other by the requests of that moment.
 */

#ifndef STATUS_VIEW_CORE_H
#define STATUS_VIEW_CORE_H

#include "base/slots.h"
#include "status_out_core.h"

/** Names of what becomes of a request: mod_proxy_express's, then ours. */
#define STATUS_OUTCOMES 10
extern const char *const status_outcomes[STATUS_OUTCOMES];

/** Names of the counters of a backend, by slots_backend_count, up to MICROS;
 *  1xx to 5xx, then failures, then connections. */
extern const char *const status_backend_counts[SLOTS_BACKEND_MICROS];

/** What entries are ordered by: a slots_entry_count, or this: requests of this
 *  minute and the last. */
#define STATUS_BY_RECENT SLOTS_ENTRY_COUNTS
#define STATUS_TOPS      (SLOTS_ENTRY_COUNTS + 1)

/** One entry with what it counted. */
typedef struct status_hit {
    slots_name name;
    apr_uint64_t counts[STATUS_TOPS];
} status_hit;

/** The most that a top list has. */
#define STATUS_TOP_MAX 1000

/** Entries with the most of something, the most first. */
typedef struct status_top {
    unsigned count;
    status_hit *hits;           /**< room for as many as were asked for */
} status_top;

/** What a backend is, in a word. */
typedef enum {
    STATUS_UP,                  /**< it answered last */
    STATUS_FAILING,             /**< its last attempts failed */
    STATUS_UNKNOWN              /**< it has not answered yet */
} status_state;

extern const char *const status_states[];

/** A backend with what it counted. */
typedef struct status_backend {
    slots_name name;            /**< len 0: those that have no slot */
    status_state state;
    slots_health health;
    slots_flight flight;
    apr_uint64_t requests;      /**< answered */
    apr_uint64_t failures;
    apr_uint64_t counts[SLOTS_BACKEND_COUNTS];
    apr_uint64_t first_byte[HISTOGRAM_BUCKETS(SLOTS_BACKEND_BITS)];
} status_backend;

/** A map as the child that writes the page has it. */
typedef struct status_map {
    const char *path;
    const char *type;           /**< NULL: not opened */
    apr_int64_t entries;        /**< -1: the type cannot tell */
    apr_time_t modified;        /**< of the file that is served, 0: none */
    apr_uint64_t replaced;      /**< since the child began */
    const char *state;          /**< "ok", "busy", "broken", "not read" */
    const char *last_error;     /**< NULL: none */
    apr_time_t last_error_at;
    apr_interval_time_t broken; /**< in all, of the child's life */
    apr_interval_time_t busy;
} status_map;

/** A follower of a store, as its status file has it. */
typedef struct status_follower {
    const char *file;
    const char *state;          /**< "connected", "disconnected", "silent": it
                                 *   writes no more, "unreadable" */
    const char *map;            /**< NULL: not known, as are the others */
    const char *store;
    apr_int64_t entries;        /**< -1: not known */
    double lag;                 /**< seconds after the store; below 0: not
                                 *   known */
    apr_time_t written;         /**< 0: not known */
    const char *last_error;
} status_follower;

/** Which entry of a map answers for a host and a path, and why. */
typedef struct status_answer {
    const char *map;
    const char *key;            /**< NULL: none */
    const char *match;          /**< "exact", "wildcard", "default", "path" */
    const char *action;         /**< "proxy", "redirect", "status", ... */
    const char *target;         /**< a URL, or NULL */
    const char *options;        /**< secrets hidden, or NULL */
    int status;                 /**< of a redirect or a status, else 0 */
    const char *reason;         /**< why there is no answer, or NULL */
    unsigned backend;           /**< its slot, or SLOTS_OTHER */
} status_answer;

typedef struct status_view {
    const slots *slots;
    apr_time_t now;
    const char *server;         /**< its name */
    const char *version;        /**< of httpd */
    slots_lane totals;
    unsigned busy;              /**< workers of the server */
    unsigned workers;
    unsigned shown;             /**< entries of a list */
    const apr_uint32_t *backends;   /**< slots that are used, the ones that
                                     *   need attention first */
    unsigned backend_count;
    status_top tops[STATUS_TOPS];
    const status_map *maps;
    unsigned map_count;
    const status_follower *followers;
    unsigned follower_count;
    const char *host;           /**< what is asked for, or NULL */
    const char *path;
    const status_answer *answers;   /**< one for each map */
    unsigned answer_count;
    int has_pools;              /**< mod_proxy_pool is loaded */
    int has_express;
    int has_reproxy;
    /** names of the results of mod_reproxy's attempts, NULL after the last */
    const char *attempts[SLOTS_OUTCOMES + 1];
    int host_series;            /**< metrics have series for hosts */
    const char *nonce;          /**< of the page's script and style */
} status_view;

/** The map of an entry, by its number; "" for one that is not there. */
const char *status_map_path(const status_view *view, apr_uint32_t map);

/** Requests of the server. */
apr_uint64_t status_requests(const status_view *view);

/**
 * Find the entries with the most of something.
 * @param top its hits have room for `wanted`, at most STATUS_TOP_MAX
 */
void status_top_find(status_top *top, const slots *s, unsigned by,
                     unsigned wanted, apr_time_t now);

/** Number of entries that have a slot. */
unsigned status_entries_used(const slots *s);

/** Write the lag of a follower in seconds, -1 if it is not known. */
void status_lag(status_out *out, const status_follower *follower);

/** @return 1; 0: the slot is not used */
int status_backend_read(status_backend *backend, const slots *s,
                        unsigned number);

/**
 * The slots that are used, those that fail first, then by what is in flight,
 * then by requests.
 * @param numbers room for shape.backends + 1
 * @return how many
 */
unsigned status_backends_find(apr_uint32_t *numbers, const slots *s);

#endif /* STATUS_VIEW_CORE_H */

/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file store.h
 * @brief What a store has to do to be followed: the seam between the rule
 *        (engine.h) and Redis (redis.c) or PostgreSQL (postgresql.c).
 *
 * A store holds entries and a log of their changes.  Each log entry is a
 * transaction and has a position; a follower remembers the position of the
 * last one that it has applied.  One thread.
 */

#ifndef FOLLOW_STORE_H
#define FOLLOW_STORE_H

#include "apr_errno.h"
#include "apr_pools.h"
#include "apr_time.h"

#include "hostmap/store/hostmap_file.h"
#include "state_core.h"
#include "url_core.h"

/** It cannot be reached, or not now: try again. */
#define FOLLOW_EDOWN    (APR_OS_START_USERERR + 201)
/** It refuses us: password, rights, certificate. */
#define FOLLOW_EDENIED  (APR_OS_START_USERERR + 202)
/** The log does not hold the entry at the position: take a snapshot. */
#define FOLLOW_ELOST    (APR_OS_START_USERERR + 203)
/** The log ends before the position: an older state of the store. */
#define FOLLOW_EBEHIND  (APR_OS_START_USERERR + 204)
/** There is no log. */
#define FOLLOW_ENOLOG   (APR_OS_START_USERERR + 205)
/** As many others as may take a snapshot do so now. */
#define FOLLOW_EBUSY    (APR_OS_START_USERERR + 206)
/** A condition of a write does not hold; nothing was written. */
#define FOLLOW_ECONFLICT (APR_OS_START_USERERR + 207)
/** Too much of the map would go, or all entries are wrong. */
#define FOLLOW_EREFUSED (APR_OS_START_USERERR + 208)
/** The map is not where this follower left it: read it again. */
#define FOLLOW_EMOVED   (APR_OS_START_USERERR + 209)

/** Log entries that one read() gives out at most. */
#define FOLLOW_READ_MAX 1000

/** How to reach a store, besides its URL. */
typedef struct follow_access {
    /** NULL: that of the variable, or none */
    const char *password_file;
    /** of the environment: HOSTMAP_PASSWORD */
    const char *password_variable;
    /** TLS; NULL: the library's defaults */
    const char *cafile, *cert, *key;
} follow_access;

/** A transaction: pairs whose value is empty go.  The bytes are valid during
 *  the call only. */
typedef struct follow_entry {
    follow_position position;
    /** when it was made; 0: not known */
    apr_time_t time;
    const hostmap_pair *pairs;
    apr_size_t count;
} follow_entry;

/** Anything but APR_SUCCESS ends the reading and is its result. */
typedef apr_status_t follow_entry_fn(void *baton, const follow_entry *entry);

/** A change that is written. */
typedef struct follow_write {
    hostmap_str key;
    /** empty: the entry goes */
    hostmap_str value;
    /** what has to be there now, empty: nothing; ptr NULL: anything */
    hostmap_str old;
} follow_write;

/** Transactions that are written as one step, all or nothing. */
typedef struct follow_writes {
    /** those of all transactions, one after the other */
    const follow_write *changes;
    /** of each transaction; one without changes begins a log */
    const apr_size_t *counts;
    apr_size_t transactions;
    /** a relay's: the store that it follows, and the position in there that
     *  this store is at before and after the step.  NULL: it is no relay's */
    const char *source;
    const follow_position *from, *to;
} follow_writes;

typedef struct follow_store follow_store;

/** Callbacks of a kind of store.  All return APR_SUCCESS or one of the
 *  statuses above with why set; FOLLOW_EDOWN and FOLLOW_EDENIED have closed
 *  the connection. */
typedef struct follow_provider {
    /** begins the name of what is followed, "redis:hosts" */
    const char *name;

    /** Without I/O.  @param url, access outlive the store */
    apr_status_t (*create)(follow_store **store, const follow_url *url,
                           const follow_access *access, apr_pool_t *pool,
                           hostmap_reason *why);
    /** Connect; credentials are read from their files each time. */
    apr_status_t (*connect)(follow_store *store, hostmap_reason *why);
    /** Connected or not. */
    void (*close)(follow_store *store);

    /** The position and the time of the log's last entry. */
    apr_status_t (*end)(follow_store *store, follow_position *end,
                        apr_time_t *time, hostmap_reason *why);
    /**
     * Prove that the entry at a position is still in the log, then give out
     * at most FOLLOW_READ_MAX entries that come right after it.
     * @param more set to 1 when there may be others
     */
    apr_status_t (*read)(follow_store *store, const follow_position *from,
                         follow_entry_fn *fn, void *baton, int *more,
                         hostmap_reason *why);
    /** Until the log has perhaps got an entry after the position, or a second
     *  has passed.  APR_EINTR: a signal came. */
    apr_status_t (*wait)(follow_store *store, const follow_position *from,
                         hostmap_reason *why);
    /**
     * Give out all entries, in any order, some perhaps twice.  What is given
     * out is not older than the position; what changed since then is in the
     * log after it.
     * @param from set to a place in the log: position and time only.  NULL: it
     *        is not wanted, the store need not have a log
     */
    apr_status_t (*snapshot)(follow_store *store, follow_entry *from,
                             hostmap_each_fn *fn, void *baton,
                             hostmap_reason *why);
    /** Be one of `slots` that take a snapshot at a time, until release() or
     *  for two minutes after the process has died.  A store that cannot be
     *  written grants it. */
    apr_status_t (*lease)(follow_store *store, int slots, const char *node,
                          hostmap_reason *why);
    void (*release)(follow_store *store);

    /** NULL: the store does not take reports.  status: a JSON object. */
    apr_status_t (*report)(follow_store *store, const char *node,
                           hostmap_str status, hostmap_reason *why);
    /** The reports: key is the node. */
    apr_status_t (*nodes)(follow_store *store, hostmap_each_fn *fn,
                          void *baton, hostmap_reason *why);
    /**
     * How far a relay has brought this store.
     * @param at set to a position of the source's; "": it has not yet, or was
     *        interrupted while it made the store like a map
     * @return also FOLLOW_EREFUSED: a relay of another source writes it
     */
    apr_status_t (*relayed)(follow_store *store, follow_position *at,
                            const char *source, hostmap_reason *why);
    /**
     * Write transactions.  NULL: the store is written by others.
     * @return also FOLLOW_ECONFLICT: *failed is the index of a change whose
     *         old does not hold, or the number of all changes: others wrote
     *         at the same time
     */
    apr_status_t (*write)(follow_store *store, const follow_writes *writes,
                          apr_size_t *failed, hostmap_reason *why);
} follow_provider;

/** Every provider's own begins with this. */
struct follow_store {
    const follow_provider *provider;
};

/** Set *why (may be NULL) and give back rv; rv is not explained. */
apr_status_t follow_fail(hostmap_reason *why, apr_status_t rv,
                         const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/**
 * Make the store of a URL; nothing is connected.
 * @param url parsed; outlives the store
 * @param pool the store's lifetime: its end closes the connection
 * @return APR_SUCCESS; APR_ENOTIMPL: this build or this library cannot do it
 */
apr_status_t follow_store_create(follow_store **store, const follow_url *url,
                                 const follow_access *access,
                                 apr_pool_t *pool, hostmap_reason *why);

/** The password, without the line's end.
 *  @param password "": there is none, the file is empty; overwrite it after
 *         use */
apr_status_t follow_password(char *password, apr_size_t room,
                             const follow_access *access,
                             hostmap_reason *why);

/** Longest password, with its NUL. */
#define FOLLOW_PASSWORD_ROOM 1024

extern const follow_provider follow_redis;
extern const follow_provider follow_postgresql;

#endif /* FOLLOW_STORE_H */

/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file stream.h
 * @brief The entries of a map or of a text, one after the other in the order of
 *        their keys; and what is different between two of them.
 */

#ifndef HOSTMAP_STREAM_H
#define HOSTMAP_STREAM_H

#include "hostmap/store/hostmap_file.h"
#include "pairs.h"
#include "source.h"

typedef struct stream stream;

/**
 * Read a map.  Other types than lmdb are sorted, in bounded memory.
 * @param type as for hostmap_file_open
 * @param pool owns the stream; it is closed when the pool is cleared
 */
apr_status_t stream_map(stream **out, const char *path, const char *type,
                        apr_pool_t *pool, hostmap_reason *why);

/** Read a text. */
stream *stream_text(source *s, apr_pool_t *pool);

/** Entries that were collected and finished. */
stream *stream_pairs(pairs *sorted, apr_pool_t *pool);

/** The number of entries, for the progress: duplicates that are found later
 *  count. */
apr_size_t stream_count(const stream *s);

/**
 * The next entry.
 * @param pair its bytes are valid until the next call
 * @return APR_SUCCESS, APR_EOF, or a failure with why set
 */
apr_status_t stream_next(stream *s, hostmap_pair *pair, hostmap_reason *why);

/* ---- comparing --------------------------------------------------------- */

/** An entry that is not the same: old is NULL when it was added, new when it
 *  was removed. */
typedef void compare_fn(void *baton, const hostmap_pair *old,
                        const hostmap_pair *new);

typedef struct comparison {
    stream *old;
    /** the first entry of old that was not compared yet */
    hostmap_pair at;
    int has;
    compare_fn *fn;
    void *baton;
    apr_size_t added, changed, removed, same;
} comparison;

/**
 * Begin to compare.
 * @param old NULL: nothing, all is added
 * @param fn called for each difference, or NULL
 */
apr_status_t compare_begin(comparison *c, stream *old, compare_fn *fn,
                           void *baton, hostmap_reason *why);

/** The next entry of the new side, in the order of keys. */
apr_status_t compare_new(comparison *c, const hostmap_pair *new,
                         hostmap_reason *why);

/** The new side has no more. */
apr_status_t compare_end(comparison *c, hostmap_reason *why);

#endif /* HOSTMAP_STREAM_H */

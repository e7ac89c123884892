/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file sort.h
 * @brief Any number of entries in the order of their keys, in bounded memory.
 *
 *     sort_add() ..., sort_flush() ... -> sort_finish() -> sort_next() ...
 *
 * What is added and never flushed is sorted in memory.  Each flush writes a
 * sorted run to a temporary file, which has no name and goes with the process;
 * the runs are merged.  Running out of memory ends the program.
 */

#ifndef HOSTMAP_SORT_H
#define HOSTMAP_SORT_H

#include "apr_errno.h"
#include "apr_pools.h"

#include "table.h"

typedef struct sorter sorter;

/** Temporary files go to $TMPDIR if it is set, else into the folder of this
 *  map, else where the system has them.  For the whole program. */
void sort_beside(const char *map);

/**
 * Make a file without a name where runs go: nothing is left of it whatever
 * happens.
 * @param folder set to where it is
 * @return why it cannot be made; reported
 */
apr_status_t sort_temporary(int *fd, const char **folder, apr_pool_t *pool);

/** Write to it.  @return why it cannot be written; reported */
apr_status_t sort_temporary_write(int fd, const char *folder,
                                  const char *bytes, apr_size_t len);

/** @param pool closes the sorter when it is cleared */
sorter *sort_create(apr_pool_t *pool);

/** The entries that were added since the last flush. */
table *sort_table(sorter *s);

/** Is it time to flush, for the number of entries? */
int sort_is_full(const sorter *s);

/**
 * Write what was added as a run: the bytes that it refers to are free then.
 * @return why it could not be written
 */
apr_status_t sort_flush(sorter *s);

/** Has there been a flush? */
int sort_is_spilled(const sorter *s);

/** No more is added: sort, or begin to merge. */
apr_status_t sort_finish(sorter *s);

/**
 * The next entry by key, then by line.
 * @param entry its bytes are valid until the next call; head is not set
 * @return APR_SUCCESS, APR_EOF, or why a run could not be read
 */
apr_status_t sort_next(sorter *s, table_entry *entry);

#endif /* HOSTMAP_SORT_H */

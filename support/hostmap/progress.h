/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file progress.h
 * @brief Progress of what takes more than a second: rows, rate and time left,
 *        on one line of standard error that is removed at the end.
 *
 *     progress_begin(&p, "reading hosts.txt", bytes);
 *     for each row: progress_row(&p, bytes read so far);
 *     progress_end(&p);
 *
 * Prints nothing if standard error is not a terminal.
 */

#ifndef HOSTMAP_PROGRESS_H
#define HOSTMAP_PROGRESS_H

#include "apr.h"
#include "apr_time.h"

typedef struct progress {
    const char *what;
    /** where it ends, in any unit; 0: not known */
    apr_uint64_t total;
    apr_uint64_t rows;
    apr_time_t began;
    apr_time_t next;
} progress;

/** Switch progress on or off.  Before the first progress_begin(). */
void progress_enable(int enable);

/** Entries are printed from here on: on the same terminal they are progress
 *  enough. */
void progress_print(void);

/** @param what is shown; lives as long as the progress */
void progress_begin(progress *p, const char *what, apr_uint64_t total);

/** The part of progress_row() that is not done for every row. */
void progress_look(progress *p, apr_uint64_t done);

/** A row is done.  @param done position, in the unit of total */
static inline void progress_row(progress *p, apr_uint64_t done)
{
    if ((++p->rows & 0x3ff) == 0) {
        progress_look(p, done);
    }
}

/** Remove the line. */
void progress_end(progress *p);

/** Remove the line for a message, which goes to standard error next. */
void progress_clear(void);

#endif /* HOSTMAP_PROGRESS_H */

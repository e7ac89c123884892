/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file progress.h
 * @brief What takes more than a second says so on a terminal: rows, rate, time
 *        left, on one line of standard error that goes away by itself.
 *
 *     progress_begin(&p, "reading hosts.txt", bytes);
 *     for each row: progress_row(&p, bytes read so far);
 *     progress_end(&p);
 *
 * Nothing at all when standard error is not a terminal.
 */

#ifndef HOSTMAP_PROGRESS_H
#define HOSTMAP_PROGRESS_H

#include "apr.h"
#include "apr_time.h"

typedef struct progress {
    const char *what;
    /** how far it goes, in any unit; 0: not known */
    apr_uint64_t total;
    apr_uint64_t rows;
    apr_time_t began;
    apr_time_t next;
} progress;

/** Say whether there is to be any.  Before the first progress_begin(). */
void progress_enable(int enable);

/** From here on entries are printed: on a terminal they show how far it is. */
void progress_print(void);

/** @param what is shown; lives as long as the progress */
void progress_begin(progress *p, const char *what, apr_uint64_t total);

/** The part of progress_row() that is not done for every row. */
void progress_look(progress *p, apr_uint64_t done);

/** A row is done.  @param done how far it is, in the unit of total */
static inline void progress_row(progress *p, apr_uint64_t done)
{
    if ((++p->rows & 0x3ff) == 0) {
        progress_look(p, done);
    }
}

/** Take the line away. */
void progress_end(progress *p);

/** Take the line away for a message, which goes to standard error next. */
void progress_clear(void);

#endif /* HOSTMAP_PROGRESS_H */

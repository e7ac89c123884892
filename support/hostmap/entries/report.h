/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file report.h
 * @brief What is wrong in a source: printed with file and line, up to a number
 *        of lines, and counted.  One thread.
 */

#ifndef HOSTMAP_REPORT_H
#define HOSTMAP_REPORT_H

#include "apr.h"

#include "line.h"

/** How many wrong lines are printed one by one: a wrong file would have a
 *  million. */
#define REPORT_LINES_MAX 100

/** A key that is in more than one line. */
typedef struct report_double {
    apr_size_t line, first;
    char *key;
    apr_size_t key_len;
} report_double;

typedef struct report {
    /** what the source is called */
    const char *name;
    /** its lines mean something to the user */
    int has_lines;
    /** no notes */
    int is_quiet;
    /** wrong lines; duplicates that were not printed yet do not count */
    apr_size_t bad;
    apr_size_t noted;
    /** those to be printed: of the first lines, if there are more */
    report_double doubles[REPORT_LINES_MAX];
    apr_size_t doubled;
    /** of all duplicates: those with the value of the first line of the key,
     *  and those with another one */
    apr_size_t equal, contrary;
} report;

/** @param r all zero */
void report_init(report *r, const char *name, int is_quiet);

void report_free(report *r);

/** Report a wrong line.  @param line 0: it is nowhere that has lines */
void report_fault(report *r, apr_size_t line, const line_fault *fault);

/** The same with a key, which may be empty, and a reason only. */
void report_wrong(report *r, apr_size_t line, hostmap_str key,
                  const char *reason);

/** Report a path whose host has no line. */
void report_orphan(report *r, apr_size_t line, hostmap_str key);

/** Print that a key is stored in another spelling.
 *  @param more added to the note */
void report_note(report *r, apr_size_t line, hostmap_str written,
                 hostmap_str stored, const char *more);

/** Remember a duplicate key, which is copied.
 *  @param first the line that counts
 *  @param is_equal it has the same value */
void report_add_double(report *r, apr_size_t line, hostmap_str key,
                       apr_size_t first, int is_equal);

/** Report the duplicates that were remembered, in the order of lines. */
void report_doubles(report *r);

/** Print how many wrong lines were not printed. */
void report_summary(const report *r);

#endif /* HOSTMAP_REPORT_H */

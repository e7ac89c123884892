/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file option.h
 * @brief The key=value words after a backend URL: ProxyPass's names and units.
 *
 * One table (option.c) lists the names and the values that they take; the map
 * tool checks entries with it, the modules read them with it.
 * Pure: no allocation, no I/O, any thread.
 */

#ifndef BASE_OPTION_H
#define BASE_OPTION_H

#include "apr.h"
#include "apr_errno.h"

#include "scan.h"

/** ProxyPass's flags: words without a value. */
#define HOSTMAP_FLAG_NOCANON 0x1
#define HOSTMAP_FLAG_NOQUERY 0x2
/** And one of our own: responses are not rewritten. */
#define HOSTMAP_FLAG_NOREVERSE 0x4

typedef enum {
    HOSTMAP_OPTION_INT,     /**< number: in the unit of the name */
    HOSTMAP_OPTION_TIME,    /**< number: microseconds */
    HOSTMAP_OPTION_SWITCH,  /**< number: 1 on, 0 off, 2 auto (flushpackets) */
    HOSTMAP_OPTION_TEXT     /**< text */
} hostmap_option_kind;

/** A row of the table. */
typedef struct hostmap_option_def {
    const char *name;
    hostmap_option_kind kind;
    /** TIME: microseconds of a bare number; else 1 */
    apr_int64_t unit;
    /** range of number (in the unit of number), or of the length of the text.
     *  A size may also be 0, the system's default; the -1 of addressttl means
     *  for ever and is not in microseconds */
    apr_int64_t min, max;
    /** for people, and the reason why a value is bad: "acquire takes a time of
     *  at least one millisecond" */
    const char *expected;
} hostmap_option_def;

typedef struct hostmap_option {
    const hostmap_option_def *def;
    apr_int64_t number;
    hostmap_str text;       /**< the value as written */
} hostmap_option;

/** All rows; the last one has a NULL name. */
extern const hostmap_option_def hostmap_options[];

/** The row of a name, case-insensitive as in ProxyPass; NULL: no such name. */
const hostmap_option_def *hostmap_option_find(hostmap_str name);

/**
 * Take the next key=value word of entry->words; flags and the words of a
 * group's member are skipped.
 * @param words the words not yet read; set to the rest after the word that was
 *        read
 * @return APR_SUCCESS; APR_EOF at the end; APR_EINVAL with bad set (bad->pos
 *         counts from the words->ptr of the call)
 */
apr_status_t hostmap_option_next(hostmap_option *option, hostmap_str *words,
                                 hostmap_bad *bad);

/** The HOSTMAP_FLAG_ bit of a flag, 0 for any other word. */
unsigned hostmap_option_flag(hostmap_str word);

/** Is it `weight=N` or `backup`?  They are of a member of a group, and no
 *  options: hostmap_option_next() passes over them. */
int hostmap_option_is_member(hostmap_str word);

/** Read one key=value word. */
apr_status_t hostmap_option_read(hostmap_option *option, hostmap_str word,
                                 const hostmap_scan *scan);

#endif /* BASE_OPTION_H */

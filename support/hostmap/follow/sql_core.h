/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file sql_core.h
 * @brief What --print-sql is told: `domains(hostname, backend)`, a table and
 *        the expressions of a host and its entry.
 *
 * Pure: no allocation, no I/O, any thread.
 */

#ifndef FOLLOW_SQL_CORE_H
#define FOLLOW_SQL_CORE_H

#include "apr_errno.h"

#include "base/str.h"

/** Longest name of a table without its schema: names are made from it. */
#define FOLLOW_TABLE_MAX 30

/** Parts of the text that was parsed. */
typedef struct follow_table {
    /** as written, `app.domains` */
    hostmap_str table;
    /** without the schema */
    hostmap_str name;
    /** SQL expressions over a row */
    hostmap_str host, entry;
} follow_table;

/**
 * Parse it.  A table is an identifier, or two with a dot between, of small
 * letters, digits and `_`.  Commas in parentheses and in quotes are part of
 * an expression.
 * @param bad set on failure, may be NULL
 * @return APR_SUCCESS or APR_EINVAL
 */
apr_status_t follow_table_parse(follow_table *table, hostmap_str text,
                                hostmap_bad *bad);

#endif /* FOLLOW_SQL_CORE_H */

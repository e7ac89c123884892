/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file print_sql.h
 * @brief What --print-sql prints: what a table of PostgreSQL needs to be
 *        followed.  The administrator reads and applies it.
 */

#ifndef FOLLOW_PRINT_SQL_H
#define FOLLOW_PRINT_SQL_H

#include <stdio.h>

#include "sql_core.h"

/**
 * Print it.
 * @param name of the hosts, an identifier
 * @param where which rows are hosts, an SQL expression; NULL: all
 */
void follow_print_sql(FILE *to, const follow_table *table, const char *name,
                      const char *where);

/** Print how it is taken away. */
void follow_print_remove(FILE *to, const follow_table *table,
                         const char *name);

#endif /* FOLLOW_PRINT_SQL_H */

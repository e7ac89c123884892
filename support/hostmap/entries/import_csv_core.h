/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file import_csv_core.h
 * @brief CSV and TSV: records of fields, a header line with the names of the
 *        columns.  Pure, as import_core.h.
 */

#ifndef IMPORT_CSV_CORE_H
#define IMPORT_CSV_CORE_H

#include "import_text.h"

/** As import_next(). */
apr_status_t import_csv_next(import_text *in, import_item *item);

/**
 * Find a column by its name in the header line, without regard to case; blanks
 * and newlines in a row count as one blank.  Reads nothing.
 * @return the column, the first is 0; -1: no column has this name
 */
int import_column(const import_text *in, const char *name, apr_size_t len);

/**
 * Find out what separates the fields of a CSV, if its first record leaves no
 * doubt: of `,` `;` tab and `|` the only one with which the header has all of
 * the names; without names, the only one in a record that has no comma.  A
 * first line `sep=X`, which spreadsheets write, decides and is passed over.
 * Sets in->separator; else it stays what it was.
 * @param names of columns; NULL: one that is not known by its name
 */
void import_guess_separator(import_text *in, const char *const names[2]);

/** Pass over the header, which is one record. */
void import_skip_header(import_text *in);

#endif /* IMPORT_CSV_CORE_H */

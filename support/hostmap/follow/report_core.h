/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file report_core.h
 * @brief Fields of a report: one JSON object as status.c writes it, by a node
 *        that may be of another version or hostile.
 *
 * Pure: no allocation, no I/O, any thread.
 */

#ifndef FOLLOW_REPORT_CORE_H
#define FOLLOW_REPORT_CORE_H

#include "base/str.h"

/**
 * A member that is a text without escapes, or a number.
 * @param value set to the text without its quotes, or the digits
 * @return 1; 0: there is no such member, and value is empty
 */
int follow_report_field(hostmap_str *value, hostmap_str report,
                        const char *name);

/** The same as a number; 0 when it is none.  Fractions are cut off. */
apr_int64_t follow_report_number(hostmap_str report, const char *name);

#endif /* FOLLOW_REPORT_CORE_H */

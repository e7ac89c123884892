/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file hostmap_reason.h
 * @brief Why something failed: the statuses of the library besides those of the
 *        system, and the reason in one line.
 */

#ifndef HOSTMAP_REASON_H
#define HOSTMAP_REASON_H

#include "apr_errno.h"

/** The file exists and is not a map of the type that it should have. */
#define HOSTMAP_EFORMAT     (APR_OS_START_USERERR + 101)
/** A writer has the file locked, and had until the deadline. */
#define HOSTMAP_EBUSY       (APR_OS_START_USERERR + 102)
/** This build of APR-util has no driver for the type. */
#define HOSTMAP_ENODRIVER   (APR_OS_START_USERERR + 103)
/** No such type. */
#define HOSTMAP_ETYPE       (APR_OS_START_USERERR + 104)
/** The file was changed or replaced after it was opened: open it again. */
#define HOSTMAP_ESTALE      (APR_OS_START_USERERR + 105)
/** The map follows a store, which is what has to be changed. */
#define HOSTMAP_EFOLLOWS    (APR_OS_START_USERERR + 106)

/** Why something failed: one line, lower case, without the map's name. */
typedef struct hostmap_reason {
    char text[512];
} hostmap_reason;

/** Set *why and return rv; the text of a status of the system is appended.
 *  @param why may be NULL */
apr_status_t hostmap_fail(hostmap_reason *why, apr_status_t rv,
                          const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif /* HOSTMAP_REASON_H */

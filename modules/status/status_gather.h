/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file status_gather.h
 * @brief Facts of one moment, from the block and the other modules.
 */

#ifndef STATUS_GATHER_H
#define STATUS_GATHER_H

#include "httpd.h"

#include "status_view_core.h"

/** What is wanted of a view. */
typedef struct status_wish {
    unsigned shown;             /**< entries of a list */
    unsigned tops;              /**< which lists: bits 1 << slots_entry_count,
                                 *   1 << STATUS_BY_RECENT */
    const apr_array_header_t *followers;    /**< paths of their files; NULL:
                                             *   none */
    const char *host;           /**< asked for, or NULL */
    const char *path;
} status_wish;

#define STATUS_ALL_TOPS ((1u << STATUS_TOPS) - 1)

/** @param view set; lives as long as the request */
void status_gather(status_view *view, const status_wish *wish, request_rec *r);

#endif /* STATUS_GATHER_H */

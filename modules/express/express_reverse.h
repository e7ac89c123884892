/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file express_reverse.h
 * @brief Which headers of a mapped response are rewritten; how is
 *        reverse_core.c's.
 */

#ifndef EXPRESS_REVERSE_H
#define EXPRESS_REVERSE_H

#include "httpd.h"

#include "express_request.h"
#include "reverse_core.h"

/** Rewrites the headers of one request's responses.  Lives on the stack or in
 *  the request's pool; for the request's thread alone. */
typedef struct express_reverse {
    request_rec *r;
    const express_request *state;
    reverse_map map;            /**< set up by the first header that needs it */
} express_reverse;

/** @param state of express_request_mapped() */
void express_reverse_init(express_reverse *reverse, request_rec *r,
                          const express_request *state);

/** Does the entry want its responses rewritten (no flag noreverse)? */
static inline int express_reverse_wanted(const express_request *state)
{
    return !(state->entry.flags & HOSTMAP_FLAG_NOREVERSE);
}

/**
 * What the client gets for this header.
 * @return NULL: the same.  Else the new value, in r->pool
 */
const char *express_reverse_value(express_reverse *reverse, const char *name,
                                  const char *value);

/** Rewrite all headers of a table in place. */
void express_reverse_table(express_reverse *reverse, apr_table_t *headers);

#endif /* EXPRESS_REVERSE_H */

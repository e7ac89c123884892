/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file express_request.h
 * @brief What the parts of mod_proxy_express share: a map in a child, and what
 *        is kept with a request.
 */

#ifndef EXPRESS_REQUEST_H
#define EXPRESS_REQUEST_H

#include "httpd.h"

#include "base/limit.h"
#include "hostmap/hostmap.h"
#include "hostmap/hostmap_entry.h"
#include "mod_proxy_express.h"

/** Messages about entries, each limited by the entry's key. */
typedef enum {
    EXPRESS_MESSAGE_BAD,
    EXPRESS_MESSAGE_OPTION,
    EXPRESS_MESSAGE_LOOP,
    EXPRESS_MESSAGE_BALANCER,
    EXPRESS_MESSAGE_KINDS
} express_message;

/** A map as a child process uses it. */
typedef struct express_map {
    hostmap *map;
    const char *path;
    /** in the order of the configuration: the same in all children */
    unsigned number;
    struct express_map *next;
    hostmap_limit_table limits[EXPRESS_MESSAGE_KINDS];
} express_map;

/** What is kept with a request, in its request_config and pool. */
typedef struct express_request {
    /** this module answered it: its ErrorDocument is local content */
    int refused;
    proxy_express_outcome outcome;
    /** what the entry holds that answers it; PROXY_EXPRESS_MAPPED: it names
     *  the backend */
    hostmap_entry entry;
    /** any member of a group serves it; entry names one of them */
    int grouped;
    /** the entry's key, NULL where none answers; the map that was asked */
    const char *key;
    const express_map *map;
    /** its answer decides whether the entry is still a loop */
    int probe;
    /** path of the entry's key, "" for all of its host; no slash at the end */
    const char *prefix;
} express_request;

/** This request's, created if there is none. */
express_request *express_request_make(request_rec *r);

/** This request's when a backend of the map serves it, else NULL. */
const express_request *express_request_mapped(request_rec *r);

/** Answer with this status; its ErrorDocument is not looked up in the map. */
int express_refuse(request_rec *r, int status, proxy_express_outcome outcome);

/** Was this request answered by express_refuse()? */
int express_was_refused(request_rec *r);

#endif /* EXPRESS_REQUEST_H */

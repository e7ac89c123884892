/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file express_request.h
 * @brief What the parts of mod_proxy_express share: a map in a child, and what
 *        became of a request.
 */

#ifndef EXPRESS_REQUEST_H
#define EXPRESS_REQUEST_H

#include "httpd.h"

#include "base/limit.h"
#include "hostmap/hostmap.h"
#include "hostmap/hostmap_entry.h"

/** Messages about entries are held back by kind and by what their key hashes
 *  to: one entry that is asked for a thousand times a second says one line a
 *  minute, and the memory for that is bounded. */
#define EXPRESS_SAID_SLOTS 64

typedef enum {
    EXPRESS_SAID_BAD,
    EXPRESS_SAID_OPTION,
    EXPRESS_SAID_LOOP,
    EXPRESS_SAID_BALANCER,
    EXPRESS_SAID_KINDS
} express_said;

/** A map as a child process uses it. */
typedef struct express_map {
    hostmap *map;
    const char *path;
    hostmap_limit said[EXPRESS_SAID_KINDS][EXPRESS_SAID_SLOTS];
} express_map;

/** What became of a request, in its request_config. */
typedef struct express_request {
    /** answered by us: its ErrorDocument is local content */
    int refused;
    /** a mapped request: what serves it */
    hostmap_entry entry;
    /** the entry's key, and the map it stands in */
    const char *key;
    const express_map *map;
    /** its answer decides whether the entry is a loop still */
    int probe;
    /** path of the entry's key, "" for all of its host; no slash at the end */
    const char *prefix;
} express_request;

/** This request's, made when there is none; in r->pool. */
express_request *express_request_make(request_rec *r);

/** This request's when a backend of the map serves it, else NULL. */
const express_request *express_request_mapped(request_rec *r);

/** Answer with this status ourselves; its ErrorDocument is not looked up. */
int express_refuse(request_rec *r, int status);

/** Was this request answered by express_refuse()? */
int express_was_refused(request_rec *r);

/**
 * May a message about this entry be said now?
 * @param more set when it may: what to end the message with, in r->pool
 */
int express_may_say(express_map *map, express_said kind,
                    const hostmap_matched *found, request_rec *r,
                    const char **more);

#endif /* EXPRESS_REQUEST_H */

/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file express_route.h
 * @brief Which requests are looked up in the map at all.
 */

#ifndef EXPRESS_ROUTE_H
#define EXPRESS_ROUTE_H

#include "httpd.h"

/**
 * Is this a request to look up?  Not one that is a proxy request already, not
 * one that ProxyPass or `no-proxy` excludes, not one addressed to this server
 * itself (`OPTIONS *`), not the ErrorDocument of a status that this module
 * returned.
 */
int express_route_wants(request_rec *r);

#endif /* EXPRESS_ROUTE_H */

/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file url.h
 * @brief Scheme, host and port of a URL.
 *
 * Pure: no allocation, no I/O, any thread.
 */

#ifndef BASE_URL_H
#define BASE_URL_H

#include "scan.h"

/** Longest name of a host: mod_proxy's field of 256 with its NUL. */
#define HOSTMAP_SCAN_HOST_MAX 255

/** Scheme, host and port of a URL, and the bytes after them. */
typedef struct hostmap_url {
    hostmap_str scheme;
    hostmap_str host;   /**< IPv6 without brackets */
    apr_port_t port;    /**< 0: not written */
    hostmap_str rest;   /**< from `/`, `?` or `#` on; not checked */
} hostmap_url;

/**
 * Split scheme://host[:port] off a URL.  Any scheme; userinfo is refused.
 * @param no_scheme the reason when text does not begin with scheme://
 */
apr_status_t hostmap_scan_url(hostmap_url *url, hostmap_str text,
                              const char *no_scheme,
                              const hostmap_scan *scan);

/**
 * The port of URLs of this scheme that name none: 80 for http,
 * ws, h2c; 443 for https, wss, h2; 8009 ajp; 8000 fcgi; 4000 scgi; 3031 uwsgi;
 * 21 ftp; 0 for all else.  Case-insensitive.
 */
apr_port_t hostmap_scheme_port(hostmap_str scheme);

/** Is this a scheme that mod_proxy has a handler for?  1 yes, 0 no. */
int hostmap_scheme_known(hostmap_str scheme);

#endif /* BASE_URL_H */

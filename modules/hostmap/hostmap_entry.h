/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file hostmap_entry.h
 * @brief Values of a map: how a request for a host is answered.
 *
 *     http://10.0.0.5:8080
 *     https://10.0.0.6/app timeout=5 connectiontimeout=1 ping=1 nocanon
 *     unix:/run/app.sock|http://localhost/x
 *     balancer://cluster
 *     @web1/shop timeout=30
 *     http://10.0.0.8 http://10.0.0.9 backup
 *     !
 *     301 https://new.example.com
 *     410
 *
 * Pure: no allocation, no I/O, any thread.  The struct refers to the bytes
 * that were parsed, which must outlive it.
 */

#ifndef HOSTMAP_ENTRY_H
#define HOSTMAP_ENTRY_H

#include "apr.h"
#include "apr_errno.h"
#include "apr_network_io.h"

#include "base/option.h"
#include "base/str.h"

/** Longest value in bytes.  A longer one is a bad entry. */
#define HOSTMAP_VALUE_MAX 4096

typedef enum {
    /** a backend URL: url, its parts, flags and options are set */
    HOSTMAP_ENTRY_PROXY,
    /** several backends, of the group that `group` names (path, flags and words
     *  are set), or written here (group is empty, words is the value for
     *  hostmap_group_parse(), flags are set) */
    HOSTMAP_ENTRY_GROUP,
    /** `!`: not proxied */
    HOSTMAP_ENTRY_NONE,
    /** 3xx URL: status and url are set */
    HOSTMAP_ENTRY_REDIRECT,
    /** 4xx or 5xx: status is set */
    HOSTMAP_ENTRY_STATUS
} hostmap_entry_kind;

typedef struct hostmap_entry {
    hostmap_entry_kind kind;
    /** HOSTMAP_ENTRY_REDIRECT and _STATUS: 300-308, 400-599; else 0 */
    int status;
    /** path of the unix socket, or empty */
    hostmap_str socket;
    /** the first word as it stands, `unix:...|` included (PROXY), or the
     *  target of a redirect */
    hostmap_str url;
    /** PROXY only; scheme as written, without "://" */
    hostmap_str scheme;
    /** host as written, IPv6 without brackets */
    hostmap_str host;
    /** 0: not written */
    apr_port_t port;
    /** from the first slash after the host to the end of url; may be empty */
    hostmap_str path;
    /** GROUP: name of the group without its `@`; empty: written here */
    hostmap_str group;
    /** HOSTMAP_FLAG_ bits */
    unsigned flags;
    /** the words after the URL, for hostmap_option_next(); may be empty */
    hostmap_str words;
} hostmap_entry;

/**
 * Parse a value.  Words are separated by blanks; leading and trailing blanks
 * are ignored.  Options are checked against the table of base/option.h.
 * @param bad set on failure, may be NULL
 * @return APR_SUCCESS, or APR_EINVAL when the value is bad: nothing of *entry
 *         may be used then.
 *
 * Backend URLs are scheme://host[:port][/path] with a scheme that
 * mod_proxy has a handler for (http https ws wss h2 h2c fcgi scgi uwsgi ajp
 * ftp balancer); userinfo, query, fragment, control characters, blanks and
 * backslashes are refused.  A name may hold underscores (container names).
 * Host and socket are at most 255 and 95 bytes: mod_proxy's fields.
 */
apr_status_t hostmap_entry_parse(hostmap_entry *entry, hostmap_str value,
                                 hostmap_bad *bad);

#endif /* HOSTMAP_ENTRY_H */

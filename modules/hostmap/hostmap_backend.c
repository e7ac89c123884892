/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A backend: its URL, and the words after it.  The limit of a socket is that of
 * the field of mod_proxy's worker, as the limit of a host is: a longer one
 * would be refused by every request instead of once by the tool.
 */

#include <string.h>

#include "apr_cstr.h"

#include "base/url.h"
#include "hostmap_backend.h"

/** mod_proxy's 96 with the terminating NUL */
#define BACKEND_SOCKET_MAX 95

/** `unix:/path|` or `unix:///path|` before a URL; *url is set to the rest. */
static apr_status_t backend_socket(hostmap_entry *entry, hostmap_str *url,
                                 const hostmap_scan *scan)
{
    hostmap_str path = hostmap_scan_after(*url, strlen("unix:"));
    apr_size_t i;

    path.len = hostmap_scan_before(path, '|');
    *url = hostmap_scan_after(*url, strlen("unix:") + path.len);
    if (url->len == 0) {
        return hostmap_scan_fail(scan, url->ptr,
                                 "expected `|` and a URL after the socket");
    }
    *url = hostmap_scan_after(*url, 1);
    /* mod_proxy reads it as a URL, in which `//` begins an authority, empty
     * before a third slash, and `?` and `#` end the path */
    if (path.len > 2 && memcmp(path.ptr, "///", 3) == 0) {
        path = hostmap_scan_after(path, 2);
    }
    if (path.len < 2 || path.ptr[0] != '/' || path.ptr[1] == '/') {
        return hostmap_scan_fail(scan, path.ptr,
                                 "expected the absolute path of a socket");
    }
    i = hostmap_scan_until(path, HOSTMAP_SCAN_QUERY
                           | HOSTMAP_SCAN_ESCAPE);
    if (i < path.len) {
        return hostmap_scan_fail(scan, path.ptr + i,
                                 "`?`, `#` and `\\` are refused in the path "
                                 "of a socket");
    }
    if (path.len > BACKEND_SOCKET_MAX) {
        return hostmap_scan_fail(scan, path.ptr + BACKEND_SOCKET_MAX,
                                 "the socket is longer than 95 bytes");
    }
    entry->socket = path;
    return APR_SUCCESS;
}

apr_status_t hostmap_backend_url(hostmap_entry *entry, hostmap_str word,
                                 const hostmap_scan *scan)
{
    hostmap_str text = word;
    hostmap_url url;
    apr_size_t i;
    apr_status_t rv;

    entry->kind = HOSTMAP_ENTRY_PROXY;
    entry->url = word;
    if (word.len >= 5 && (word.ptr[0] == 'u' || word.ptr[0] == 'U')
        && apr_cstr_casecmpn(word.ptr, "unix:", 5) == 0) {
        rv = backend_socket(entry, &text, scan);
        if (rv != APR_SUCCESS) {
            return rv;
        }
    }
    rv = hostmap_scan_url(&url, text, entry->socket.len > 0
                          ? "expected scheme://host after the socket"
                          : HOSTMAP_BACKEND_FIRST, scan);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (!hostmap_scheme_known(url.scheme)) {
        return hostmap_scan_fail(scan, url.scheme.ptr,
                                 "mod_proxy has no handler for the scheme");
    }
    if ((url.port != 0 || entry->socket.len > 0)
        && hostmap_scan_equal(url.scheme, "balancer")) {
        return hostmap_scan_fail(scan, url.scheme.ptr,
                                 "a balancer has neither port nor socket");
    }
    i = hostmap_scan_until(url.rest, HOSTMAP_SCAN_QUERY
                           | HOSTMAP_SCAN_ESCAPE);
    if (i < url.rest.len) {
        return hostmap_scan_fail(scan, url.rest.ptr + i,
                                 "`?`, `#` and `\\` are refused in a backend "
                                 "URL");
    }
    entry->scheme = url.scheme;
    entry->host = url.host;
    entry->port = url.port;
    entry->path = url.rest;
    return APR_SUCCESS;
}

int hostmap_backend_is_url(hostmap_str word)
{
    apr_size_t i = hostmap_scan_until(word, HOSTMAP_SCAN_COLON);

    return i < word.len && memchr(word.ptr, '=', i) == NULL;
}

/** A word that is no flag.  seen: a bit for each option that was there. */
static apr_status_t backend_option(apr_uint64_t *seen, hostmap_str word,
                                   int is_member, const hostmap_scan *scan)
{
    hostmap_option option;
    apr_status_t rv;
    apr_uint64_t bit;

    if (is_member && hostmap_option_is_member(word)) {
        return APR_SUCCESS;
    }
    rv = hostmap_option_read(&option, word, scan);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    bit = APR_UINT64_C(1) << (option.def - hostmap_options);
    if (*seen & bit) {
        return hostmap_scan_fail(scan, word.ptr, "the option is given twice");
    }
    *seen |= bit;
    return APR_SUCCESS;
}

apr_status_t hostmap_backend_words(hostmap_entry *entry, int is_member,
                                   const hostmap_scan *scan)
{
    hostmap_str rest = entry->words;
    apr_uint64_t seen = 0;
    hostmap_str word;

    for (;;) {
        unsigned flag;
        apr_status_t rv;

        word = hostmap_scan_word(&rest);
        if (word.len == 0) {
            return APR_SUCCESS;
        }
        flag = hostmap_option_flag(word);
        rv = flag ? APR_SUCCESS : backend_option(&seen, word, is_member,
                                                 scan);
        if (rv != APR_SUCCESS) {
            return rv;
        }
        if (entry->flags & flag) {
            return hostmap_scan_fail(scan, word.ptr,
                                     "the flag is given twice");
        }
        entry->flags |= flag;
    }
}

/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file hostmap_entry.c
 * @brief The grammar of values.
 *
 * The fields of mod_proxy's worker limit the lengths of a socket and of a host:
 * longer ones would fail in every request instead of once in the tool.
 */

#include <string.h>

#include "apr_cstr.h"

#include "base/url.h"
#include "hostmap_entry.h"

/** mod_proxy's 96 with the terminating NUL */
#define ENTRY_SOCKET_MAX 95

#define ENTRY_FIRST_WORD "expected a URL, `!` or a status"

/** `unix:/path|` or `unix:///path|` before a URL; *url is set to the rest. */
static apr_status_t entry_socket(hostmap_entry *entry, hostmap_str *url,
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
    if (path.len > ENTRY_SOCKET_MAX) {
        return hostmap_scan_fail(scan, path.ptr + ENTRY_SOCKET_MAX,
                                 "the socket is longer than 95 bytes");
    }
    entry->socket = path;
    return APR_SUCCESS;
}

static apr_status_t entry_backend(hostmap_entry *entry, hostmap_str word,
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
        rv = entry_socket(entry, &text, scan);
        if (rv != APR_SUCCESS) {
            return rv;
        }
    }
    rv = hostmap_scan_url(&url, text, entry->socket.len > 0
                          ? "expected scheme://host after the socket"
                          : ENTRY_FIRST_WORD, scan);
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

/** Checks the words after a backend URL. */
static apr_status_t entry_words(hostmap_entry *entry,
                                const hostmap_scan *scan)
{
    hostmap_str rest = entry->words;
    apr_uint64_t seen = 0;
    hostmap_option option;
    hostmap_str word;
    unsigned flag;

    for (;;) {
        word = hostmap_scan_word(&rest);
        if (word.len == 0) {
            return APR_SUCCESS;
        }
        flag = hostmap_option_flag(word);
        if (!flag) {
            apr_status_t rv = hostmap_option_read(&option, word, scan);
            apr_uint64_t bit;

            if (rv != APR_SUCCESS) {
                return rv;
            }
            bit = APR_UINT64_C(1) << (option.def - hostmap_options);
            if (seen & bit) {
                return hostmap_scan_fail(scan, word.ptr,
                                         "the option is given twice");
            }
            seen |= bit;
        }
        else if (entry->flags & flag) {
            return hostmap_scan_fail(scan, word.ptr,
                                     "the flag is given twice");
        }
        entry->flags |= flag;
    }
}

/** `410` and `301 URL`; rest: the words after the number. */
static apr_status_t entry_status(hostmap_entry *entry, hostmap_str word,
                                 hostmap_str rest, const hostmap_scan *scan)
{
    apr_int64_t number;
    hostmap_url url;
    apr_status_t rv;

    if (!hostmap_scan_number(&number, word)) {
        return hostmap_scan_fail(scan, word.ptr, ENTRY_FIRST_WORD);
    }
    if (word.len != 3 || number < 300 || number > 599
        || (number > 308 && number < 400)) {
        return hostmap_scan_fail(scan, word.ptr,
                                 "expected a status of 300 to 308 or 400 to "
                                 "599");
    }
    entry->status = (int)number;
    if (number >= 400) {
        entry->kind = HOSTMAP_ENTRY_STATUS;
    }
    else {
        entry->kind = HOSTMAP_ENTRY_REDIRECT;
        entry->url = hostmap_scan_word(&rest);
        rv = hostmap_scan_url(&url, entry->url,
                              "expected an http or https URL after the "
                              "status", scan);
        if (rv != APR_SUCCESS) {
            return rv;
        }
        if (!hostmap_scan_equal(url.scheme, "http")
            && !hostmap_scan_equal(url.scheme, "https")) {
            return hostmap_scan_fail(scan, url.scheme.ptr,
                                     "expected an http or https URL after "
                                     "the status");
        }
    }
    if (hostmap_scan_trim(rest).len > 0) {
        return hostmap_scan_fail(scan, hostmap_scan_trim(rest).ptr,
                                 number >= 400
                                 ? "nothing may follow this status"
                                 : "nothing may follow the URL of a redirect");
    }
    return APR_SUCCESS;
}

apr_status_t hostmap_entry_parse(hostmap_entry *entry, hostmap_str value,
                                 hostmap_bad *bad)
{
    hostmap_scan scan;
    hostmap_str rest, word;
    apr_size_t i;
    apr_status_t rv;

    scan.base = value.ptr;
    scan.bad = bad;
    memset(entry, 0, sizeof(*entry));
    if (value.len > HOSTMAP_VALUE_MAX) {
        return hostmap_scan_fail(&scan, value.ptr + HOSTMAP_VALUE_MAX,
                                 "the value is longer than 4096 bytes");
    }
    word = rest = hostmap_scan_trim(value);
    word.len = hostmap_scan_until(word, HOSTMAP_SCAN_BLANK
                                  | HOSTMAP_SCAN_CONTROL);
    rest = hostmap_scan_after(rest, word.len);
    i = hostmap_scan_until(rest, HOSTMAP_SCAN_CONTROL);
    if (i < rest.len) {
        return hostmap_scan_fail(&scan, rest.ptr + i,
                                 "the value holds a control character");
    }
    rest = hostmap_scan_trim(rest);
    if (hostmap_scan_equal(word, "!")) {
        entry->kind = HOSTMAP_ENTRY_NONE;
        return rest.len == 0 ? APR_SUCCESS
               : hostmap_scan_fail(&scan, rest.ptr,
                                   "nothing may follow `!`");
    }
    if (word.len > 0 && hostmap_scan_is_digit(word.ptr[0])) {
        return entry_status(entry, word, rest, &scan);
    }
    rv = entry_backend(entry, word, &scan);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    entry->words = rest;
    return rest.len > 0 ? entry_words(entry, &scan) : APR_SUCCESS;
}

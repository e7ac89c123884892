/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file hostmap_entry.c
 * @brief The grammar of values: by its first word, a value is a backend, a
 *        group, a status or `!`.
 */

#include <string.h>

#include "base/url.h"
#include "hostmap_backend.h"
#include "hostmap_entry.h"
#include "hostmap_group.h"

/** `410` and `301 URL`; rest: the words after the number. */
static apr_status_t entry_status(hostmap_entry *entry, hostmap_str word,
                                 hostmap_str rest, const hostmap_scan *scan)
{
    apr_int64_t number;
    hostmap_url url;
    apr_status_t rv;

    if (!hostmap_scan_number(&number, word)) {
        return hostmap_scan_fail(scan, word.ptr, HOSTMAP_BACKEND_FIRST);
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

/** Is one of the words a URL? */
static int entry_has_url(hostmap_str words)
{
    hostmap_str word;

    do {
        word = hostmap_scan_word(&words);
    } while (word.len > 0 && !hostmap_backend_is_url(word));
    return word.len > 0;
}

/** `@NAME`, `@NAME/path` and words for all its members. */
static apr_status_t entry_reference(hostmap_entry *entry, hostmap_str word,
                                    hostmap_str rest,
                                    const hostmap_scan *scan)
{
    hostmap_str path;
    apr_size_t i;

    entry->kind = HOSTMAP_ENTRY_GROUP;
    entry->url = word;
    entry->group = hostmap_scan_after(word, 1);
    entry->group.len = hostmap_scan_while(entry->group, HOSTMAP_SCAN_NAME);
    path = hostmap_scan_after(word, 1 + entry->group.len);
    if (entry->group.len == 0 || entry->group.len > HOSTMAP_GROUP_NAME_MAX
        || (path.len > 0 && path.ptr[0] != '/')) {
        return hostmap_scan_fail(scan, path.ptr, "expected the name of a "
                                 "group of 1 to 64 letters, digits, `.`, `_` "
                                 "or `-`, and nothing or a path");
    }
    i = hostmap_scan_until(path, HOSTMAP_SCAN_QUERY | HOSTMAP_SCAN_ESCAPE);
    if (i < path.len) {
        return hostmap_scan_fail(scan, path.ptr + i,
                                 "`?`, `#` and `\\` are refused in a path");
    }
    entry->path = path;
    entry->words = rest;
    if (entry_has_url(rest)) {
        return hostmap_scan_fail(scan, rest.ptr, "a value that names a group "
                                 "cannot have members of its own");
    }
    return hostmap_backend_words(entry, 0, scan);
}

/** Not one backend, but several, or words before the first of them? */
static int entry_is_group(hostmap_str word, hostmap_str rest)
{
    return entry_has_url(rest) || (!hostmap_backend_is_url(word)
                                   && memchr(word.ptr, '=', word.len));
}

/** Members in the value itself. */
static apr_status_t entry_members(hostmap_entry *entry, hostmap_str value,
                                  const hostmap_scan *scan)
{
    hostmap_str text = hostmap_scan_trim(value);
    hostmap_group group;
    apr_status_t rv = hostmap_group_parse(&group, text, scan->bad);

    if (rv != APR_SUCCESS) {
        if (scan->bad) {
            scan->bad->pos += (apr_size_t)(text.ptr - value.ptr);
        }
        return rv;
    }
    memset(entry, 0, sizeof(*entry));
    entry->kind = HOSTMAP_ENTRY_GROUP;
    entry->words = text;
    entry->flags = group.flags;
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
                                 HOSTMAP_BACKEND_TOO_LONG);
    }
    word = rest = hostmap_scan_trim(value);
    word.len = hostmap_scan_until(word, HOSTMAP_SCAN_BLANK
                                  | HOSTMAP_SCAN_CONTROL);
    rest = hostmap_scan_after(rest, word.len);
    i = hostmap_scan_until(rest, HOSTMAP_SCAN_CONTROL);
    if (i < rest.len) {
        return hostmap_scan_fail(&scan, rest.ptr + i,
                                 HOSTMAP_BACKEND_CONTROL);
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
    if (word.len > 0 && word.ptr[0] == '@') {
        return entry_reference(entry, word, rest, &scan);
    }
    rv = hostmap_backend_url(entry, word, &scan);
    if (rv == APR_SUCCESS) {
        entry->words = rest;
        if (rest.len > 0) {
            rv = hostmap_backend_words(entry, 0, &scan);
        }
    }
    if (rv != APR_SUCCESS && entry_is_group(word, rest)) {
        rv = entry_members(entry, value, &scan);
    }
    return rv;
}

apr_status_t hostmap_value_check(hostmap_entry *entry, hostmap_str key,
                                 hostmap_str value, hostmap_bad *bad)
{
    hostmap_scan scan;

    if (!hostmap_key_is_group(key)) {
        return hostmap_entry_parse(entry, value, bad);
    }
    scan.base = value.ptr;
    scan.bad = bad;
    return entry_members(entry, value, &scan);
}

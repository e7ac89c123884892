/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Input: a value, read as an entry and as the words behind a URL.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "hostmap/hostmap_entry.h"
#include "hostmap/hostmap_group.h"
#include "base/option.h"
#include "express/value_cache_core.h"

static void require(int holds)
{
    if (!holds) {
        abort();
    }
}

/** Does str lie in the input? */
static int within(hostmap_str str, const char *value, size_t size)
{
    return str.len == 0
           || (str.ptr >= value && str.ptr + str.len <= value + size);
}

/** Reads options to the end or the first bad one. */
static apr_status_t read_options(hostmap_str words)
{
    hostmap_str left = words;
    hostmap_option option;
    hostmap_bad bad = { NULL, 0 };
    apr_status_t rv;

    for (;;) {
        const char *start = left.ptr;
        apr_size_t before = left.len;

        rv = hostmap_option_next(&option, &left, &bad);
        if (rv != APR_SUCCESS) {
            require(rv == APR_EOF
                    || (bad.reason != NULL && bad.pos <= before));
            return rv;
        }
        require(left.len < before && left.ptr > start);
        require(within(option.text, words.ptr, words.len));
        require(option.number <= option.def->max);
        require(option.number >= option.def->min || option.number == 0);
    }
}

static void check_proxy(const hostmap_entry *entry)
{
    const char *url_end = entry->url.ptr + entry->url.len;

    require(entry->scheme.len > 0 && entry->scheme.ptr >= entry->url.ptr);
    require(entry->host.len > 0 && entry->host.len <= 255);
    require(entry->host.ptr > entry->scheme.ptr + entry->scheme.len);
    require(entry->path.ptr + entry->path.len == url_end);
    require(entry->path.len == 0 || entry->path.ptr[0] == '/');
    require(entry->socket.len == 0
            || (entry->socket.ptr[0] == '/' && entry->socket.len <= 95));
    require(entry->words.len == 0 || entry->words.ptr > url_end);
    require(read_options(entry->words) == APR_EOF);
}

static void check_cached(const hostmap_entry *entry, hostmap_str value)
{
    static value_cache cache;
    hostmap_entry again;
    int i;

    for (i = 0; i < 2; i++) {
        require(value_cache_parse(&cache, &again, value, NULL) == APR_SUCCESS);
        require(again.kind == entry->kind && again.status == entry->status
                && again.port == entry->port && again.flags == entry->flags
                && again.url.ptr == entry->url.ptr
                && again.path.ptr == entry->path.ptr
                && again.group.ptr == entry->group.ptr
                && again.words.len == entry->words.len);
    }
}

/** Each member that was counted comes, and lies in the value. */
static void check_group(hostmap_str value)
{
    hostmap_bad bad = { NULL, 0 };
    hostmap_group group;
    hostmap_member member;
    hostmap_str rest;
    unsigned count = 0;

    if (hostmap_group_parse(&group, value, &bad) != APR_SUCCESS) {
        require(bad.reason != NULL && bad.pos <= value.len);
        return;
    }
    rest = group.members;
    while (hostmap_member_next(&member, &rest) == APR_SUCCESS) {
        require(within(member.backend.url, value.ptr, value.len));
        require(member.weight >= 1 && member.weight <= HOSTMAP_WEIGHT_MAX);
        check_proxy(&member.backend);
        count++;
    }
    require(count == group.count && count >= 1
            && count <= HOSTMAP_MEMBERS_MAX);
    hostmap_group_fails(&group, 503);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *value = (const char *)data;
    hostmap_str words = { value, size };
    hostmap_bad bad = { NULL, 0 };
    hostmap_entry entry;
    size_t i;

    read_options(words);
    check_group(words);
    if (hostmap_entry_parse(&entry, words, &bad) != APR_SUCCESS) {
        require(bad.reason != NULL && bad.pos <= size);
        return 0;
    }
    check_cached(&entry, words);
    require(size <= HOSTMAP_VALUE_MAX && memchr(value, '\0', size) == NULL);
    require(within(entry.url, value, size) && within(entry.host, value, size)
            && within(entry.words, value, size));
    for (i = 0; i < entry.url.len; i++) {
        require((unsigned char)entry.url.ptr[i] > ' ');
    }
    switch (entry.kind) {
    case HOSTMAP_ENTRY_PROXY:
        require(entry.status == 0);
        check_proxy(&entry);
        break;
    case HOSTMAP_ENTRY_GROUP:
        require(entry.status == 0);
        if (entry.group.len == 0) {
            check_group(entry.words);
        }
        break;
    case HOSTMAP_ENTRY_NONE:
        require(entry.status == 0 && entry.url.len == 0);
        break;
    case HOSTMAP_ENTRY_REDIRECT:
        require(entry.status >= 300 && entry.status <= 308);
        require(entry.url.len > strlen("http://"));
        break;
    case HOSTMAP_ENTRY_STATUS:
        require(entry.status >= 400 && entry.status <= 599);
        break;
    }
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A group is served by mod_proxy_pool, which chooses a member and goes to
 * another one when that fails.  To the rest of this module, and to mod_proxy's
 * canonicalisation, its first member stands for all: they have the same path
 * and schemes of one kind.  Which one answered is asked afterwards, for the
 * headers that name it.
 */

#include "express_group.h"

#include "apr_lib.h"
#include "apr_optional.h"
#include "apr_strings.h"

#include "base/url.h"
#include "hostmap/hostmap_group.h"

/* Of mod_proxy_pool, NULL if it is not loaded. */
static APR_OPTIONAL_FN_TYPE(proxy_pool_set_group) *express_pool_group;
static APR_OPTIONAL_FN_TYPE(proxy_pool_served) *express_pool_served;

void express_group_start(void)
{
    express_pool_group = APR_RETRIEVE_OPTIONAL_FN(proxy_pool_set_group);
    express_pool_served = APR_RETRIEVE_OPTIONAL_FN(proxy_pool_served);
}

/* The statuses of failon=, or its default. */
static const int *express_failon(request_rec *r, const hostmap_group *group)
{
    int *list = apr_palloc(r->pool, (HOSTMAP_FAILON_MAX + 1) * sizeof(*list));
    int status, count = 0;

    for (status = 400; status < 600 && count < HOSTMAP_FAILON_MAX; status++) {
        if (hostmap_group_fails(group, status)) {
            list[count++] = status;
        }
    }
    list[count] = 0;
    return list;
}

/* The URL without its path, the scheme in lower case. */
static const char *express_origin(request_rec *r, const hostmap_entry *backend)
{
    apr_size_t len = backend->url.len - backend->path.len, i;
    apr_size_t at = (apr_size_t)(backend->scheme.ptr - backend->url.ptr);
    char *origin = apr_pstrmemdup(r->pool, backend->url.ptr, len);

    for (i = 0; i < backend->scheme.len; i++) {
        origin[at + i] = apr_tolower(origin[at + i]);
    }
    return origin;
}

/* Options of the member, and over them those of the entry that names the
 * group. */
static void express_member(request_rec *r, proxy_pool_member *to,
                           const hostmap_member *from, hostmap_str words)
{
    to->origin = express_origin(r, &from->backend);
    to->weight = from->weight;
    to->backup = from->backup;
    to->words = from->backend.words.ptr;
    to->words_len = from->backend.words.len;
    if (words.len > 0) {
        to->words = apr_pstrcat(r->pool,
                                apr_pstrmemdup(r->pool, to->words,
                                               to->words_len), " ",
                                apr_pstrmemdup(r->pool, words.ptr, words.len),
                                NULL);
        to->words_len = strlen(to->words);
    }
}

/* The first member's URL with the path of the entry. */
static void express_stand_in(hostmap_entry *entry, request_rec *r,
                             const hostmap_member *first, unsigned flags)
{
    hostmap_entry backend = first->backend;
    apr_size_t origin_len = backend.url.len - backend.path.len;
    apr_size_t path_len = backend.path.len;
    char *url;

    if (entry->path.len > 0) {
        if (path_len > 0 && backend.path.ptr[path_len - 1] == '/') {
            path_len--;
        }
        url = apr_psprintf(r->pool, "%.*s%.*s", (int)(origin_len + path_len),
                           backend.url.ptr, (int)entry->path.len,
                           entry->path.ptr);
        backend.scheme.ptr = url + (backend.scheme.ptr - backend.url.ptr);
        backend.host.ptr = url + (backend.host.ptr - backend.url.ptr);
        backend.url = hostmap_str_of(url, strlen(url));
        backend.path = hostmap_scan_after(backend.url, origin_len);
    }
    backend.words = hostmap_str_of("", 0);
    backend.flags = flags;
    *entry = backend;
}

apr_status_t express_group_read(const proxy_pool_group **out,
                                hostmap_entry *entry, request_rec *r,
                                const hostmap_matched *found,
                                hostmap_bad *bad)
{
    hostmap_str value = entry->group.len > 0 ? found->group : entry->words;
    hostmap_str words = entry->group.len > 0 ? entry->words
                                             : hostmap_str_of("", 0);
    hostmap_member member, first;
    proxy_pool_group *group;
    proxy_pool_member *members;
    hostmap_group parsed;
    hostmap_str rest;

    if (!express_pool_group) {
        return APR_ENOTIMPL;
    }
    bad->pos = 0;
    bad->reason = "the map does not hold the group";
    if (!value.ptr) {
        return APR_EINVAL;
    }
    if (hostmap_group_parse(&parsed, value, bad) != APR_SUCCESS) {
        return APR_EINVAL;
    }
    group = apr_pcalloc(r->pool, sizeof(*group));
    members = apr_palloc(r->pool, parsed.count * sizeof(*members));
    memset(&first, 0, sizeof(first));
    rest = parsed.members;
    while (hostmap_member_next(&member, &rest) == APR_SUCCESS) {
        if (group->count == 0) {
            first = member;
        }
        express_member(r, &members[group->count++], &member, words);
    }
    group->members = members;
    group->policy = (proxy_pool_policy)parsed.policy;
    group->retries = parsed.retries;
    group->failon = express_failon(r, &parsed);
    if (parsed.sticky.len > 0) {
        group->sticky = apr_pstrmemdup(r->pool, parsed.sticky.ptr,
                                       parsed.sticky.len);
    }
    group->about = apr_pstrcat(r->pool, "entry ", found->key, NULL);
    express_stand_in(entry, r, &first, parsed.flags | entry->flags);
    *out = group;
    return APR_SUCCESS;
}

void express_group_give(request_rec *r, const proxy_pool_group *group)
{
    express_pool_group(r, group);
}

void express_group_answered(request_rec *r, hostmap_entry *entry)
{
    hostmap_scan scan = { NULL, NULL };
    const char *name = NULL, *bar;
    hostmap_url url;
    int resent;

    express_pool_served(r, &name, &resent);
    if (!name) {
        return;
    }
    bar = ap_strchr_c(name, '|');
    scan.base = name;
    if (hostmap_scan_url(&url, hostmap_str_text(bar ? bar + 1 : name), "",
                         &scan) == APR_SUCCESS) {
        entry->scheme = url.scheme;
        entry->host = url.host;
        entry->port = url.port;
    }
}

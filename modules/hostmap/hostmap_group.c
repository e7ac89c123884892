/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The grammar of groups.
 */

#include <string.h>

#include "apr_cstr.h"

#include "base/url.h"
#include "hostmap_backend.h"
#include "hostmap_group.h"

#define GROUP_FAILON_DEFAULT "502,503,504"

/** Schemes that a request can go to in each other's place. */
static const char *const group_kin[][2] = {
    { "http", "https" }, { "ws", "wss" }, { "h2c", "h2" }
};

static const struct {
    const char *name;
    hostmap_policy policy;
} group_policies[] = {
    { "roundrobin", HOSTMAP_POLICY_ROUNDROBIN },
    { "leastconn", HOSTMAP_POLICY_LEASTCONN },
    { "hash", HOSTMAP_POLICY_HASH },
    { "first", HOSTMAP_POLICY_FIRST }
};

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* ---- words of the group ------------------------------------------------ */

/** What follows `NAME=` of a word; ptr NULL: another word. */
static hostmap_str group_word(hostmap_str word, const char *name)
{
    apr_size_t len = strlen(name);
    hostmap_str key = word;

    key.len = len;
    if (word.len <= len || word.ptr[len] != '='
        || !hostmap_scan_equal(key, name)) {
        return hostmap_str_of(NULL, 0);
    }
    return hostmap_scan_after(word, len + 1);
}

static apr_status_t group_policy(hostmap_group *group, hostmap_str text,
                                 const hostmap_scan *scan)
{
    apr_size_t i;

    for (i = 0; i < LENGTH(group_policies); i++) {
        if (hostmap_scan_equal(text, group_policies[i].name)) {
            group->policy = group_policies[i].policy;
            return APR_SUCCESS;
        }
    }
    return hostmap_scan_fail(scan, text.ptr, "policy takes roundrobin, "
                             "leastconn, hash or first");
}

/** A token of RFC 9110, as a cookie's name is. */
static apr_status_t group_sticky(hostmap_group *group, hostmap_str text,
                                 const hostmap_scan *scan)
{
    static const char others[] = "!#$%&'*+^`|~";
    apr_size_t i;

    for (i = 0; i < text.len; i++) {
        if (!hostmap_scan_is(text.ptr[i], HOSTMAP_SCAN_NAME)
            && !memchr(others, text.ptr[i], sizeof(others) - 1)) {
            break;
        }
    }
    if (text.len == 0 || text.len > 64 || i < text.len) {
        return hostmap_scan_fail(scan, text.ptr + i,
                                 "sticky takes the name of a cookie of at "
                                 "most 64 bytes");
    }
    group->sticky = text;
    return APR_SUCCESS;
}

static apr_status_t group_retries(hostmap_group *group, hostmap_str text,
                                  const hostmap_scan *scan)
{
    apr_int64_t number;

    if (!hostmap_scan_number(&number, text) || number > HOSTMAP_MEMBERS_MAX) {
        return hostmap_scan_fail(scan, text.ptr,
                                 "retries takes a number of 0 to 32");
    }
    group->retries = (int)number;
    return APR_SUCCESS;
}

/** Takes a status of 400 to 599 off a list; 0: there is none. */
static int group_status(hostmap_str *list)
{
    hostmap_str word = *list;
    apr_int64_t number;

    word.len = hostmap_scan_before(word, ',');
    *list = hostmap_scan_after(*list, word.len < list->len ? word.len + 1
                                                            : word.len);
    return word.len == 3 && hostmap_scan_number(&number, word)
           && number >= 400 && number <= 599 ? (int)number : 0;
}

static apr_status_t group_failon(hostmap_group *group, hostmap_str text,
                                 const hostmap_scan *scan)
{
    hostmap_str list = text;
    unsigned count = 0;

    group->failon = text;
    if (hostmap_scan_equal(text, "none")) {
        return APR_SUCCESS;
    }
    do {
        if (!group_status(&list) || ++count > HOSTMAP_FAILON_MAX) {
            return hostmap_scan_fail(scan, text.ptr, "failon takes none, or "
                                     "at most 16 statuses of 400 to 599 with "
                                     "commas between them");
        }
    } while (list.len > 0);
    return text.ptr[text.len - 1] != ',' ? APR_SUCCESS
           : hostmap_scan_fail(scan, text.ptr + text.len,
                               "expected a status after the comma");
}

static const struct {
    const char *name;
    apr_status_t (*read)(hostmap_group *group, hostmap_str text,
                         const hostmap_scan *scan);
} group_words[] = {
    { "policy", group_policy },
    { "sticky", group_sticky },
    { "retries", group_retries },
    { "failon", group_failon }
};

/** A word before the first URL.  seen: a bit for each that was there. */
static apr_status_t group_read(hostmap_group *group, unsigned *seen,
                               hostmap_str word, const hostmap_scan *scan)
{
    apr_size_t i;

    for (i = 0; i < LENGTH(group_words); i++) {
        hostmap_str text = group_word(word, group_words[i].name);

        if (text.ptr) {
            if (*seen & (1u << i)) {
                return hostmap_scan_fail(scan, word.ptr,
                                         "the word is given twice");
            }
            *seen |= 1u << i;
            return group_words[i].read(group, text, scan);
        }
    }
    return hostmap_scan_fail(scan, word.ptr, "expected policy=, sticky=, "
                             "retries=, failon= or a URL");
}

int hostmap_group_fails(const hostmap_group *group, int status)
{
    hostmap_str list = group->failon;

    if (list.len == 0) {
        list = hostmap_str_text(GROUP_FAILON_DEFAULT);
    }
    while (list.len > 0) {
        if (group_status(&list) == status) {
            return 1;
        }
    }
    return 0;
}

/* ---- members ----------------------------------------------------------- */

/** `weight=N` and `backup`, of which each member has its own. */
static apr_status_t group_member_word(hostmap_member *member, hostmap_str word,
                                const hostmap_scan *scan)
{
    hostmap_str text = group_word(word, "weight");
    apr_int64_t number;

    if (!text.ptr) {
        if (member->backup) {
            return hostmap_scan_fail(scan, word.ptr, "backup is given twice");
        }
        member->backup = 1;
        return APR_SUCCESS;
    }
    if (member->weight) {
        return hostmap_scan_fail(scan, word.ptr, "weight is given twice");
    }
    if (!hostmap_scan_number(&number, text) || number < 1
        || number > HOSTMAP_WEIGHT_MAX) {
        return hostmap_scan_fail(scan, text.ptr,
                                 "weight takes a number of 1 to 1000");
    }
    member->weight = (unsigned)number;
    return APR_SUCCESS;
}

/** Takes a URL and its words off rest. */
static apr_status_t group_member_read(hostmap_member *member, hostmap_str *rest,
                                const hostmap_scan *scan)
{
    hostmap_str word = hostmap_scan_word(rest), left;
    apr_status_t rv;

    memset(member, 0, sizeof(*member));
    rv = hostmap_backend_url(&member->backend, word, scan);
    *rest = hostmap_scan_trim(*rest);
    member->backend.words = *rest;
    member->backend.words.len = 0;
    while (rv == APR_SUCCESS) {
        left = *rest;
        word = hostmap_scan_word(&left);
        if (word.len == 0 || hostmap_backend_is_url(word)) {
            break;
        }
        if (hostmap_option_is_member(word)) {
            rv = group_member_word(member, word, scan);
        }
        member->backend.words.len =
            (apr_size_t)(word.ptr + word.len - member->backend.words.ptr);
        *rest = left;
    }
    if (!member->weight) {
        member->weight = 1;
    }
    return rv == APR_SUCCESS ? hostmap_backend_words(&member->backend, 1, scan)
                             : rv;
}

apr_status_t hostmap_member_next(hostmap_member *member, hostmap_str *rest)
{
    hostmap_scan scan;

    *rest = hostmap_scan_trim(*rest);
    scan.base = rest->ptr;
    scan.bad = NULL;
    return rest->len == 0 ? APR_EOF : group_member_read(member, rest, &scan);
}

static int group_member_same(hostmap_str a, hostmap_str b)
{
    return a.len == b.len && memcmp(a.ptr, b.ptr, a.len) == 0;
}

static int group_member_is_kin(hostmap_str scheme, hostmap_str other)
{
    apr_size_t i, j, k;

    for (i = 0; i < LENGTH(group_kin); i++) {
        for (j = k = 0; j < 2; j++) {
            k += (apr_size_t)hostmap_scan_equal(scheme, group_kin[i][j])
                 + (apr_size_t)hostmap_scan_equal(other, group_kin[i][j]);
        }
        if (k == 2) {
            return 1;
        }
    }
    return scheme.len == other.len
           && apr_cstr_casecmpn(scheme.ptr, other.ptr, other.len) == 0;
}

/** The members, each checked by itself and beside the first. */
static apr_status_t group_members(hostmap_group *group,
                                  const hostmap_scan *scan)
{
    hostmap_str rest = group->members;
    hostmap_member first, member;
    apr_status_t rv;

    for (group->count = 0; rest.len > 0; group->count++) {
        const char *at = rest.ptr;

        if (group->count == HOSTMAP_MEMBERS_MAX) {
            return hostmap_scan_fail(scan, at,
                                     "a group has at most 32 members");
        }
        rv = group_member_read(group->count == 0 ? &first : &member, &rest,
                               scan);
        if (rv != APR_SUCCESS) {
            return rv;
        }
        rest = hostmap_scan_trim(rest);
        if (group->count == 0) {
            member = first;
        }
        group->flags |= member.backend.flags;
        if (hostmap_scan_equal(member.backend.scheme, "balancer")) {
            return hostmap_scan_fail(scan, at,
                                     "a balancer cannot be a member");
        }
        if (!group_member_is_kin(member.backend.scheme, first.backend.scheme)) {
            return hostmap_scan_fail(scan, at, "the scheme is of another kind "
                                     "than that of the first member");
        }
        if (!group_member_same(member.backend.path, first.backend.path)) {
            return hostmap_scan_fail(scan, at, "the path is another one than "
                                     "that of the first member");
        }
    }
    return APR_SUCCESS;
}

/* ---- the group --------------------------------------------------------- */

apr_status_t hostmap_group_parse(hostmap_group *group, hostmap_str value,
                                 hostmap_bad *bad)
{
    hostmap_str rest = hostmap_scan_trim(value), left, word;
    hostmap_scan scan;
    unsigned seen = 0;
    apr_size_t i;

    scan.base = value.ptr;
    scan.bad = bad;
    memset(group, 0, sizeof(*group));
    group->retries = -1;
    if (value.len > HOSTMAP_VALUE_MAX) {
        return hostmap_scan_fail(&scan, value.ptr + HOSTMAP_VALUE_MAX,
                                 HOSTMAP_BACKEND_TOO_LONG);
    }
    i = hostmap_scan_until(rest, HOSTMAP_SCAN_CONTROL);
    if (i < rest.len) {
        return hostmap_scan_fail(&scan, rest.ptr + i, HOSTMAP_BACKEND_CONTROL);
    }
    for (;;) {
        unsigned flag;
        apr_status_t rv;

        left = rest;
        word = hostmap_scan_word(&left);
        if (word.len == 0) {
            return hostmap_scan_fail(&scan, word.ptr,
                                     "expected the URL of a member");
        }
        if (hostmap_backend_is_url(word)) {
            break;
        }
        flag = hostmap_option_flag(word);
        group->flags |= flag;
        rv = flag ? APR_SUCCESS : group_read(group, &seen, word, &scan);
        if (rv != APR_SUCCESS) {
            return rv;
        }
        rest = hostmap_scan_trim(left);
    }
    group->members = rest;
    return group_members(group, &scan);
}

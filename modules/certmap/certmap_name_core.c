/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file certmap_name_core.c
 * @brief Keys of a certificate map, and the shards that they lie in.
 */

#include "certmap_name_core.h"

#include <string.h>

#include "base/scan.h"

/* No byte of a name comes after it. */
#define CHAIN_PREFIX "\xfe" "chain"
#define CHAIN_PREFIX_LEN 6

apr_status_t certmap_name_key(char *key, apr_size_t *len, hostmap_str name)
{
    apr_size_t i;

    if (name.len > 1 && name.ptr[name.len - 1] == '.') {
        name.len--;
    }
    if (name.len == 0 || name.len > CERTMAP_NAME_MAX) {
        return APR_EINVAL;
    }
    for (i = 0; i < name.len; i++) {
        char c = name.ptr[i];

        if (c == '.' && (i == 0 || i + 1 == name.len || key[i - 1] == '.')) {
            return APR_EINVAL;
        }
        if (!hostmap_scan_is(c, HOSTMAP_SCAN_NAME)) {
            return APR_EINVAL;
        }
        key[i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
    }
    key[name.len] = '\0';
    *len = name.len;
    return APR_SUCCESS;
}

apr_status_t certmap_name_wildcard(char *key, apr_size_t *len,
                                   hostmap_str name)
{
    apr_size_t first = hostmap_scan_before(name, '.');
    hostmap_str parent = hostmap_scan_after(name, first);

    /* of "*.example" nobody certifies anything */
    if (parent.len < 2
        || memchr(parent.ptr + 1, '.', parent.len - 1) == NULL) {
        return APR_NOTFOUND;
    }
    if (parent.len + 1 > CERTMAP_NAME_MAX) {
        return APR_NOTFOUND;
    }
    key[0] = '*';
    memcpy(key + 1, parent.ptr, parent.len);
    key[1 + parent.len] = '\0';
    *len = 1 + parent.len;
    return APR_SUCCESS;
}

static apr_status_t name_fail(hostmap_bad *bad, apr_size_t pos,
                              const char *reason)
{
    if (bad) {
        bad->reason = reason;
        bad->pos = pos;
    }
    return APR_EINVAL;
}

apr_status_t certmap_name_check(hostmap_str key, hostmap_bad *bad)
{
    char spelled[CERTMAP_NAME_MAX + 1];
    hostmap_str name = key;
    apr_size_t len;

    if (key.len > CERTMAP_NAME_MAX) {
        return name_fail(bad, CERTMAP_NAME_MAX, "longer than 253 bytes");
    }
    if (key.len >= 2 && key.ptr[0] == '*' && key.ptr[1] == '.') {
        name = hostmap_scan_after(key, 2);
        if (memchr(name.ptr, '.', name.len) == NULL) {
            return name_fail(bad, 0, "a wildcard needs two labels after `*.`");
        }
    }
    if (certmap_name_key(spelled, &len, name) != APR_SUCCESS) {
        return name_fail(bad, 0, "not a host name of DNS");
    }
    if (len != name.len || memcmp(spelled, name.ptr, len) != 0) {
        return name_fail(bad, 0, "not in lower case, or with a dot at its "
                         "end");
    }
    return APR_SUCCESS;
}

static int name_equal_nocase(hostmap_str a, hostmap_str b)
{
    return a.len == b.len && apr_cstr_casecmpn(a.ptr, b.ptr, a.len) == 0;
}

int certmap_name_covers(hostmap_str pattern, hostmap_str key)
{
    if (name_equal_nocase(pattern, key)) {
        return 1;
    }
    if (pattern.len < 3 || pattern.ptr[0] != '*' || pattern.ptr[1] != '.'
        || (key.len > 0 && key.ptr[0] == '*')) {
        return 0;
    }
    key = hostmap_scan_after(key, hostmap_scan_before(key, '.'));
    return name_equal_nocase(hostmap_scan_after(pattern, 1), key);
}

unsigned certmap_name_shard(hostmap_str key)
{
    apr_uint32_t hash = 2166136261u;
    apr_size_t i;

    /* FNV-1a: it decides what files hold, so that it must not depend on the
     * machine, and never change */
    for (i = 0; i < key.len; i++) {
        hash = (hash ^ (unsigned char)key.ptr[i]) * 16777619u;
    }
    return (hash ^ (hash >> 8) ^ (hash >> 16) ^ (hash >> 24)) & 0xff;
}

void certmap_shard_file(char *file, unsigned shard)
{
    static const char digits[] = "0123456789abcdef";

    file[0] = digits[(shard >> 4) & 0xf];
    file[1] = digits[shard & 0xf];
    memcpy(file + 2, ".certs", sizeof(".certs"));
}

void certmap_chain_key(char *key, const unsigned char *id)
{
    memcpy(key, CHAIN_PREFIX, CHAIN_PREFIX_LEN);
    memcpy(key + CHAIN_PREFIX_LEN, id, CERTMAP_CHAIN_ID);
}

int certmap_chain_key_is(hostmap_str key)
{
    return key.len == CERTMAP_CHAIN_KEY
           && memcmp(key.ptr, CHAIN_PREFIX, CHAIN_PREFIX_LEN) == 0;
}

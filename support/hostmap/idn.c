/* SPDX-License-Identifier: Apache-2.0 */

/*
 * idn.c: international names, by libidn2, and other spellings.
 */

#include "hostmap/hostmap_key.h"
#include "idn.h"

#include <string.h>

#include <idn2.h>

/* Longest name in UTF-8 that can become a key. */
#define NAME_MAX_BYTES 2048

/* A key in its parts. */
typedef struct parts {
    apr_size_t star;        /* bytes of `*.` or `*` */
    const char *name;
    apr_size_t name_len;
    const char *path;
    apr_size_t path_len;
} parts;

static void take_apart(parts *p, const char *key, apr_size_t len)
{
    apr_size_t host_len = hostmap_key_host_len(hostmap_str_of(key, len));

    p->star = 0;
    if (host_len > 0 && key[0] == '*') {
        p->star = host_len > 1 && key[1] == '.' ? 2 : 1;
    }
    p->name = key + p->star;
    p->name_len = host_len - p->star;
    p->path = key + host_len;
    p->path_len = len - host_len;
}

static apr_status_t put_together(char *out, apr_size_t *out_len,
                                 const parts *p, const char *name,
                                 apr_size_t name_len, const char **reason)
{
    if (p->star + name_len + p->path_len > HOSTMAP_KEY_MAX) {
        *reason = "the key is longer than 511 bytes";
        return APR_EINVAL;
    }
    *out_len = p->star + name_len + p->path_len;
    memcpy(out, "*.", p->star);
    memcpy(out + p->star, name, name_len);
    memcpy(out + p->star + name_len, p->path, p->path_len);
    out[*out_len] = '\0';

    return APR_SUCCESS;
}

int idn_wanted(const char *key, apr_size_t len)
{
    apr_size_t i, host_len = hostmap_key_host_len(hostmap_str_of(key, len));

    for (i = 0; i < host_len; i++) {
        if ((unsigned char)key[i] >= 0x80) {
            return 1;
        }
    }

    return 0;
}

/* A name in punycode, in ascii, which has room for HOSTMAP_KEY_MAX + 1. */
static apr_status_t to_ascii(char *ascii, apr_size_t *ascii_len,
                             const char *name, apr_size_t len,
                             const char **reason)
{
    char text[NAME_MAX_BYTES + 1];
    uint8_t *found = NULL;
    int rc;

    if (len > NAME_MAX_BYTES || memchr(name, '\0', len)) {
        *reason = "not a name";
        return APR_EINVAL;
    }
    memcpy(text, name, len);
    text[len] = '\0';
    rc = idn2_lookup_u8((const uint8_t *)text, &found,
                        IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
    if (rc != IDN2_OK) {
        *reason = idn2_strerror(rc);
        return APR_EINVAL;
    }
    *ascii_len = strlen((const char *)found);
    if (*ascii_len > HOSTMAP_KEY_MAX) {
        *ascii_len = 0;
    }
    memcpy(ascii, found, *ascii_len);
    ascii[*ascii_len] = '\0';
    idn2_free(found);
    *reason = "longer than 511 bytes in punycode";

    return *ascii_len ? APR_SUCCESS : APR_EINVAL;
}

apr_status_t idn_key(char *out, apr_size_t *out_len,
                     const char *key, apr_size_t len, const char **reason)
{
    char ascii[HOSTMAP_KEY_MAX + 1];
    apr_size_t ascii_len;
    apr_status_t rv;
    parts p;

    take_apart(&p, key, len);
    rv = to_ascii(ascii, &ascii_len, p.name, p.name_len, reason);

    return rv == APR_SUCCESS ? put_together(out, out_len, &p, ascii,
                                            ascii_len, reason)
                             : rv;
}

apr_status_t idn_any_key(char *out, apr_size_t *out_len,
                         const char *key, apr_size_t len,
                         const char **reason)
{
    char name[HOSTMAP_KEY_MAX + 1];
    char ascii[HOSTMAP_KEY_MAX + 1];
    apr_size_t name_len = 0;
    hostmap_bad bad;
    parts p;

    if (idn_wanted(key, len)) {
        if (idn_key(ascii, &len, key, len, reason) != APR_SUCCESS) {
            return APR_EINVAL;
        }
        key = ascii;
    }
    take_apart(&p, key, len);
    if (p.star != 1 || p.name_len > 0) {
        if (hostmap_key_host(name, &name_len,
                             hostmap_str_of(p.name, p.name_len), &bad)
            != APR_SUCCESS) {
            *reason = bad.reason;
            return APR_EINVAL;
        }
    }

    return put_together(out, out_len, &p, name, name_len, reason);
}

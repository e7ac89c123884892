/* SPDX-License-Identifier: Apache-2.0 */

/*
 * idn.c: international names, by libidn2, and other spellings.
 */

#include "hostmap/hostmap_key.h"
#include "idn.h"

#include <string.h>

#include <idn2.h>

#include "apr_strings.h"

/* Longest name in UTF-8 that can become a key. */
#define NAME_MAX_BYTES 2048

/* A key in its parts. */
typedef struct idn_parts {
    apr_size_t star;        /* bytes of `*.` or `*` */
    const char *name;
    apr_size_t name_len;
    const char *path;
    apr_size_t path_len;
} idn_parts;

static void idn_take_apart(idn_parts *p, const char *key, apr_size_t len)
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

static apr_status_t idn_put_together(char *out, apr_size_t *out_len,
                                     const idn_parts *p, const char *name,
                                     apr_size_t name_len,
                                     const char **reason)
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

/* Why libidn2 refuses a name, at most a line. */
static char idn_reason[160];

/* The length of the character of UTF-8 at the front of text, which ends with
 * NUL.  Sets *code; libidn2 has found that it is UTF-8. */
static apr_size_t idn_character(const char *text, unsigned *code)
{
    unsigned char first = (unsigned char)text[0];
    apr_size_t len = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    apr_size_t i;

    *code = len == 1 ? first : first & (0x7f >> len);
    for (i = 1; i < len && text[i]; i++) {
        *code = *code << 6 | (text[i] & 0x3f);
    }

    return i;
}

static int idn_look_up(uint8_t **found, const char *text)
{
    *found = NULL;

    return idn2_lookup_u8((const uint8_t *)text, found,
                          IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
}

/* The first character that libidn2 refuses for the same reason when it stands
 * alone; 0: none does. */
static unsigned idn_find_refused(const char *text, int rc)
{
    char one[5];
    uint8_t *found;
    unsigned code;

    while (*text) {
        apr_size_t len = idn_character(text, &code);
        int alone;

        memcpy(one, text, len);
        one[len] = '\0';
        alone = idn_look_up(&found, one);
        idn2_free(found);
        if (alone == rc && code >= 0x80) {
            return code;
        }
        text += len;
    }

    return 0;
}

/* What libidn2 has against a name.  It goes by IDNA 2008, which allows less
 * than browsers do: symbols are no letters. */
static const char *idn_why(const char *text, int rc)
{
    static const char advice[] = "if the name is registered all the same, "
                                 "write it in its xn-- form";
    unsigned code;

    switch (rc) {
    case IDN2_ENCODING_ERROR:
        return "not UTF-8";
    case IDN2_TOO_BIG_DOMAIN:
    case IDN2_TOO_BIG_LABEL:
        return idn2_strerror(rc);
    }
    code = rc == IDN2_DISALLOWED || rc == IDN2_UNASSIGNED
           ? idn_find_refused(text, rc) : 0;
    if (code && rc == IDN2_UNASSIGNED) {
        apr_snprintf(idn_reason, sizeof(idn_reason), "U+%04X is newer than "
                     "this libidn2: %s", code, advice);
    }
    else if (code) {
        apr_snprintf(idn_reason, sizeof(idn_reason), "U+%04X is not allowed "
                     "by IDNA 2008, as symbols and emoji are not: %s", code,
                     advice);
    }
    else {
        apr_snprintf(idn_reason, sizeof(idn_reason), "%s: %s",
                     idn2_strerror(rc), advice);
    }

    return idn_reason;
}

/* Is it a host name by its characters?  Some characters stand for others that
 * mean something in a key: U+2100 is `a/c`. */
static int idn_is_host(const char *ascii)
{
    return ascii[strspn(ascii, "abcdefghijklmnopqrstuvwxyz0123456789-_.")]
           == '\0';
}

/* A name in punycode, in ascii, which has room for HOSTMAP_KEY_MAX + 1. */
static apr_status_t idn_to_ascii(char *ascii, apr_size_t *ascii_len,
                                 const char *name, apr_size_t len,
                                 const char **reason)
{
    char text[NAME_MAX_BYTES + 1];
    uint8_t *found;
    int rc;

    if (len > NAME_MAX_BYTES || memchr(name, '\0', len)) {
        *reason = "not a name";
        return APR_EINVAL;
    }
    memcpy(text, name, len);
    text[len] = '\0';
    rc = idn_look_up(&found, text);
    if (rc != IDN2_OK) {
        *reason = idn_why(text, rc);
        return APR_EINVAL;
    }
    *reason = NULL;
    *ascii_len = strlen((const char *)found);
    if (*ascii_len > HOSTMAP_KEY_MAX) {
        *reason = "longer than 511 bytes in punycode";
    }
    else if (!idn_is_host((const char *)found)) {
        *reason = "a character stands for one that no host name has";
    }
    else {
        memcpy(ascii, found, *ascii_len + 1);
    }
    idn2_free(found);

    return *reason ? APR_EINVAL : APR_SUCCESS;
}

/* A port belongs to what stays as it is. */
static void idn_cut_port(idn_parts *p)
{
    apr_size_t digits = 0;

    while (digits < p->name_len && p->name[p->name_len - 1 - digits] >= '0'
           && p->name[p->name_len - 1 - digits] <= '9') {
        digits++;
    }
    if (digits > 0 && digits < p->name_len
        && p->name[p->name_len - 1 - digits] == ':') {
        p->name_len -= digits + 1;
        p->path -= digits + 1;
        p->path_len += digits + 1;
    }
}

apr_status_t idn_key(char *out, apr_size_t *out_len,
                     const char *key, apr_size_t len, const char **reason)
{
    char ascii[HOSTMAP_KEY_MAX + 1];
    apr_size_t ascii_len;
    apr_status_t rv;
    idn_parts p;

    idn_take_apart(&p, key, len);
    idn_cut_port(&p);
    rv = idn_to_ascii(ascii, &ascii_len, p.name, p.name_len, reason);

    return rv == APR_SUCCESS ? idn_put_together(out, out_len, &p, ascii,
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
    idn_parts p;

    if (idn_wanted(key, len)) {
        if (idn_key(ascii, &len, key, len, reason) != APR_SUCCESS) {
            return APR_EINVAL;
        }
        key = ascii;
    }
    idn_take_apart(&p, key, len);
    if (p.star != 1 || p.name_len > 0) {
        if (hostmap_key_host(name, &name_len,
                             hostmap_str_of(p.name, p.name_len), &bad)
            != APR_SUCCESS) {
            *reason = bad.reason;
            return APR_EINVAL;
        }
    }

    return idn_put_together(out, out_len, &p, name, name_len, reason);
}

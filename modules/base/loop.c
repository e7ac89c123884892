/* SPDX-License-Identifier: Apache-2.0 */

/*
 * CDN-Loop = #cdn-info
 * cdn-info = cdn-id *( OWS ";" OWS parameter )        (RFC 8586, section 2)
 *
 * A member of Proxy-Status is the same but for parameters without a value and
 * names in quotes, which are not well-formed here.
 *
 * The first part of CDN-Loop comes from the client, which may want to hide our
 * id: a member that is not well-formed ends at its first comma, even one
 * between quotes, so an open quote cannot swallow what we append.
 */

#include <string.h>

#include "apr_cstr.h"

#include "loop.h"

static const char *loop_blanks(const char *s)
{
    return s + strspn(s, " \t");
}

/** Returns the end of the token at s, or s if there is none (RFC 9110,
 *  5.6.2). */
static const char *loop_token(const char *s)
{
    return s + strspn(s, "!#$%&'*+-.^_`|~0123456789"
                         "abcdefghijklmnopqrstuvwxyz"
                         "ABCDEFGHIJKLMNOPQRSTUVWXYZ");
}

/** Returns the end of the quoted-string at s; NULL if it has none. */
static const char *loop_quoted(const char *s)
{
    for (s++; *s != '"'; s++) {
        if (*s == '\\') {
            s++;
        }
        if (*s == '\0') {
            return NULL;
        }
    }
    return s + 1;
}

/** Returns the end of the `name=value` at s; NULL if there is none. */
static const char *loop_parameter(const char *s)
{
    const char *name_end = loop_token(s);
    const char *end;

    if (name_end == s || *name_end != '=') {
        return NULL;
    }
    s = name_end + 1;
    if (*s == '"') {
        return loop_quoted(s);
    }
    end = loop_token(s);
    return end == s ? NULL : end;
}

/** Returns the comma or NUL that ends the member whose cdn-id ends at s; NULL
 *  if the member is not well-formed. */
static const char *loop_parameters(const char *s)
{
    s = loop_blanks(s);
    while (*s == ';') {
        s = loop_parameter(loop_blanks(s + 1));
        if (s == NULL) {
            return NULL;
        }
        s = loop_blanks(s);
    }
    return (*s == ',' || *s == '\0') ? s : NULL;
}

int hostmap_loop_count(const char *field, const char *id)
{
    apr_size_t id_len = strlen(id);
    const char *s = field;
    int count = 0;

    for (;;) {
        const char *member = loop_blanks(s);
        /* a host with a port is a cdn-id too, and no token */
        const char *id_end = member + strcspn(member, " \t,;\"");
        const char *end = loop_parameters(id_end);

        if (end != NULL && id_end > member
            && (apr_size_t)(id_end - member) == id_len
            && apr_cstr_casecmpn(member, id, id_len) == 0) {
            count++;
        }
        if (end == NULL) {
            end = member + strcspn(member, ",");
        }
        if (*end == '\0') {
            return count;
        }
        s = end + 1;
    }
}

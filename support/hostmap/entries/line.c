/* SPDX-License-Identifier: Apache-2.0 */

/*
 * line.c: the kinds of lines that texts have.
 */

#include "line.h"

#include <string.h>

#include "apr_strings.h"

#include "hostmap/hostmap.h"
#include "hostmap/hostmap_group.h"
#include "hostmap/hostmap_text.h"
#include "idn.h"

/* ---- faults ------------------------------------------------------------ */

static apr_status_t line_wrong(line_fault *fault, hostmap_str key,
                               const char *reason, apr_size_t column)
{
    fault->key = key;
    fault->value = hostmap_str_of(NULL, 0);
    fault->reason = reason;
    fault->column = column;

    return APR_EINVAL;
}

/* at: the first byte of the line, or of what has the fault */
static apr_status_t line_bad(line_fault *fault, hostmap_str key,
                             const hostmap_bad *bad, apr_size_t at)
{
    return line_wrong(fault, key, bad->reason, at + bad->pos + 1);
}

/* ---- values ------------------------------------------------------------ */

/* Make every gap between words one blank.  Most values are one word. */
static apr_size_t line_squeeze(char *value, apr_size_t len)
{
    apr_size_t from, to = 0;

    if (!memchr(value, ' ', len) && !memchr(value, '\t', len)) {
        return len;
    }
    for (from = 0; from < len; from++) {
        if (value[from] != ' ' && value[from] != '\t') {
            value[to++] = value[from];
        }
        else if (to && value[to - 1] != ' ') {
            value[to++] = ' ';
        }
    }

    return to;
}

/* Where the value is kept if it is known to be right.  Backends differ in
 * their last bytes, if in any. */
static hostmap_str *line_known(line_parser *parser, hostmap_str value)
{
    unsigned int hash = 0;
    apr_size_t i;

    for (i = value.len > 8 ? value.len - 8 : 0; i < value.len; i++) {
        hash = hash * 33 + (unsigned char)value.ptr[i];
    }

    return &parser->known[hash % LINE_KNOWN_VALUES];
}

static int line_is_known(const hostmap_str *known, hostmap_str value)
{
    return known->len == value.len
           && memcmp(known->ptr, value.ptr, value.len) == 0;
}

/* Does the pair fit the type of the map? */
static apr_status_t line_fits(line_parser *parser, const line_pair *pair,
                              line_fault *fault)
{
    apr_size_t len = pair->key.len + pair->value.len;

    if (!parser->pair_max || len <= parser->pair_max) {
        return APR_SUCCESS;
    }
    apr_snprintf(parser->reason, sizeof(parser->reason), "key and value have %"
                 APR_SIZE_T_FMT " bytes, %s holds at most %" APR_SIZE_T_FMT
                 " together", len, parser->type, parser->pair_max);

    return line_wrong(fault, pair->key, parser->reason, 0);
}

/* Check the value of a pair, and bring it to single blanks in place. */
static apr_status_t line_check_value(line_parser *parser, line_pair *pair,
                                     char *text, line_fault *fault)
{
    apr_size_t at = (apr_size_t)(pair->value.ptr - text);
    hostmap_str *known = line_known(parser, pair->value);
    hostmap_entry entry;
    hostmap_bad bad;

    /* what a value may say depends on whether its key names a group */
    if (hostmap_key_is_group(pair->key)
        || !line_is_known(known, pair->value)) {
        if (hostmap_value_check(&entry, pair->key, pair->value, &bad)
            != APR_SUCCESS) {
            return line_bad(fault, pair->key, &bad, at);
        }
        pair->value.len = line_squeeze(text + at, pair->value.len);
        if (!hostmap_key_is_group(pair->key)) {
            *known = pair->value;
        }
    }

    return line_fits(parser, pair, fault);
}

apr_status_t line_check(line_parser *parser, line_pair *pair, hostmap_str key,
                        hostmap_str value, line_fault *fault)
{
    hostmap_entry entry;
    hostmap_bad bad;

    if (hostmap_key_check(key, &bad) != APR_SUCCESS) {
        return line_wrong(fault, key, bad.reason, 0);
    }
    if (hostmap_value_check(&entry, key, value, &bad) != APR_SUCCESS) {
        line_bad(fault, key, &bad, 0);
        fault->value = value;
        return APR_EINVAL;
    }
    memcpy(parser->value, value.ptr, value.len);
    pair->key = key;
    pair->value.ptr = parser->value;
    pair->value.len = line_squeeze(parser->value, value.len);
    pair->written.len = 0;

    return line_fits(parser, pair, fault);
}

/* ---- entries ----------------------------------------------------------- */

/* Key and value of a line, of any spelling. */
static apr_status_t line_split(line_pair *pair, hostmap_str line,
                               line_fault *fault)
{
    static const hostmap_str none = { NULL, 0 };
    hostmap_bad bad;
    apr_status_t rv;

    pair->written.len = 0;
    rv = hostmap_text_line(&pair->key, &pair->value, line, &bad);

    return rv == APR_SUCCESS || rv == APR_EOF
           ? rv : line_bad(fault, none, &bad, 0);
}

/* A key that is not ASCII. */
static apr_status_t line_convert_key(line_parser *parser, line_pair *pair,
                                     line_fault *fault)
{
    const char *reason;
    hostmap_bad bad;

    pair->written = pair->key;
    if (idn_key(parser->stored, &pair->key.len, pair->written.ptr,
                pair->written.len, &reason) != APR_SUCCESS) {
        return line_wrong(fault, pair->written, reason, 0);
    }
    pair->key.ptr = parser->stored;
    if (hostmap_key_check(pair->key, &bad) != APR_SUCCESS) {
        return line_wrong(fault, pair->written, bad.reason, 0);
    }

    return APR_SUCCESS;
}

/* line_fn */
static apr_status_t line_entry(line_parser *parser, line_pair *pair,
                               char *text, apr_size_t len, line_fault *fault)
{
    hostmap_bad bad;
    apr_status_t rv;

    rv = line_split(pair, hostmap_str_of(text, len), fault);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (hostmap_key_check(pair->key, &bad) != APR_SUCCESS) {
        if (!idn_wanted(pair->key.ptr, pair->key.len)) {
            return line_bad(fault, pair->key, &bad,
                            (apr_size_t)(pair->key.ptr - text));
        }
        rv = line_convert_key(parser, pair, fault);
    }

    return rv == APR_SUCCESS ? line_check_value(parser, pair, text, fault)
                             : rv;
}

/* ---- changes ----------------------------------------------------------- */

static apr_status_t line_check_change(line_parser *parser, line_pair *pair,
                                      char *text, line_fault *fault)
{
    hostmap_bad bad;

    if (hostmap_key_check(pair->key, &bad) != APR_SUCCESS) {
        return line_bad(fault, pair->key, &bad,
                        (apr_size_t)(pair->key.ptr - text));
    }

    return line_check_value(parser, pair, text, fault);
}

/* line_fn; the sign takes the place of the blank before the value */
static apr_status_t line_change(line_parser *parser, line_pair *pair,
                                char *text, apr_size_t len, line_fault *fault)
{
    static const hostmap_str none = { NULL, 0 };
    char sign = len > 0 ? text[0] : '\0';
    apr_status_t rv;

    if (sign != '+' && sign != '-') {
        rv = line_split(pair, hostmap_str_of(text, len), fault);
        return rv == APR_EOF
               ? rv : line_wrong(fault, none, "expected a line that begins "
                                 "with `+` or `-`", 1);
    }
    /* as if the line began one byte later */
    text[0] = ' ';
    rv = line_split(pair, hostmap_str_of(text, len), fault);
    if (rv == APR_EOF) {
        return line_wrong(fault, none, "expected a key and a value after the "
                          "sign", 2);
    }
    if (rv == APR_SUCCESS && sign == '+') {
        rv = line_check_change(parser, pair, text, fault);
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    pair->value.ptr--;
    pair->value.len++;
    text[pair->value.ptr - text] = sign;

    return APR_SUCCESS;
}

/* ---- others ------------------------------------------------------------ */

/* line_fn */
static apr_status_t line_httxt2dbm(line_parser *parser, line_pair *pair,
                                   char *text, apr_size_t len,
                                   line_fault *fault)
{
    apr_status_t rv;

    pair->written.len = 0;
    rv = hostmap_text_line_httxt2dbm(&pair->key, &pair->value,
                                     hostmap_str_of(text, len));

    return rv == APR_SUCCESS ? line_fits(parser, pair, fault) : rv;
}

static int line_is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* line_fn */
static apr_status_t line_key(line_parser *parser, line_pair *pair, char *text,
                             apr_size_t len, line_fault *fault)
{
    const char *at = text, *end = text + len;

    (void)parser;
    (void)fault;
    while (at < end && line_is_blank(*at)) {
        at++;
    }
    pair->key.ptr = at;
    while (at < end && !line_is_blank(*at)) {
        at++;
    }
    pair->key.len = (apr_size_t)(at - pair->key.ptr);
    pair->value = hostmap_str_of(at, 0);
    pair->written.len = 0;

    return pair->key.len && pair->key.ptr[0] != '#' ? APR_SUCCESS : APR_EOF;
}

/* ---- the parser -------------------------------------------------------- */

void line_init(line_parser *parser, line_kind kind, const char *type)
{
    static line_fn *const parsers[] = {
        line_entry, line_httxt2dbm, line_key, line_change
    };

    parser->parse = parsers[kind];
    parser->type = type;
    parser->pair_max = type ? hostmap_type_pair_max(type) : 0;
    line_forget(parser);
}

void line_forget(line_parser *parser)
{
    memset(parser->known, 0, sizeof(parser->known));
}

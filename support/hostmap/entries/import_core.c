/* SPDX-License-Identifier: Apache-2.0 */

/*
 * import_core.c: a list of any format, entry by entry, and what is wrong with a
 * value in all of them.
 */

#include "import_core.h"

#include <string.h>
#include <strings.h>

#include "import_csv_core.h"
#include "import_haproxy_core.h"
#include "import_nginx_core.h"

/* Longest word that is looked at for a placeholder. */
#define WORD_MAX 16

void import_begin(import_text *in, import_format format,
                  const char *text, apr_size_t len)
{
    memset(in, 0, sizeof(*in));
    in->format = format;
    in->at = text;
    in->end = text + len;
    in->line = 1;
    in->separator = format == IMPORT_TSV ? '\t' : ',';
    in->value_column = 1;
    in->is_first = 1;
    if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
        in->at += 3;
    }
}

/* ---- keys -------------------------------------------------------------- */

unsigned import_port(const char *key, apr_size_t len)
{
    apr_size_t digits = 0;
    unsigned port = 0;
    const char *colon;

    if (memchr(key, '/', len)) {
        len = (apr_size_t)((const char *)memchr(key, '/', len) - key);
    }
    while (digits < len && digits < 5 && key[len - 1 - digits] >= '0'
           && key[len - 1 - digits] <= '9') {
        digits++;
    }
    if (digits == 0 || digits + 1 >= len || key[len - 1 - digits] != ':') {
        return 0;
    }
    colon = key + len - 1 - digits;
    if (colon[-1] != ']' && memchr(key, ':', (apr_size_t)(colon - key))) {
        /* an IPv6 address without brackets */
        return 0;
    }
    while (digits > 0) {
        port = port * 10 + (unsigned)(key[len - digits] - '0');
        digits--;
    }
    return port;
}

/* ---- values ------------------------------------------------------------ */

/** Is it a word that stands where a value is missing?  Databases, spreadsheets
 *  and scripts write them. */
static int import_is_placeholder(const char *text, apr_size_t len)
{
    static const char *const words[] = {
        "null", "(null)", "<null>", "\\n", "none", "(none)", "nil", "<nil>",
        "undefined", "nan", "n/a", "#n/a", "na", "-", "--", "---", "?", "empty",
        "unset", "unknown", "tbd", "todo"
    };
    char word[WORD_MAX];
    unsigned i;

    if (len == 0 || len >= sizeof(word)) {
        return 0;
    }
    memcpy(word, text, len);
    word[len] = '\0';
    for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcasecmp(word, words[i]) == 0) {
            return 1;
        }
    }
    return 0;
}

/** The same of the host of a URL. */
static int import_names_placeholder(const char *value, apr_size_t len)
{
    const char *end = value + len;
    const char *at = value;

    if (import_is_placeholder(value, len)) {
        return 1;
    }
    while (at < end && *at != ':' && *at != '/') {
        at++;
    }
    if (end - at < 3 || memcmp(at, "://", 3) != 0) {
        return 0;
    }
    value = at += 3;
    if (import_is_placeholder(value, (apr_size_t)(end - value))) {
        return 1;
    }
    while (at < end && !strchr("/ \t?#", *at)) {
        at++;
    }
    return import_is_placeholder(value, (apr_size_t)(at - value));
}

static int import_is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
           || (c >= '0' && c <= '9') || c == '_';
}

/** Does the value hold something that another program replaces?  `$1`, `$name`
 *  and `${name}`, `\1`, `%[...]` and `{{...}}`. */
static int import_has_variable(const char *value, apr_size_t len)
{
    apr_size_t i;

    for (i = 0; i + 1 < len; i++) {
        char next = value[i + 1];

        if ((value[i] == '$' && (import_is_word(next) || next == '{'))
            || (value[i] == '\\' && next >= '0' && next <= '9')
            || (value[i] == '%' && (next == '[' || next == '{'))
            || (value[i] == '{' && next == '{')) {
            return 1;
        }
    }
    return 0;
}

apr_size_t import_unix(char *out, apr_size_t size, const char *value,
                       apr_size_t len)
{
    static const char host[] = "://localhost";
    const char *end = value + len, *at = value, *path, *uri;
    const char *scheme = "http";
    apr_size_t scheme_len = 4, path_len, uri_len;

    while (at < end && *at != ':') {
        at++;
    }
    if (end - at >= 3 && memcmp(at, "://", 3) == 0) {
        scheme = value;
        scheme_len = (apr_size_t)(at - value);
        at += 3;
    }
    else {
        at = value;
    }
    if (end - at < 6 || memcmp(at, "unix:/", 6) != 0
        || memchr(at, '|', (apr_size_t)(end - at))) {
        return 0;
    }
    path = at + 5;
    uri = memchr(path, ':', (apr_size_t)(end - path));
    path_len = (apr_size_t)((uri ? uri : end) - path);
    uri_len = uri ? (apr_size_t)(end - uri) - 1 : 0;
    if (5 + path_len + 1 + scheme_len + sizeof(host) - 1 + uri_len > size) {
        return 0;
    }
    len = 0;
    memcpy(out, "unix:", 5);
    memcpy(out + (len += 5), path, path_len);
    out[len += path_len] = '|';
    memcpy(out + (len += 1), scheme, scheme_len);
    memcpy(out + (len += scheme_len), host, sizeof(host) - 1);
    memcpy(out + (len += sizeof(host) - 1), uri ? uri + 1 : "", uri_len);
    return len + uri_len;
}

/* ---- all --------------------------------------------------------------- */

/** What is wrong with an entry whatever the format. */
static const char *import_reason(const import_item *item)
{
    if (import_is_placeholder(item->key, item->key_len)) {
        return "a placeholder where a host is expected";
    }
    if (import_names_placeholder(item->value, item->value_len)) {
        return "a placeholder where a backend is expected";
    }
    if (import_has_variable(item->value, item->value_len)) {
        return "a variable cannot be carried over";
    }
    return NULL;
}

apr_status_t import_next(import_text *in, import_item *item)
{
    apr_status_t rv;

    item->key_len = 0;
    item->value_len = 0;
    item->below = 0;
    item->reason = NULL;
    switch (in->format) {
    case IMPORT_HAPROXY:
        rv = import_haproxy_next(in, item);
        break;
    case IMPORT_NGINX:
        rv = import_nginx_next(in, item);
        break;
    default:
        rv = import_csv_next(in, item);
    }
    if (rv == APR_SUCCESS) {
        item->reason = import_reason(item);
        rv = item->reason ? APR_EINVAL : APR_SUCCESS;
    }
    return rv;
}

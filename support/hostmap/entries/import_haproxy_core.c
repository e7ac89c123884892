/* SPDX-License-Identifier: Apache-2.0 */

/*
 * import_haproxy_core.c: map files of HAProxy.
 */

#include "import_haproxy_core.h"

#include <string.h>

/** Why a key of a HAProxy map cannot be one of ours.  The file does not say how
 *  it is matched (map_str, map_end, map_reg ...), but a key that cannot be the
 *  host of a request was not written for map_str. */
static const char *haproxy_reason(const import_item *item)
{
    const char *key = item->key;
    apr_size_t len = item->key_len;
    apr_size_t i;

    if (key[0] == '.') {
        return "a suffix (map_end, map_dom) cannot be carried over: write "
               "*.NAME if all names below it are meant";
    }
    if (memchr(key, '/', len)) {
        return "a path (map_beg, map_dir) cannot be carried over: it may end "
               "within a segment, write HOST/PATH if a whole one is meant";
    }
    for (i = len > 1 && memcmp(key, "*.", 2) == 0; i < len; i++) {
        if (strchr("^$\\()|*+?{}", key[i]) && key[i] != '\0') {
            return "a regular expression (map_reg) cannot be carried over";
        }
    }
    return NULL;
}

/** From `at` to the first blank, or to end. */
static const char *haproxy_word_end(const char *at, const char *end)
{
    while (at < end && !import_is_blank(*at)) {
        at++;
    }
    return at;
}

static const char *haproxy_line(import_item *item, const char *at,
                                const char *end)
{
    const char *key_end = haproxy_word_end(at, end);
    const char *value = key_end;

    while (value < end && import_is_blank(*value)) {
        value++;
    }
    if (key_end - at > IMPORT_FIELD_MAX || end - value > IMPORT_FIELD_MAX) {
        return IMPORT_TOO_LONG;
    }
    item->key_len = (apr_size_t)(key_end - at);
    memcpy(item->key, at, item->key_len);
    item->value_len = (apr_size_t)(end - value);
    memcpy(item->value, value, item->value_len);
    return item->value_len > 0 ? haproxy_reason(item)
                               : "expected a value after the key";
}

apr_status_t import_haproxy_next(import_text *in, import_item *item)
{
    while (in->at < in->end) {
        const char *at = in->at, *end;
        const char *reason;

        item->line = in->line;
        import_skip_line(in);
        end = in->at;
        while (end > at && (import_is_blank(end[-1]) || end[-1] == '\n'
                            || end[-1] == '\r')) {
            end--;
        }
        while (at < end && import_is_blank(*at)) {
            at++;
        }
        if (at == end || *at == '#') {
            continue;
        }
        reason = haproxy_line(item, at, end);
        return reason ? import_wrong(item, reason) : APR_SUCCESS;
    }
    return APR_EOF;
}

/** Do the bytes from at to end begin with this word? */
static int haproxy_word_is(const char *at, const char *end, const char *word)
{
    apr_size_t len = strlen(word);

    return haproxy_word_end(at, end) == at + len
           && memcmp(at, word, len) == 0;
}

apr_size_t import_haproxy_section(const import_text *in)
{
    static const char *const sections[] = {
        "global", "defaults", "frontend", "backend", "listen", "userlist",
        "resolvers", "peers"
    };
    import_text text = *in;
    const char *at, *end;
    unsigned i;

    while (text.at < text.end) {
        apr_size_t line = text.line;

        at = text.at;
        import_skip_line(&text);
        end = text.at;
        while (end > at && strchr(" \t\r\n", end[-1]) && end[-1]) {
            end--;
        }
        if (at == end || *at == '#') {
            continue;
        }
        for (i = 0; i < sizeof(sections) / sizeof(sections[0]); i++) {
            if (haproxy_word_is(at, end, sections[i])) {
                return line;
            }
        }
        return 0;
    }
    return 0;
}

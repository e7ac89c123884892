/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Cache-Control: may a cache keep a copy, and how long.
 */

#include <string.h>

#include "apr_cstr.h"
#include "apr_lib.h"
#include "apr_strings.h"

#include "reproxy_cache_core.h"

/* The next directive: its name, and its value if it has one. */
typedef struct cache_word {
    const char *name;
    apr_size_t name_len;
    const char *value;          /* NULL: none */
    apr_size_t value_len;
} cache_word;

static const char *cache_skip(const char *c, const char *set)
{
    return c + strspn(c, set);
}

/* Returns what follows the value: a quoted one ends at its quote. */
static const char *cache_value(cache_word *word, const char *c)
{
    int quoted = *c == '"';

    c += quoted;
    word->value = c;
    if (!quoted) {
        word->value_len = strcspn(c, ", \t");
        return c + word->value_len;
    }
    while (*c && *c != '"') {
        c += *c == '\\' && c[1] ? 2 : 1;
    }
    word->value_len = c - word->value;
    return c + (*c == '"');
}

static int cache_next(cache_word *word, const char **text)
{
    const char *c = cache_skip(*text, ", \t");

    word->name = c;
    word->name_len = strcspn(c, "=,\" \t");
    word->value = NULL;
    word->value_len = 0;
    c += word->name_len;
    if (*cache_skip(c, " \t") == '=') {
        c = cache_value(word, cache_skip(cache_skip(c, " \t") + 1, " \t"));
    }
    else if (*c == '"') {
        /* a string without a name: nothing in it is a directive */
        c = cache_value(word, c);
    }
    *text = c;
    return word->name_len > 0 || word->value != NULL;
}

static int cache_is(const cache_word *word, const char *name)
{
    return word->name_len == strlen(name)
           && apr_cstr_casecmpn(word->name, name, word->name_len) == 0;
}

static apr_int64_t cache_seconds(const cache_word *word)
{
    apr_int64_t seconds = 0;
    apr_size_t i;

    for (i = 0; i < word->value_len; i++) {
        if (!apr_isdigit(word->value[i])) {
            return 0;
        }
        /* RFC 9111, 1.2.2: 2^31 where it does not fit */
        seconds = seconds * 10 + (word->value[i] - '0');
        if (seconds > APR_INT32_MAX) {
            seconds = APR_INT32_MAX;
        }
    }
    return seconds;
}

static void cache_shorter(apr_int64_t *lifetime, const cache_word *word)
{
    apr_int64_t seconds = cache_seconds(word);

    if (*lifetime < 0 || seconds < *lifetime) {
        *lifetime = seconds;
    }
}

void reproxy_cache_control_read(reproxy_cache_control *control,
                                const char *text)
{
    cache_word word;

    control->forbidden = control->is_public = 0;
    control->max_age = control->s_maxage = -1;
    while (cache_next(&word, &text)) {
        if (cache_is(&word, "no-store") || cache_is(&word, "private")
            || cache_is(&word, "no-cache")) {
            control->forbidden = 1;
        }
        else if (cache_is(&word, "public")) {
            control->is_public = 1;
        }
        else if (cache_is(&word, "max-age")) {
            cache_shorter(&control->max_age, &word);
        }
        else if (cache_is(&word, "s-maxage")) {
            cache_shorter(&control->s_maxage, &word);
        }
    }
}

apr_int64_t reproxy_cache_lifetime(const reproxy_cache_control *control)
{
    return control->s_maxage >= 0 ? control->s_maxage : control->max_age;
}

int reproxy_cache_allows(const reproxy_cache_control *control)
{
    apr_int64_t lifetime = reproxy_cache_lifetime(control);

    return !control->forbidden && lifetime != 0
           && (lifetime > 0 || control->is_public);
}

/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Which headers of a mapped response are rewritten, and from what.  Final and
 * interim responses (express_response.c, express_interim.c) share it.
 */

#include "express_reverse.h"

#include "http_core.h"

#include "target_core.h"

typedef const char *express_reverse_fn(const reverse_map *map,
                                       const char *value, apr_pool_t *pool);

/* The function that rewrites a header, or NULL.  The names differ in their
 * first letter, which is the number of the row, in either case. */
static inline express_reverse_fn *express_reverse_of(const char *name)
{
#define LETTER(c) ((c) & 0x1f)
    static const struct {
        const char *name;
        apr_size_t len;
        express_reverse_fn *reverse;
    } rows[LETTER(-1) + 1] = {
        [LETTER('c')] = { "content-location", 16, reverse_location },
        [LETTER('d')] = { "destination", 11, reverse_location },
        [LETTER('l')] = { "location", 8, reverse_location },
        [LETTER('s')] = { "set-cookie", 10, reverse_cookie },
        [LETTER('u')] = { "uri", 3, reverse_location }
    };
    int row = LETTER(*name);

    return rows[row].name && strlen(name) == rows[row].len
           && ap_cstr_casecmp(name, rows[row].name) == 0
           ? rows[row].reverse : NULL;
#undef LETTER
}

void express_reverse_init(express_reverse *reverse, request_rec *r,
                          const express_request *state)
{
    memset(reverse, 0, sizeof(*reverse));
    reverse->r = r;
    reverse->state = state;
}

/* Set up lazily, for responses that have a header to rewrite; cookies, the
 * common case, do not need the URL. */
static const char *express_reverse_by(express_reverse *reverse,
                                      express_reverse_fn *fn,
                                      const char *value)
{
    const express_request *state = reverse->state;
    reverse_map *map = &reverse->map;
    apr_pool_t *pool = reverse->r->pool;

    if (!map->entry) {
        map->entry = &state->entry;
        map->prefix = *state->prefix ? target_escape(state->prefix, pool)
                                     : "";
    }
    if (!map->front && fn == reverse_location) {
        map->front = ap_construct_url(pool, "", reverse->r);
    }
    return fn(map, value, pool);
}

const char *express_reverse_value(express_reverse *reverse, const char *name,
                                  const char *value)
{
    express_reverse_fn *fn = express_reverse_of(name);

    return fn ? express_reverse_by(reverse, fn, value) : NULL;
}

void express_reverse_table(express_reverse *reverse, apr_table_t *headers)
{
    const apr_array_header_t *array = apr_table_elts(headers);
    apr_table_entry_t *header = (apr_table_entry_t *)array->elts;
    int i;

    for (i = 0; i < array->nelts; i++) {
        express_reverse_fn *fn = express_reverse_of(header[i].key);
        const char *value = fn ? express_reverse_by(reverse, fn, header[i].val)
                               : NULL;

        if (value) {
            header[i].val = (char *)value;
        }
    }
}

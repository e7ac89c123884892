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

/* The function that rewrites a header, or NULL: half of them are known by their
 * first letter, nearly all others by their length. */
static inline express_reverse_fn *express_reverse_of(const char *name)
{
#define LETTER(c) ((apr_uint32_t)1 << ((c) & 0x1f))
    const apr_uint32_t letters = LETTER('l') | LETTER('c') | LETTER('u')
                                 | LETTER('d') | LETTER('s');
    static const struct {
        const char *name;
        apr_size_t len;
        express_reverse_fn *reverse;
    } rows[] = {
        { "location", 8, reverse_location },
        { "content-location", 16, reverse_location },
        { "uri", 3, reverse_location },
        { "destination", 11, reverse_location },
        { "set-cookie", 10, reverse_cookie }
    };
    apr_size_t len, i;

    if (!(letters & LETTER(*name))) {
        return NULL;
    }
    len = strlen(name);
    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (len == rows[i].len
            && ap_cstr_casecmp(name, rows[i].name) == 0) {
            return rows[i].reverse;
        }
    }
    return NULL;
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

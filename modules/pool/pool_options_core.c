/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The options of a pool: read, found by name, written in one spelling.
 */

#include "pool_options_core.h"

#include <string.h>

#include "apr_strings.h"

static apr_size_t pool_row_of(const char *name)
{
    return hostmap_option_find(hostmap_str_text(name)) - hostmap_options;
}

apr_status_t pool_options_read(pool_options *options, hostmap_str words,
                               hostmap_bad *bad)
{
    const char *start = words.ptr;
    hostmap_option option;
    apr_status_t rv;

    for (;;) {
        const char *at = words.ptr;
        apr_size_t row;

        rv = hostmap_option_next(&option, &words, bad);
        if (rv == APR_EOF) {
            return APR_SUCCESS;
        }
        if (rv != APR_SUCCESS) {
            if (bad) {
                bad->pos += (apr_size_t)(at - start);
            }
            return rv;
        }
        row = option.def - hostmap_options;
        if (row == pool_row_of("enablereuse")) {
            row = pool_row_of("disablereuse");
            option.number = !option.number;
        }
        options->set |= (apr_uint32_t)1 << row;
        options->number[row] = option.number;
        options->text[row] = option.text;
    }
}

int pool_options_has(const pool_options *options, const char *name)
{
    return (options->set >> pool_row_of(name)) & 1;
}

int pool_options_get(const pool_options *options, const char *name,
                     apr_int64_t *number, hostmap_str *text)
{
    apr_size_t row = pool_row_of(name);

    if (!pool_options_has(options, name)) {
        return 0;
    }
    *number = options->number[row];
    *text = options->text[row];
    return 1;
}

apr_size_t pool_options_key(char *key, const pool_options *options)
{
    apr_size_t len = 0, row;

    key[0] = '\0';
    for (row = 0; hostmap_options[row].name; row++) {
        const hostmap_option_def *def = &hostmap_options[row];

        if (!(options->set & ((apr_uint32_t)1 << row))) {
            continue;
        }
        if (def->kind == HOSTMAP_OPTION_TEXT) {
            len += apr_snprintf(key + len, POOL_OPTIONS_KEY_MAX - len,
                                " %s=%.*s", def->name,
                                (int)options->text[row].len,
                                options->text[row].ptr);
        }
        else {
            len += apr_snprintf(key + len, POOL_OPTIONS_KEY_MAX - len,
                                " %s=%" APR_INT64_T_FMT, def->name,
                                options->number[row]);
        }
    }
    return len;
}

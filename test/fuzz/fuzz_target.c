/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Input: lines `redirect value`, `prefix`, `path`, and the rest a query.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "apr_general.h"
#include "apr_pools.h"

#include "express/target_core.h"

static void require(int holds)
{
    if (!holds) {
        abort();
    }
}

/** Takes a line off the input, as a block of its own. */
static char *take(const uint8_t **data, size_t *size, int whole)
{
    const uint8_t *newline = whole ? NULL : memchr(*data, '\n', *size);
    size_t len = newline ? (size_t)(newline - *data) : *size;
    char *line = malloc(len + 1);

    require(line != NULL);
    memcpy(line, *data, len);
    line[len] = '\0';
    *data += len + (newline != NULL);
    *size -= len + (newline != NULL);
    return line;
}

/** Printable, and none of what ends a header, a cookie's Path or a host. */
static void check_bytes(const char *text, const char *refused)
{
    for (; *text; text++) {
        require((unsigned char)*text > 0x20 && (unsigned char)*text < 0x7f
                && !strchr(refused, *text));
    }
}

static void check_under(const char *prefix, const char *path)
{
    apr_size_t taken = target_under(prefix, path);
    const char *rest = path + taken;

    if (taken == 0) {
        return;
    }
    require(taken <= strlen(path) && taken >= strlen(prefix));
    require(*rest == '\0' || *rest == '/' || *rest == '?');
    require(path[0] == '/');
}

static void check_redirect(const hostmap_entry *entry, const char *rest,
                           const char *args, apr_pool_t *pool)
{
    hostmap_str url = entry->url;
    size_t end, i;
    int keep;

    for (keep = 0; keep < 2; keep++) {
        const char *location = target_redirect(url, rest, args, keep, pool);
        const char *authority = strstr(location, "://");

        end = 0;
        while (end < url.len && !strchr("?#", url.ptr[end])) {
            end++;
        }
        i = end > 0 && url.ptr[end - 1] == '/' ? end - 1 : end;
        require(strncmp(location, url.ptr, i) == 0);
        /* a query and a fragment of the entry are its own words */
        if (end == url.len) {
            check_bytes(location + i, "\"<>\\^`{|}#");
        }
        require(!strpbrk(location, "\r\n"));
        /* the host is the entry's */
        require(authority != NULL);
        i = strcspn(authority + 3, "/?#") + (size_t)(authority + 3 - location);
        require(i <= url.len && memcmp(location, url.ptr, i) == 0);
        require(i == url.len || strchr("/?#", url.ptr[i]));
    }
}

static void check(const char *value, const char *prefix, const char *path,
                  const char *args)
{
    hostmap_entry entry;
    apr_pool_t *pool;

    require(apr_pool_create(&pool, NULL) == APR_SUCCESS);
    check_bytes(target_escape(path, pool), "\"<>\\^`{|}[]?#;");
    (void)target_has_dots(path);
    if (prefix[0] == '/' && prefix[strlen(prefix) - 1] != '/'
        && !strstr(prefix, "//") && !strchr(prefix, '?')) {
        check_under(prefix, path);
    }
    if ((path[0] == '/' || path[0] == '\0')
        && hostmap_entry_parse(&entry, hostmap_str_text(value), NULL)
           == APR_SUCCESS
        && entry.kind == HOSTMAP_ENTRY_REDIRECT) {
        check_redirect(&entry, path, args, pool);
    }
    apr_pool_destroy(pool);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int initialized;
    char *value, *prefix, *path, *args;

    if (!initialized) {
        require(apr_initialize() == APR_SUCCESS);
        atexit(apr_terminate);
        initialized = 1;
    }
    value = take(&data, &size, 0);
    prefix = take(&data, &size, 0);
    path = take(&data, &size, 0);
    args = take(&data, &size, 1);
    check(value, prefix, path, args);
    free(value);
    free(prefix);
    free(path);
    free(args);
    return 0;
}

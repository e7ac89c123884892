/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Input: lines `backend value`, `prefix`, and the rest a URL and a cookie.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "apr_general.h"
#include "apr_pools.h"
#include "apr_strings.h"

#include "express/reverse_core.h"

#define FRONT "http://front.example"

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

static int ends_with(const char *text, const char *end)
{
    return strlen(text) >= strlen(end)
           && strcmp(text + strlen(text) - strlen(end), end) == 0;
}

static void check_location(const reverse_map *map, const char *backend,
                           const char *url, apr_pool_t *pool)
{
    const char *result = reverse_location(map, url, pool);
    const char *path, *c;

    if (result == NULL) {
        return;
    }
    for (c = result; *c; c++) {
        require((unsigned char)*c >= 0x20 && *c != 0x7f && *c != '\\');
    }
    path = result;
    if (url[0] != '/' || url[1] == '/') {
        require(strncmp(result, FRONT, strlen(FRONT)) == 0);
        path += strlen(FRONT);
    }
    require(path[0] == '/' && (path != result || path[1] != '/'));
    /* a path that was the client's already may be escaped in another way */
    require(strncmp(path, map->prefix, strlen(map->prefix)) == 0
            || strchr(path, '%') || strchr(map->prefix, '%'));
    require(ends_with(result, url + strcspn(url, "?#")));
    /* a URL of the front is not one of the backend, unless they are one */
    require(path == result || strcasestr(backend, "front.example") != NULL
            || reverse_location(map, result, pool) == NULL);
}

static void check_cookie(const reverse_map *map, const char *cookie,
                         apr_pool_t *pool)
{
    const char *result = reverse_cookie(map, cookie, pool);
    size_t name = strcspn(cookie, ";");
    const char *c;
    size_t attributes = 0, kept = 0;

    if (result == NULL) {
        return;
    }
    require(strncmp(result, cookie, name) == 0);
    require(result[name] == ';' || result[name] == '\0');
    for (c = cookie; *c; c++) {
        attributes += (*c == ';');
    }
    for (c = result; *c; c++) {
        kept += (*c == ';');
        require((*c != '\r' && *c != '\n') || strchr(cookie, *c) != NULL);
    }
    require(kept <= attributes);
    require(strlen(result) <= strlen(cookie)
                              + attributes * (strlen(map->prefix) + 1));
}

/** What the caller promises of a prefix that is not empty. */
static int is_prefix(const char *text)
{
    const char *c;

    for (c = text; *c; c++) {
        if ((unsigned char)*c <= ' ' || strchr("\x7f\\?#;", *c)
            || (*c == '/' && (c[1] == '/' || c[1] == '\0'))) {
            return 0;
        }
    }
    return text[0] == '/';
}

static void check(const char *backend, const char *prefix, const char *text)
{
    hostmap_entry entry;
    reverse_map map;
    apr_pool_t *pool;

    if (hostmap_entry_parse(&entry, hostmap_str_text(backend), NULL)
            != APR_SUCCESS
        || entry.kind != HOSTMAP_ENTRY_PROXY) {
        return;
    }
    map.prefix = is_prefix(prefix) ? prefix : "";
    map.entry = &entry;
    map.front = FRONT;
    require(apr_pool_create(&pool, NULL) == APR_SUCCESS);
    check_location(&map, backend, text, pool);
    check_cookie(&map, text, pool);
    apr_pool_destroy(pool);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int initialized;
    char *backend, *prefix, *text;

    if (!initialized) {
        require(apr_initialize() == APR_SUCCESS);
        atexit(apr_terminate);
        initialized = 1;
    }
    backend = take(&data, &size, 0);
    prefix = take(&data, &size, 0);
    text = take(&data, &size, 1);
    check(backend, prefix, text);
    free(backend);
    free(prefix);
    free(text);
    return 0;
}

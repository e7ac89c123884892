/* SPDX-License-Identifier: Apache-2.0 */

/*
 * hostmap_read.c: `hostmap get` and `hostmap list`, what is in a map.  They
 * print `key value` lines that `hostmap build` reads.
 */

#include "hostmap_tool.h"

#include <errno.h>
#include <string.h>

#include "apr_strings.h"

#include "hostmap_entry.h"
#include "hostmap_key.h"
#include "hostmap_table.h"

static int open_map(hostmap_file **file, tool *t)
{
    hostmap_reason why = { "" };
    apr_status_t rv;

    rv = hostmap_file_open(file, t->operands[0], t->type, t->pool, &why);

    return rv == APR_SUCCESS ? TOOL_DONE
                             : tool_file_error(t->operands[0], rv, &why);
}

/* A name from the command line in the spelling that is stored. */
static int read_host(char *key, apr_size_t *len, const char *host)
{
    hostmap_bad bad;

    if (hostmap_key_host(key, len, host, strlen(host), &bad)
        == APR_SUCCESS) {
        return TOOL_DONE;
    }

    return tool_error("%s: not a host name: %s, at column %" APR_SIZE_T_FMT,
                      host, bad.reason, bad.pos + 1);
}

/* Find the entry that answers for a host. */
static int fetch(hostmap_file *file, tool *t, const char *key,
                 apr_size_t key_len, const char **value,
                 apr_size_t *value_len)
{
    hostmap_reason why = { "" };
    apr_status_t rv;

    rv = hostmap_file_fetch(file, key, key_len, value, value_len, t->pool,
                            &why);
    if (rv == APR_NOTFOUND) {
        tool_error("%s: no entry for %s", t->operands[0], key);
        return TOOL_NOT_FOUND;
    }
    if (rv != APR_SUCCESS) {
        return tool_file_error(t->operands[0], rv, &why);
    }

    return TOOL_DONE;
}

/* ---- get --------------------------------------------------------------- */

int tool_get(tool *t)
{
    char key[HOSTMAP_KEY_MAX + 1];
    apr_size_t key_len, value_len;
    const char *value;
    hostmap_entry entry;
    hostmap_file *file;
    hostmap_bad bad;
    int status;

    if (read_host(key, &key_len, t->operands[1]) != TOOL_DONE
        || open_map(&file, t) != TOOL_DONE) {
        return TOOL_FAILED;
    }
    status = fetch(file, t, key, key_len, &value, &value_len);
    hostmap_file_close(file);
    if (status != TOOL_DONE) {
        return status;
    }

    tool_write_entry(key, key_len, value, value_len);
    puts("# exact match");
    if (hostmap_entry_parse(&entry, value, value_len, &bad)
        != APR_SUCCESS) {
        return tool_error("%s: %s: bad entry: %s, at column %"
                          APR_SIZE_T_FMT " of the value", t->operands[0],
                          key, bad.reason, bad.pos + 1);
    }

    return TOOL_DONE;
}

/* ---- list -------------------------------------------------------------- */

typedef struct listing {
    apr_pool_t *pool;
    /** what the keys have to end with, `.example.com`; empty: all */
    char suffix[HOSTMAP_KEY_MAX + 2];
    apr_size_t suffix_len;
    /** entries to be sorted; NULL: they come sorted and are printed at once */
    table *entries;
    apr_size_t count;
    /** entries that a text cannot hold as they are */
    apr_size_t replaced;
} listing;

static void list_print(listing *l, const char *key, apr_size_t key_len,
                       const char *value, apr_size_t value_len)
{
    l->replaced += tool_write_entry(key, key_len, value, value_len);
}

static void list_keep(listing *l, const char *key, apr_size_t key_len,
                      const char *value, apr_size_t value_len)
{
    char *bytes = apr_palloc(l->pool, key_len + value_len);
    table_entry entry;

    memcpy(bytes, key, key_len);
    memcpy(bytes + key_len, value, value_len);
    entry.head = 0;
    entry.key = bytes;
    entry.key_len = (apr_uint32_t)key_len;
    entry.value_at = (apr_uint32_t)key_len;
    entry.value_len = (apr_uint32_t)value_len;
    entry.line = 0;
    table_add(l->entries, &entry);
}

/* hostmap_each_fn; ends when nobody reads any more */
static apr_status_t list_one(void *baton, const char *key, apr_size_t key_len,
                             const char *value, apr_size_t value_len)
{
    listing *l = baton;

    if (l->suffix_len
        && (key_len <= l->suffix_len
            || memcmp(key + key_len - l->suffix_len, l->suffix,
                      l->suffix_len) != 0)) {
        return APR_SUCCESS;
    }

    l->count++;
    if (l->entries) {
        list_keep(l, key, key_len, value, value_len);
        return APR_SUCCESS;
    }
    list_print(l, key, key_len, value, value_len);

    return ferror(stdout) ? APR_EOF : APR_SUCCESS;
}

static void list_sorted(listing *l)
{
    apr_size_t i;

    table_sort(l->entries);
    for (i = 0; i < l->entries->count && !ferror(stdout); i++) {
        const table_entry *e = &l->entries->entries[i];

        list_print(l, e->key, e->key_len, e->key + e->value_at,
                   e->value_len);
    }
}

static int list_matching(hostmap_file *file, tool *t, listing *l)
{
    hostmap_reason why = { "" };
    hostmap_stat stat;
    apr_status_t rv;

    hostmap_file_stat(file, &stat);
    if (strcmp(stat.type, "lmdb") != 0) {
        l->entries = table_create(t->pool);
    }
    rv = hostmap_file_each(file, list_one, l, t->pool, &why);
    if (rv != APR_SUCCESS) {
        return ferror(stdout) ? TOOL_FAILED
                              : tool_file_error(t->operands[0], rv, &why);
    }
    if (l->entries) {
        list_sorted(l);
    }
    if (!l->count && l->suffix_len) {
        tool_error("%s: no entry below %s", t->operands[0], l->suffix + 1);
        return TOOL_NOT_FOUND;
    }

    return TOOL_DONE;
}

static int list_host(hostmap_file *file, tool *t, listing *l,
                     const char *key, apr_size_t key_len)
{
    apr_size_t value_len;
    const char *value;
    int status;

    status = fetch(file, t, key, key_len, &value, &value_len);
    if (status == TOOL_DONE) {
        list_print(l, key, key_len, value, value_len);
    }

    return status;
}

int tool_list(tool *t)
{
    const char *which = t->count > 1 ? t->operands[1] : NULL;
    char *key;
    listing l;
    apr_size_t key_len = 0;
    hostmap_file *file;
    int below, status;

    memset(&l, 0, sizeof(l));
    l.pool = t->pool;
    l.suffix[0] = '.';
    key = l.suffix + 1;
    below = which && strncmp(which, "*.", 2) == 0;
    if (which
        && read_host(key, &key_len, which + (below ? 2 : 0)) != TOOL_DONE) {
        return TOOL_FAILED;
    }
    if (open_map(&file, t) != TOOL_DONE) {
        return TOOL_FAILED;
    }

    if (which && !below) {
        status = list_host(file, t, &l, key, key_len);
    }
    else {
        l.suffix_len = below ? key_len + 1 : 0;
        status = list_matching(file, t, &l);
    }
    hostmap_file_close(file);
    if (status == TOOL_DONE && l.replaced) {
        status = tool_error("%s: %" APR_SIZE_T_FMT " entries hold bytes that "
                            "a text cannot hold, shown as \\xHH",
                            t->operands[0], l.replaced);
    }

    return status;
}

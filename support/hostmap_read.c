/* SPDX-License-Identifier: Apache-2.0 */

/*
 * hostmap_read.c: `hostmap list`, what is in a map, as `key value` lines that
 * `hostmap build` reads.
 */

#include "hostmap_tool.h"

#include <errno.h>
#include <string.h>

#include "apr_strings.h"

#include "hostmap_key.h"
#include "hostmap_table.h"

typedef struct listing {
    apr_pool_t *pool;
    /** a dot and the name that was asked for */
    char name[HOSTMAP_KEY_MAX + 2];
    /** what the host keys have to end with, `.example.com`; empty: anything */
    const char *suffix;
    apr_size_t suffix_len;
    /** they have to be longer than the suffix, else just that long */
    int below;
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

/* Does the host of a key match what was asked for? */
static int list_wants(const listing *l, const char *key, apr_size_t key_len)
{
    apr_size_t len = hostmap_key_host_len(key, key_len);

    if (!l->suffix_len) {
        return 1;
    }
    if (len < l->suffix_len || (len == l->suffix_len) == l->below) {
        return 0;
    }

    return memcmp(key + len - l->suffix_len, l->suffix, l->suffix_len) == 0;
}

/* hostmap_each_fn; ends when nobody reads any more */
static apr_status_t list_one(void *baton, const char *key, apr_size_t key_len,
                             const char *value, apr_size_t value_len)
{
    listing *l = baton;

    if (!list_wants(l, key, key_len)) {
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
        tool_error("%s: no entry %s %s", t->operands[0],
                   l->below ? "below" : "for", l->name + 1);
        return TOOL_NOT_FOUND;
    }

    return TOOL_DONE;
}

/* The entry of a host; it has no others in a map without paths. */
static int list_host(hostmap_file *file, tool *t, listing *l)
{
    hostmap_reason why = { "" };
    apr_size_t value_len;
    const char *value;
    unsigned marks;
    apr_status_t rv;

    rv = hostmap_file_marks(file, &marks, t->pool, &why);
    if (rv == APR_SUCCESS && (marks & HOSTMAP_MARK_PATH)) {
        return list_matching(file, t, l);
    }
    if (rv == APR_SUCCESS) {
        rv = hostmap_file_fetch(file, l->suffix, l->suffix_len, &value,
                                &value_len, t->pool, &why);
    }
    if (rv == APR_NOTFOUND) {
        tool_error("%s: no entry for %s", t->operands[0], l->suffix);
        return TOOL_NOT_FOUND;
    }
    if (rv != APR_SUCCESS) {
        return tool_file_error(t->operands[0], rv, &why);
    }
    list_print(l, l->suffix, l->suffix_len, value, value_len);

    return TOOL_DONE;
}

/* What is to be listed: HOST or *.SUFFIX. */
static int list_read_name(listing *l, const char *which)
{
    apr_size_t len;

    l->below = strncmp(which, "*.", 2) == 0;
    if (tool_read_host(l->name + 1, &len, which + (l->below ? 2 : 0))
        != TOOL_DONE) {
        return TOOL_FAILED;
    }
    l->name[0] = '.';
    l->suffix = l->name + !l->below;
    l->suffix_len = len + l->below;

    return TOOL_DONE;
}

int tool_list(tool *t)
{
    listing l;
    hostmap_file *file;
    int status;

    memset(&l, 0, sizeof(l));
    l.pool = t->pool;
    if ((t->count > 1 && list_read_name(&l, t->operands[1]) != TOOL_DONE)
        || tool_open_map(&file, t, t->operands[0]) != TOOL_DONE) {
        return TOOL_FAILED;
    }

    if (l.suffix_len && !l.below) {
        status = list_host(file, t, &l);
    }
    else {
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

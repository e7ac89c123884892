/* SPDX-License-Identifier: Apache-2.0 */

/*
 * hostmap_check.c: `hostmap check`, what is wrong in a text or a map, and who
 * could change the map that should not.
 */

#include "hostmap_tool.h"

#include <string.h>

#include "apr_strings.h"

#include "hostmap_entry.h"
#include "hostmap_key.h"
#include "hostmap_source.h"

/* So many bad entries are said; a map of something else is full of them. */
#define SAID_MAX    100

static int report(const char *name, const char *type, apr_size_t entries,
                  apr_size_t bad)
{
    printf("%s: %s, %" APR_SIZE_T_FMT " entries, ", name, type, entries);
    if (bad) {
        printf("%" APR_SIZE_T_FMT " error%s\n", bad, bad == 1 ? "" : "s");
        return TOOL_FAILED;
    }
    puts("no errors");

    return TOOL_DONE;
}

/* ---- a text ------------------------------------------------------------ */

static int check_text(tool *t, const char *path)
{
    apr_size_t count = 0;
    source_entry e;
    source *s;
    apr_status_t rv;

    rv = source_read(&s, path, NULL, 0, t->pool);
    if (rv != APR_SUCCESS) {
        return tool_file_error(path, rv, NULL);
    }
    while (source_next(s, &e)) {
        count++;
    }
    rv = source_status(s);
    if (rv != APR_SUCCESS) {
        return tool_file_error(path, rv, NULL);
    }
    source_summary(s);

    return report(source_name(s), "text", count, source_bad(s));
}

/* ---- a map ------------------------------------------------------------- */

typedef struct check_state {
    const char *path;
    apr_size_t count;
    apr_size_t bad;
} check_state;

static void check_say(check_state *c, const char *key, apr_size_t key_len,
                      const hostmap_bad *bad, const char *part)
{
    if (++c->bad > SAID_MAX) {
        return;
    }
    fprintf(stderr, "%s: ", c->path);
    tool_write(stderr, key, key_len, 1);
    fprintf(stderr, ": %s, at column %" APR_SIZE_T_FMT " of the %s\n",
            bad->reason, bad->pos + 1, part);
}

/* hostmap_each_fn */
static apr_status_t check_entry(void *baton, const char *key,
                                apr_size_t key_len, const char *value,
                                apr_size_t value_len)
{
    check_state *c = baton;
    hostmap_entry entry;
    hostmap_bad bad;

    c->count++;
    if (hostmap_key_check(key, key_len, &bad) != APR_SUCCESS) {
        check_say(c, key, key_len, &bad, "key");
    }
    else if (hostmap_entry_parse(&entry, value, value_len, &bad)
             != APR_SUCCESS) {
        check_say(c, key, key_len, &bad, "value");
    }

    return APR_SUCCESS;
}

static int check_map(tool *t, const char *path, const char *type)
{
    check_state c = { path, 0, 0 };
    hostmap_reason why = { "" };
    hostmap_file *file;
    hostmap_stat stat;
    apr_status_t rv;

    rv = hostmap_file_open(&file, path, type, t->pool, &why);
    if (rv != APR_SUCCESS) {
        return tool_file_error(path, rv, &why);
    }
    hostmap_file_stat(file, &stat);
    rv = hostmap_file_each(file, check_entry, &c, t->pool, &why);
    hostmap_file_close(file);
    if (rv != APR_SUCCESS) {
        return tool_file_error(path, rv, &why);
    }

    tool_warn_exposed(path, t->pool);
    if (c.bad > SAID_MAX) {
        tool_error("%s: and %" APR_SIZE_T_FMT " more bad entries", path,
                   c.bad - SAID_MAX);
    }

    return report(path, stat.type, c.count, c.bad);
}

int tool_check(tool *t)
{
    const char *path = t->operands[0];
    hostmap_reason why = { "" };
    const char *type;
    apr_status_t rv;

    if (strcmp(path, "-") == 0) {
        return t->type ? tool_error("standard input is a text, -t does not "
                                    "go with it")
                       : check_text(t, path);
    }
    if (t->type) {
        return check_map(t, path, t->type);
    }

    rv = hostmap_type_of(&type, path, NULL, t->pool, &why);
    if (rv == HOSTMAP_EFORMAT) {
        /* no marks: a text, or what cannot be read as one either */
        return check_text(t, path);
    }
    if (rv != APR_SUCCESS) {
        return tool_file_error(path, rv, &why);
    }

    return check_map(t, path, type);
}

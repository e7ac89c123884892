/* SPDX-License-Identifier: Apache-2.0 */

/*
 * follow.c: `hostmap follow`, a map that is kept like a store.
 */

#include "verbs.h"

#include <stdlib.h>
#include <string.h>

#include "apr_file_info.h"
#include "apr_strings.h"

#include "follow/print_sql.h"
#include "store.h"

#define INTERVAL        apr_time_from_msec(250)
#define BEHIND          apr_time_from_sec(30)
#define KEEP_INTERVAL   apr_time_from_sec(600)
#define SNAPSHOTS       4
#define SNAPSHOTS_MOST  1000

static int absolute(const char **path, tool *t, const char *given)
{
    char *merged;

    if (!given) {
        *path = NULL;
        return TOOL_DONE;
    }
    if (apr_filepath_merge(&merged, NULL, given, APR_FILEPATH_TRUENAME,
                           t->pool) != APR_SUCCESS) {
        return tool_error("%s: not a path", given);
    }
    *path = merged;

    return TOOL_DONE;
}

static int read_snapshots(follow_options *options, const char *text)
{
    char *end;
    long number;

    options->snapshots = SNAPSHOTS;
    if (!text) {
        return TOOL_DONE;
    }
    number = strtol(text, &end, 10);
    if (end == text || *end || number < 1 || number > SNAPSHOTS_MOST) {
        return tool_error("--snapshots %s: expected a number, 1 to %d", text,
                          SNAPSHOTS_MOST);
    }
    options->snapshots = (int)number;

    return TOOL_DONE;
}

static int read_options(follow_options *options, tool *t)
{
    const char **given = t->store;

    memset(options, 0, sizeof(*options));
    options->interval = INTERVAL;
    options->behind = BEHIND;
    options->keep_interval = KEEP_INTERVAL;
    options->max_removed = t->percent;
    options->report = given[TOOL_STORE_REPORT] != NULL;
    if (absolute(&options->map, t, t->operands[1]) != TOOL_DONE
        || absolute(&options->keep, t, given[TOOL_STORE_KEEP]) != TOOL_DONE
        || absolute(&options->status, t, given[TOOL_STORE_STATUS])
           != TOOL_DONE) {
        return TOOL_FAILED;
    }
    if (options->keep && strcmp(options->keep, options->map) == 0) {
        return tool_error("--keep %s: the map itself, expected another file",
                          options->keep);
    }
    if (verb_read_time(&options->interval, "--interval",
                       given[TOOL_STORE_INTERVAL]) != TOOL_DONE
        || verb_read_time(&options->behind, "--behind",
                          given[TOOL_STORE_BEHIND]) != TOOL_DONE
        || verb_read_time(&options->keep_interval, "--keep-interval",
                          given[TOOL_STORE_KEEP_INTERVAL]) != TOOL_DONE) {
        return TOOL_FAILED;
    }

    return read_snapshots(options, given[TOOL_STORE_SNAPSHOTS]);
}

/* Of names that become parts of SQL. */
static int is_name(const char *name)
{
    return name[0] >= 'a' && name[0] <= 'z' && strlen(name) <= 30
           && name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_")]
              == '\0';
}

static int print_sql(tool *t)
{
    const char *text = t->store[TOOL_STORE_PRINT_SQL];
    const char *name = t->store[TOOL_STORE_NAME];
    const char *where = t->store[TOOL_STORE_WHERE];
    follow_table table;
    hostmap_bad bad;

    if (t->count) {
        return tool_error("--print-sql: expected no URL and no MAP");
    }
    name = name ? name : "hosts";
    if (!is_name(name)) {
        return tool_error("--name %s: expected small letters, digits and `_`, "
                          "at most 30", name);
    }
    if (where && (!*where || strpbrk(where, "$;"))) {
        return tool_error("--where %s: expected an expression without `;` "
                          "and `$`", where);
    }
    if (follow_table_parse(&table, hostmap_str_text(text), &bad)
        != APR_SUCCESS) {
        return tool_error("--print-sql %s: %s, at column %" APR_SIZE_T_FMT,
                          text, bad.reason, bad.pos + 1);
    }
    if (t->store[TOOL_STORE_REMOVE]) {
        follow_print_remove(stdout, &table, name);
    }
    else {
        follow_print_sql(stdout, &table, name, where);
    }

    return TOOL_DONE;
}

static int open_relay(follow_relay *relay, verb_store *s, tool *t)
{
    memset(relay, 0, sizeof(*relay));
    if (verb_store_open_push(s, t) != TOOL_DONE) {
        return TOOL_FAILED;
    }
    relay->to = s->store;
    relay->name = s->name;

    return TOOL_DONE;
}

int tool_follow(tool *t)
{
    follow_options options;
    follow_relay relay;
    verb_store s, to;
    follower f;

    if (t->store[TOOL_STORE_PRINT_SQL]) {
        return print_sql(t);
    }
    if (t->count != 2) {
        return tool_error("follow: expected URL MAP, or --print-sql TABLE");
    }
    if (verb_store_open(&s, t, t->operands[0]) != TOOL_DONE
        || read_options(&options, t) != TOOL_DONE) {
        return TOOL_FAILED;
    }
    follow_init(&f, s.store, &options, s.name, t->pool);
    if (t->store[TOOL_STORE_PUSH]) {
        if (open_relay(&relay, &to, t) != TOOL_DONE) {
            return TOOL_FAILED;
        }
        f.relay = &relay;
    }

    return t->store[TOOL_STORE_ONCE] ? follow_once(&f) : follow_run(&f);
}

/* SPDX-License-Identifier: Apache-2.0 */

/*
 * stat.c: `hostmap stat`, what a map is: a screen for people, a line
 * for programs.
 */

#include "verbs.h"

#include "apr_time.h"

#include "follow/state_core.h"
#include "json.h"
#include "hostmap/hostmap_key.h"
#include "progress.h"

typedef struct summary {
    tool *t;
    hostmap_stat stat;
    unsigned features;
    apr_int64_t entries;
    apr_uint64_t bytes;         /* of keys and values, where they were read */
    double fill;
    /** of the store that the map follows; store[0] is NUL: none */
    follow_state state;
    progress p;
    apr_int64_t age;            /* seconds */
} summary;

/* hostmap_each_fn */
static apr_status_t stat_count(void *baton, hostmap_str key, hostmap_str value)
{
    summary *s = baton;

    s->entries++;
    s->bytes += key.len + value.len;
    progress_row(&s->p, 0);

    return APR_SUCCESS;
}

/* One that cannot be read is shown as none. */
static apr_status_t stat_read_state(summary *s, hostmap_file *file,
                                    hostmap_reason *why)
{
    hostmap_str text;
    apr_status_t rv;

    s->state.store[0] = '\0';
    rv = hostmap_file_state(file, &text, s->t->pool, why);
    if (rv == APR_SUCCESS
        && follow_state_read(&s->state, text, NULL) != APR_SUCCESS) {
        s->state.store[0] = '\0';
    }

    return rv == APR_NOTFOUND ? APR_SUCCESS : rv;
}

/* tool_read_fn; lmdb knows its entries and pages, of the others all has to be
 * read. */
static apr_status_t stat_collect(void *baton, hostmap_file *file,
                                 hostmap_reason *why)
{
    summary *s = baton;
    tool *t = s->t;
    apr_status_t rv;

    s->entries = 0;
    s->bytes = 0;
    rv = hostmap_file_features(file, &s->features, t->pool, why);
    if (rv == APR_SUCCESS) {
        rv = stat_read_state(s, file, why);
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    hostmap_file_stat(file, &s->stat);
    s->age = (apr_time_now() - s->stat.mtime) / APR_USEC_PER_SEC;
    if (s->age < 0) {
        /* of a machine whose clock is ahead */
        s->age = 0;
    }
    if (s->stat.entries >= 0) {
        s->entries = s->stat.entries;
        s->fill = (double)s->stat.pages_used / (double)s->stat.pages;
        return APR_SUCCESS;
    }
    progress_begin(&s->p, t->operands[0], 0);
    rv = hostmap_file_each(file, stat_count, s, t->pool, why);
    progress_end(&s->p);
    if (s->stat.size > 0) {
        s->fill = (double)s->bytes / (double)s->stat.size;
    }

    return rv;
}

/* The features as words, NULL at the end; both outputs call them marks. */
static void stat_features(const char *words[3], unsigned features)
{
    int count = 0;

    if (features & HOSTMAP_FEATURE_WILDCARD) {
        words[count++] = "wildcards";
    }
    if (features & HOSTMAP_FEATURE_PATH) {
        words[count++] = "paths";
    }
    words[count] = NULL;
}

static void stat_print_age(const summary *s)
{
    char when[APR_RFC822_DATE_LEN];
    apr_int64_t age = s->age;

    apr_rfc822_date(when, s->stat.mtime);
    if (age >= 86400) {
        printf("age      %" APR_INT64_T_FMT " d %" APR_INT64_T_FMT " h",
               age / 86400, age / 3600 % 24);
    }
    else if (age >= 3600) {
        printf("age      %" APR_INT64_T_FMT " h %" APR_INT64_T_FMT " min",
               age / 3600, age / 60 % 60);
    }
    else {
        printf("age      %" APR_INT64_T_FMT " min %" APR_INT64_T_FMT " s",
               age / 60, age % 60);
    }
    printf(" (%s)\n", when);
}

/* Of the last change that was applied. */
static void stat_print_state(const summary *s)
{
    char digest[FOLLOW_DIGEST_TEXT + 1], when[APR_RFC822_DATE_LEN];

    if (!s->state.store[0]) {
        return;
    }
    follow_digest_write(&s->state.digest, digest);
    printf("follows  %s\n", s->state.store);
    printf("position %s", s->state.position.text);
    if (s->state.time) {
        apr_rfc822_date(when, s->state.time);
        printf(" (%s)", when);
    }
    printf("\ndigest   %s\n", digest);
}

static void stat_json_state(json *j, const summary *s)
{
    char digest[FOLLOW_DIGEST_TEXT + 1];

    if (!s->state.store[0]) {
        json_string(j, "follows", NULL);
        return;
    }
    follow_digest_write(&s->state.digest, digest);
    json_string(j, "follows", s->state.store);
    json_string(j, "position", s->state.position.text);
    json_number(j, "store_time", apr_time_sec(s->state.time));
    json_string(j, "digest", digest);
}

static void stat_print_text(const summary *s, const char *path)
{
    const char *words[3];

    stat_features(words, s->features);
    printf("map      %s\n", path);
    printf("type     %s\n", s->stat.type);
    printf("entries  %" APR_INT64_T_FMT "\n", s->entries);
    printf("size     %" APR_OFF_T_FMT " bytes\n", s->stat.size);
    if (s->stat.pages) {
        printf("depth    %u\n", s->stat.depth);
        printf("fill     %.1f %%, %" APR_UINT64_T_FMT " of %"
               APR_UINT64_T_FMT " pages in use\n", 100 * s->fill,
               s->stat.pages_used, s->stat.pages);
    }
    else {
        printf("fill     %.1f %%, %" APR_UINT64_T_FMT " bytes of keys and "
               "values\n", 100 * s->fill, s->bytes);
    }
    stat_print_age(s);
    printf("marks    %s%s%s\n", words[0] ? words[0] : "none",
           words[0] && words[1] ? " " : "",
           words[0] && words[1] ? words[1] : "");
    stat_print_state(s);
}

static void stat_print_json(const summary *s, const char *path)
{
    const char *words[3];
    json j;

    stat_features(words, s->features);
    json_begin(&j);
    json_string(&j, "map", path);
    json_string(&j, "type", s->stat.type);
    json_number(&j, "entries", s->entries);
    json_number(&j, "size", s->stat.size);
    if (s->stat.pages) {
        json_number(&j, "depth", s->stat.depth);
    }
    else {
        json_string(&j, "depth", NULL);
    }
    json_fraction(&j, "fill", s->fill);
    json_number(&j, "mtime", apr_time_sec(s->stat.mtime));
    json_number(&j, "age", s->age);
    json_strings(&j, "marks", words);
    stat_json_state(&j, s);
    json_end(&j);
}

int tool_stat(tool *t)
{
    const char *path = t->operands[0];
    hostmap_reason why = { "" };
    summary s = { t };
    apr_status_t rv;

    rv = tool_read_map(path, t->type, stat_collect, &s, t->pool, &why);
    if (rv != APR_SUCCESS) {
        return tool_file_error(path, rv, &why);
    }
    if (t->flags & TOOL_JSON) {
        stat_print_json(&s, path);
    }
    else {
        stat_print_text(&s, path);
    }

    return TOOL_DONE;
}

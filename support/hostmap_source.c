/* SPDX-License-Identifier: Apache-2.0 */

/*
 * hostmap_source.c: a text source in memory.  The bytes are read once, into
 * one buffer; entries refer to it.  Values are brought to single blanks in
 * place.
 */

#include "hostmap_source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apr_strings.h"

#include "hostmap_entry.h"
#include "hostmap_idn.h"
#include "hostmap_key.h"
#include "hostmap_progress.h"
#include "hostmap_table.h"
#include "hostmap_text.h"
#include "hostmap_tool.h"

/* So many wrong lines are said; a wrong file would say a million. */
#define SAID_MAX    100

/* So much of a wrong value is shown. */
#define SHOWN_MAX   200

/* A line of this length is wrong even where no other limit applies: its
 * offsets would not fit an entry of the table. */
#define LINE_BYTES_MAX  0x7fffffff

/* A map of a million hosts names few backends: a value that was found right a
 * moment ago need not be parsed again. */
#define KNOWN_VALUES 256

/* In the order of the keys the lines lie anywhere: so many entries before it
 * is wanted, a line is asked for. */
#define AHEAD 16

struct source {
    const char *name;
    const char *type;
    apr_size_t pair_max;
    unsigned flags;
    char *text;
    apr_size_t len;
    table *entries;
    apr_size_t next;
    apr_uint64_t bytes;
    apr_size_t bad;
    unsigned marks;             /* what kinds of keys there are */
    apr_size_t noted;           /* names said to be stored in punycode */
    hostmap_str known[KNOWN_VALUES];
    apr_pool_t *pool;
};

/* ---- messages ---------------------------------------------------------- */

static void source_say_place(const source *s, apr_size_t line)
{
    progress_clear();
    if (line) {
        fprintf(stderr, "%s:%" APR_SIZE_T_FMT ": ", s->name, line);
    }
    else {
        fprintf(stderr, "%s: ", s->name);
    }
}

/* Begin a message about a line.  Returns 0 when enough has been said. */
static int source_say(source *s, apr_size_t line)
{
    if (++s->bad > SAID_MAX) {
        return 0;
    }
    source_say_place(s, line);

    return 1;
}

static void source_say_key(const char *key, apr_size_t len)
{
    apr_size_t shown = len > HOSTMAP_KEY_MAX ? HOSTMAP_KEY_MAX : len;

    tool_write(stderr, key, shown, 1);
    fputs(shown < len ? "...: " : ": ", stderr);
}

/* column: the first byte of the line is 1 */
static void source_say_bad(source *s, apr_size_t line, const hostmap_str *key,
                           const hostmap_bad *bad, apr_size_t column)
{
    if (!source_say(s, line)) {
        return;
    }
    if (key->len) {
        source_say_key(key->ptr, key->len);
    }
    fprintf(stderr, "%s, at column %" APR_SIZE_T_FMT "\n", bad->reason,
            column);
}

void source_reject(source *s, const source_entry *entry, const char *reason)
{
    if (!source_say(s, entry->line)) {
        return;
    }
    source_say_key(entry->key, entry->key_len);
    fprintf(stderr, "%s\n", reason);
}

void source_fault(source *s, apr_size_t line, hostmap_str key,
                  const char *reason)
{
    if (!source_say(s, line)) {
        return;
    }
    if (key.len) {
        source_say_key(key.ptr, key.len);
    }
    fprintf(stderr, "%s\n", reason);
}

void source_note_idn(source *s, apr_size_t line, hostmap_str written,
                     const char *stored)
{
    if ((s->flags & SOURCE_QUIET) || ++s->noted > SAID_MAX) {
        return;
    }
    source_say_place(s, line);
    fputs("note: ", stderr);
    source_say_key(written.ptr, written.len);
    fprintf(stderr, "stored as %s\n", stored);
}

void source_summary(const source *s)
{
    if (s->bad > SAID_MAX) {
        fprintf(stderr, "%s: and %" APR_SIZE_T_FMT " more wrong lines\n",
                s->name, s->bad - SAID_MAX);
    }
}

/* ---- bytes ------------------------------------------------------------- */

/* Make every gap between words one blank. */
static apr_size_t source_squeeze(char *value, apr_size_t len)
{
    apr_size_t from, to = 0;

    for (from = 0; from < len; from++) {
        if (value[from] != ' ' && value[from] != '\t') {
            value[to++] = value[from];
        }
        else if (to && value[to - 1] != ' ') {
            value[to++] = ' ';
        }
    }

    return to;
}

/* ---- lines ------------------------------------------------------------- */

static void source_add(source *s, apr_size_t line, const hostmap_str *key,
                       const hostmap_str *value)
{
    table_entry entry;

    entry.head = 0;
    entry.key = key->ptr;
    entry.key_len = (apr_uint32_t)key->len;
    entry.value_at = (apr_uint32_t)(value->ptr - key->ptr);
    entry.value_len = (apr_uint32_t)value->len;
    entry.line = (apr_uint32_t)line;
    table_add(s->entries, &entry);
    s->marks |= hostmap_key_marks(key->ptr, key->len);
}

/* Does the pair fit the type of the map? */
static int source_fits(source *s, apr_size_t line, const hostmap_str *key,
                       const hostmap_str *value)
{
    apr_size_t len = key->len + value->len;

    if (!s->pair_max || len <= s->pair_max) {
        return 1;
    }
    if (source_say(s, line)) {
        source_say_key(key->ptr, key->len);
        fprintf(stderr, "key and value have %" APR_SIZE_T_FMT " bytes, %s "
                "holds at most %" APR_SIZE_T_FMT " together\n",
                len, s->type, s->pair_max);
    }

    return 0;
}

/* Where the value is kept if it is known to be right.  Backends differ in
 * their last bytes, if in any. */
static hostmap_str *source_known(source *s, const hostmap_str *value)
{
    unsigned int hash = 0;
    apr_size_t i;

    for (i = value->len > 8 ? value->len - 8 : 0; i < value->len; i++) {
        hash = hash * 33 + (unsigned char)value->ptr[i];
    }
    return &s->known[hash % KNOWN_VALUES];
}

static int source_is_known(const hostmap_str *known, const hostmap_str *value)
{
    return known->len == value->len
           && memcmp(known->ptr, value->ptr, value->len) == 0;
}

void source_push(source *s, apr_size_t line, hostmap_str key,
                 hostmap_str value)
{
    hostmap_bad bad;
    hostmap_entry entry;
    char *bytes;

    if (hostmap_key_check(key.ptr, key.len, &bad) != APR_SUCCESS) {
        source_fault(s, line, key, bad.reason);
        return;
    }
    if (hostmap_entry_parse(&entry, value.ptr, value.len, &bad)
        != APR_SUCCESS) {
        if (source_say(s, line)) {
            source_say_key(key.ptr, key.len);
            tool_write(stderr, value.ptr,
                       value.len < SHOWN_MAX ? value.len : SHOWN_MAX, 0);
            fprintf(stderr, ": %s, at column %" APR_SIZE_T_FMT " of the "
                    "value\n", bad.reason, bad.pos + 1);
        }
        return;
    }
    bytes = apr_palloc(s->pool, key.len + value.len);
    memcpy(bytes, key.ptr, key.len);
    memcpy(bytes + key.len, value.ptr, value.len);
    key.ptr = bytes;
    value.ptr = bytes + key.len;
    value.len = source_squeeze(bytes + key.len, value.len);
    if (source_fits(s, line, &key, &value)) {
        source_add(s, line, &key, &value);
    }
}

/* A line whose key is not ASCII. */
static void source_push_idn(source *s, apr_size_t line, hostmap_str key,
                            hostmap_str value)
{
    char stored[HOSTMAP_KEY_MAX + 1];
    hostmap_str converted = { stored, 0 };
    const char *reason;
    hostmap_bad bad;

    if (idn_key(stored, &converted.len, key.ptr, key.len, &reason)
        != APR_SUCCESS) {
        source_fault(s, line, key, reason);
        return;
    }
    if (hostmap_key_check(stored, converted.len, &bad) != APR_SUCCESS) {
        source_fault(s, line, key, bad.reason);
        return;
    }
    source_note_idn(s, line, key, stored);
    source_push(s, line, converted, value);
}

/* A line of a map of hosts. */
static void source_line(source *s, apr_size_t line, char *text,
                        apr_size_t len)
{
    hostmap_str key = { NULL, 0 }, value = { NULL, 0 };
    hostmap_bad bad;
    hostmap_entry entry;
    hostmap_str *known;
    apr_status_t rv;

    rv = hostmap_text_line(&key, &value, text, len, &bad);
    if (rv == APR_EOF) {
        return;
    }
    if (rv != APR_SUCCESS) {
        key.len = 0;
        source_say_bad(s, line, &key, &bad, bad.pos + 1);
        return;
    }
    if (hostmap_key_check(key.ptr, key.len, &bad) != APR_SUCCESS) {
        if (idn_wanted(key.ptr, key.len)) {
            source_push_idn(s, line, key, value);
            return;
        }
        source_say_bad(s, line, &key, &bad,
                       (key.ptr - text) + bad.pos + 1);
        return;
    }
    known = source_known(s, &value);
    if (!source_is_known(known, &value)) {
        if (hostmap_entry_parse(&entry, value.ptr, value.len, &bad)
            != APR_SUCCESS) {
            source_say_bad(s, line, &key, &bad,
                           (value.ptr - text) + bad.pos + 1);
            return;
        }
        value.len = source_squeeze(text + (value.ptr - text), value.len);
        *known = value;
    }
    if (source_fits(s, line, &key, &value)) {
        source_add(s, line, &key, &value);
    }
}

/* A line as stock httxt2dbm sees it. */
static void source_line_httxt2dbm(source *s, apr_size_t line, char *text,
                                  apr_size_t len)
{
    hostmap_str key, value;

    if (hostmap_text_line_httxt2dbm(&key, &value, text, len)
        != APR_SUCCESS) {
        return;
    }
    if (s->flags & SOURCE_VERBOSE) {
        fprintf(stderr, "    '%.*s' -> '%.*s'\n", (int)key.len, key.ptr,
                (int)value.len, value.ptr);
    }
    if (source_fits(s, line, &key, &value)) {
        source_add(s, line, &key, &value);
    }
}

static void source_lines(source *s)
{
    char *at = s->text;
    char *end = s->text + s->len;
    apr_size_t line = 0;
    progress p;

    if (!(s->flags & SOURCE_HTTXT2DBM)
        && s->len >= 3 && memcmp(at, "\xef\xbb\xbf", 3) == 0) {
        /* the mark that editors on Windows put first */
        at += 3;
    }

    progress_begin(&p, s->name, s->len);
    while (at < end) {
        char *newline = memchr(at, '\n', end - at);
        apr_size_t len = (newline ? newline : end) - at;
        hostmap_str none = { NULL, 0 };
        hostmap_bad bad = { "line too long", LINE_BYTES_MAX };

        line++;
        if (len > LINE_BYTES_MAX) {
            source_say_bad(s, line, &none, &bad, bad.pos);
        }
        else if (s->flags & SOURCE_HTTXT2DBM) {
            source_line_httxt2dbm(s, line, at, len);
        }
        else {
            source_line(s, line, at, len);
        }
        at += len + 1;
        progress_row(&p, (apr_size_t)(at - s->text));
    }
    progress_end(&p);
}

/* ---- equal keys -------------------------------------------------------- */

static int source_by_line(const void *va, const void *vb)
{
    const table_entry *a = va;
    const table_entry *b = vb;

    return a->line < b->line ? -1 : a->line > b->line;
}

/* Say the entries of doubles, whose head is the line of the first one. */
static void source_say_doubles(source *s, table *doubles)
{
    apr_size_t i;

    if (!doubles->count) {
        return;
    }
    qsort(doubles->entries, doubles->count, sizeof(*doubles->entries),
          source_by_line);
    for (i = 0; i < doubles->count; i++) {
        const table_entry *e = &doubles->entries[i];

        if (source_say(s, e->line)) {
            fputs("duplicate key ", stderr);
            tool_write(stderr, e->key, e->key_len, 1);
            fprintf(stderr, ", first on line %" APR_UINT64_T_FMT "\n",
                    e->head);
        }
    }
}

/* Keep one entry a key: the first, and say the others; for httxt2dbm the
 * last. */
static void source_unify(source *s)
{
    table *doubles = table_create(s->pool);
    table_entry *entries = s->entries->entries;
    apr_size_t i, kept = 0;

    for (i = 0; i < s->entries->count; i++) {
        /* The heads spare most of the keys a look; those lie far apart. */
        if (!kept || entries[kept - 1].head != entries[i].head
            || table_compare(&entries[kept - 1], &entries[i]) != 0) {
            entries[kept++] = entries[i];
        }
        else if (s->flags & SOURCE_HTTXT2DBM) {
            entries[kept - 1] = entries[i];
        }
        else {
            table_entry again = entries[i];

            again.head = entries[kept - 1].line;
            table_add(doubles, &again);
        }
    }
    s->entries->count = kept;
    source_say_doubles(s, doubles);
}

/* Take path keys out whose host key is missing, and say them. */
static void source_check_paths(source *s)
{
    hostmap_key_order *order = apr_pcalloc(s->pool, sizeof(*order));
    table_entry *entries = s->entries->entries;
    apr_size_t i, kept = 0;

    for (i = 0; i < s->entries->count; i++) {
        const table_entry *e = &entries[i];

        if (hostmap_key_order_add(order, e->key, e->key_len)) {
            entries[kept++] = *e;
        }
        else if (source_say(s, e->line)) {
            source_say_key(e->key, e->key_len);
            fputs("a path needs its host's own line, write `", stderr);
            tool_write(stderr, e->key,
                       hostmap_key_host_len(e->key, e->key_len), 1);
            fputs(" !` if there is no backend for the rest\n", stderr);
        }
    }
    s->entries->count = kept;
}

static void source_count_bytes(source *s)
{
    apr_size_t i;

    for (i = 0; i < s->entries->count; i++) {
        const table_entry *e = &s->entries->entries[i];

        s->bytes += e->key_len + e->value_len;
    }
}

/* ---- the interface ----------------------------------------------------- */

source *source_create(const char *path, const char *type, unsigned flags,
                      apr_pool_t *pool)
{
    source *s = apr_pcalloc(pool, sizeof(*s));

    s->name = strcmp(path, "-") == 0 ? "stdin" : path;
    s->type = type;
    s->pair_max = type ? hostmap_type_pair_max(type) : 0;
    s->flags = flags;
    s->pool = pool;
    s->entries = table_create(pool);

    return s;
}

void source_finish(source *s)
{
    table_sort(s->entries);
    source_unify(s);
    if ((s->marks & HOSTMAP_MARK_PATH) && !(s->flags & SOURCE_HTTXT2DBM)) {
        source_check_paths(s);
    }
    source_count_bytes(s);
}

apr_status_t source_read(source **out, const char *path, const char *type,
                         unsigned flags, apr_pool_t *pool)
{
    source *s = source_create(path, type, flags, pool);
    apr_status_t rv;

    rv = tool_load(&s->text, &s->len, path, pool);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    source_lines(s);
    source_finish(s);
    *out = s;

    return APR_SUCCESS;
}

int source_next(source *s, source_entry *entry)
{
    const table_entry *e;

    if (s->next == s->entries->count) {
        return 0;
    }
    e = &s->entries->entries[s->next++];
    if (s->next + AHEAD < s->entries->count) {
        __builtin_prefetch(e[AHEAD].key);
    }
    entry->key = e->key;
    entry->key_len = e->key_len;
    entry->value = e->key + e->value_at;
    entry->value_len = e->value_len;
    entry->line = e->line;

    return 1;
}

const char *source_name(const source *s)
{
    return s->name;
}

apr_size_t source_count(const source *s)
{
    return s->entries->count;
}

apr_uint64_t source_bytes(const source *s)
{
    return s->bytes;
}

apr_size_t source_bad(const source *s)
{
    return s->bad;
}

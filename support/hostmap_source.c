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

#include "apr_file_info.h"
#include "apr_file_io.h"
#include "apr_strings.h"

#include "hostmap_entry.h"
#include "hostmap_key.h"
#include "hostmap_table.h"
#include "hostmap_text.h"
#include "hostmap_tool.h"

/* So many wrong lines are said; a wrong file would say a million. */
#define SAID_MAX    100

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
    /* else it is the caller's */
    int text_is_own;
    table *entries;
    apr_size_t next;
    apr_uint64_t bytes;
    apr_size_t bad;
    hostmap_str known[KNOWN_VALUES];
    apr_pool_t *pool;
};

static apr_status_t source_free(void *data)
{
    source *s = data;

    if (s->text_is_own) {
        free(s->text);
    }
    s->text = NULL;

    return APR_SUCCESS;
}

/* ---- messages ---------------------------------------------------------- */

/* Begin a message about a line.  Returns 0 when enough has been said. */
static int source_say(source *s, apr_size_t line)
{
    if (++s->bad > SAID_MAX) {
        return 0;
    }
    if (s->text_is_own) {
        fprintf(stderr, "%s:%" APR_SIZE_T_FMT ": ", s->name, line);
    }
    else {
        fputs("hostmap: ", stderr);
    }

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

void source_summary(const source *s)
{
    if (s->bad > SAID_MAX) {
        fprintf(stderr, "%s: and %" APR_SIZE_T_FMT " more wrong lines\n",
                s->name, s->bad - SAID_MAX);
    }
}

/* ---- bytes ------------------------------------------------------------- */

static apr_status_t source_load(source *s, apr_file_t *file)
{
    apr_finfo_t info;
    apr_size_t room = 1 << 16, got;
    apr_status_t rv;

    rv = apr_file_info_get(&info, APR_FINFO_SIZE, file);
    if (rv == APR_SUCCESS && info.size > 0) {
        /* One more than there is, so that the end shows without growing. */
        room = (apr_size_t)info.size + 1;
    }

    s->text = malloc(room);
    for (;;) {
        if (!s->text) {
            return APR_ENOMEM;
        }
        rv = apr_file_read_full(file, s->text + s->len, room - s->len, &got);
        s->len += got;
        if (rv != APR_SUCCESS) {
            return APR_STATUS_IS_EOF(rv) ? APR_SUCCESS : rv;
        }
        room *= 2;
        s->text = realloc(s->text, room);
    }
}

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

/* A line whose first word is a key. */
static void source_line_keys(source *s, apr_size_t line, const char *text,
                             apr_size_t len)
{
    const char *end = text + len;
    hostmap_str key, value;

    while (text < end && strchr(" \t\r", *text) && *text) {
        text++;
    }
    key.ptr = text;
    while (text < end && (!strchr(" \t\r", *text) || !*text)) {
        text++;
    }
    key.len = text - key.ptr;
    value.ptr = text;
    value.len = 0;
    if (key.len && key.ptr[0] != '#') {
        source_add(s, line, &key, &value);
    }
}

static void source_lines(source *s)
{
    char *at = s->text;
    char *end = s->text + s->len;
    apr_size_t line = 0;

    if (!(s->flags & SOURCE_HTTXT2DBM)
        && s->len >= 3 && memcmp(at, "\xef\xbb\xbf", 3) == 0) {
        /* the mark that editors on Windows put first */
        at += 3;
    }

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
        else if (s->flags & SOURCE_KEYS) {
            source_line_keys(s, line, at, len);
        }
        else {
            source_line(s, line, at, len);
        }
        at += len + 1;
    }
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

    for (i = 0; i < kept; i++) {
        s->bytes += entries[i].key_len + entries[i].value_len;
    }
}

/* ---- the interface ----------------------------------------------------- */

static source *source_create(const char *name, const char *type,
                             unsigned flags, apr_pool_t *pool)
{
    source *s = apr_pcalloc(pool, sizeof(*s));

    s->name = name;
    s->type = type;
    s->pair_max = type ? hostmap_type_pair_max(type) : 0;
    s->flags = flags;
    s->pool = pool;
    s->entries = table_create(pool);
    apr_pool_cleanup_register(pool, s, source_free, apr_pool_cleanup_null);

    return s;
}

static void source_sort(source *s)
{
    source_lines(s);
    table_sort(s->entries);
    source_unify(s);
}

apr_status_t source_read(source **out, const char *path, const char *type,
                         unsigned flags, apr_pool_t *pool)
{
    source *s = source_create(path, type, flags, pool);
    apr_file_t *file;
    apr_status_t rv;

    s->text_is_own = 1;
    if (strcmp(path, "-") == 0) {
        s->name = "stdin";
        rv = apr_file_open_stdin(&file, pool);
    }
    else {
        rv = apr_file_open(&file, path, APR_FOPEN_READ, APR_FPROT_OS_DEFAULT,
                           pool);
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = source_load(s, file);
    apr_file_close(file);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    source_sort(s);
    *out = s;

    return APR_SUCCESS;
}

void source_take(source **out, char *text, const char *type, unsigned flags,
                 apr_pool_t *pool)
{
    source *s = source_create("command line", type, flags, pool);

    s->text = text;
    s->len = strlen(text);
    source_sort(s);
    *out = s;
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

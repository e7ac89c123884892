/* SPDX-License-Identifier: Apache-2.0 */

/*
 * source.c: a text source.  The bytes are read once, a chunk after the
 * other; entries refer to the chunk, values are brought to single blanks in
 * place.  What is not in the chunk as it is stored (names in punycode, entries
 * that are pushed) is kept beside it.  A text of one chunk, which most are,
 * stays in memory; of a longer one the entries go through sorted runs on disk.
 */

#include "source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apr_file_info.h"
#include "apr_file_io.h"
#include "apr_strings.h"

#include "hostmap/hostmap_entry.h"
#include "idn.h"
#include "hostmap/hostmap_key.h"
#include "progress.h"
#include "sort.h"
#include "table.h"
#include "hostmap/hostmap_text.h"
#include "message.h"

/* So many wrong lines are said; a wrong file would say a million. */
#define SAID_MAX    100

/* So much of a wrong value is shown. */
#define SHOWN_MAX   200

/* So much of a text is in memory at once; the entries that it holds take as
 * much again.  A longer line is wrong even where no other limit applies. */
#define CHUNK_BYTES ((apr_size_t)64 << 20)

/* A map of a million hosts names few backends: a value that was found right a
 * moment ago need not be parsed again. */
#define KNOWN_VALUES 256

/* In the order of the keys the lines lie anywhere: so many entries before it
 * is wanted, a line is asked for. */
#define AHEAD 16

/* Sources whose path keys may be without their host keys: not of ours, or
 * with those in the map. */
#define ANY_PATHS (SOURCE_HTTXT2DBM | SOURCE_KEYS | SOURCE_DIFF | SOURCE_PART)

/* A key that stands in more than one line. */
typedef struct source_double {
    apr_size_t line, first;
    char *key;
    apr_size_t key_len;
} source_double;

struct source {
    const char *name;
    const char *type;
    apr_size_t pair_max;
    unsigned flags;
    /* the chunk that is in memory; with text_is_own ours to free */
    char *text;
    apr_size_t room, len;
    int text_is_own;
    int skipping;               /* the rest of a line that is too long */
    int is_command;             /* a text of words: its lines mean nothing */
    apr_size_t line;
    apr_pool_t *beside;         /* bytes of entries that are not in the chunk */
    apr_size_t kept;            /* so many */
    progress progress;
    apr_uint64_t before;        /* bytes of the chunks before this one */
    sorter *sorted;
    apr_size_t next;            /* of the sorter's table, if all are there */
    /* merging: the entry that is given out next, a copy of the one that is
     * given out now */
    table_entry ahead;
    int has_ahead;
    char *held;
    apr_size_t held_room;
    apr_status_t status;
    apr_size_t count;
    apr_uint64_t bytes;
    apr_size_t bad;
    apr_size_t noted;           /* names said to be stored in punycode */
    unsigned features;          /* what kinds of keys there are */
    hostmap_key_order *order;   /* of what is given out; NULL: any will do */
    source_double doubles[SAID_MAX];
    apr_size_t doubled;
    apr_size_t equal, contrary; /* of all doubles: by their values */
    hostmap_str known[KNOWN_VALUES];
    apr_pool_t *pool;
};

static void source_drop_text(source *s)
{
    if (s->text_is_own) {
        free(s->text);
    }
    s->text = NULL;
}

static apr_status_t source_free(void *data)
{
    source *s = data;
    apr_size_t i;

    source_drop_text(s);
    free(s->held);
    for (i = 0; i < SAID_MAX; i++) {
        free(s->doubles[i].key);
    }

    return APR_SUCCESS;
}

/* ---- messages ---------------------------------------------------------- */

static void source_say_place(const source *s, apr_size_t line)
{
    progress_clear();
    if (line && !s->is_command) {
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

void source_reject(source *s, const source_entry *entry, const char *reason)
{
    hostmap_str key = { entry->key, entry->key_len };

    source_fault(s, entry->line, key, reason);
}

void source_note(source *s, apr_size_t line, hostmap_str written,
                 const char *stored, const char *more)
{
    if ((s->flags & SOURCE_QUIET) || ++s->noted > SAID_MAX) {
        return;
    }
    source_say_place(s, line);
    fputs("note: ", stderr);
    source_say_key(written.ptr, written.len);
    fprintf(stderr, "stored as %s%s\n", stored, more);
}

void source_summary(const source *s)
{
    if (s->bad > SAID_MAX) {
        fprintf(stderr, "%s: and %" APR_SIZE_T_FMT " more wrong lines\n",
                s->name, s->bad - SAID_MAX);
    }
}

/* ---- lines ------------------------------------------------------------- */

/* Make every gap between words one blank.  Most values are one word. */
static apr_size_t source_squeeze(char *value, apr_size_t len)
{
    apr_size_t from, to = 0;

    if (!memchr(value, ' ', len) && !memchr(value, '\t', len)) {
        return len;
    }
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
    table_add(sort_table(s->sorted), &entry);
    s->count++;
    s->bytes += key->len + value->len;
    s->features |= hostmap_key_features(*key);
}

/* The same with bytes that do not stay where they are. */
static void source_add_copy(source *s, apr_size_t line, const hostmap_str *key,
                            const hostmap_str *value)
{
    char *bytes = apr_palloc(s->beside, key->len + value->len);
    hostmap_str key_kept = { bytes, key->len };
    hostmap_str value_kept = { bytes + key->len, value->len };

    memcpy(bytes, key->ptr, key->len);
    memcpy(bytes + key->len, value->ptr, value->len);
    s->kept += key->len + value->len;
    source_add(s, line, &key_kept, &value_kept);
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

/* Check a value, and bring it to single blanks. */
static int source_check_value(source *s, apr_size_t line, char *text,
                              const hostmap_str *key, hostmap_str *value)
{
    hostmap_str *known = source_known(s, value);
    hostmap_bad bad;
    hostmap_entry entry;

    if (!source_is_known(known, value)) {
        if (hostmap_entry_parse(&entry, *value, &bad) != APR_SUCCESS) {
            source_say_bad(s, line, key, &bad,
                           (value->ptr - text) + bad.pos + 1);
            return 0;
        }
        value->len = source_squeeze(text + (value->ptr - text), value->len);
        *known = *value;
    }

    return source_fits(s, line, key, value);
}

static int source_check(source *s, apr_size_t line, char *text,
                        const hostmap_str *key, hostmap_str *value)
{
    hostmap_bad bad;

    if (hostmap_key_check(*key, &bad) != APR_SUCCESS) {
        source_say_bad(s, line, key, &bad, (key->ptr - text) + bad.pos + 1);
        return 0;
    }

    return source_check_value(s, line, text, key, value);
}

/* A line whose key is not ASCII. */
static void source_line_idn(source *s, apr_size_t line, char *text,
                            hostmap_str key, hostmap_str value)
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
    if (hostmap_key_check(converted, &bad) != APR_SUCCESS) {
        source_fault(s, line, key, bad.reason);
        return;
    }
    source_note(s, line, key, stored, "");
    if (source_check_value(s, line, text, &converted, &value)) {
        source_add_copy(s, line, &converted, &value);
    }
}

/* A line of a map of hosts. */
static void source_line(source *s, apr_size_t line, char *text,
                        apr_size_t len)
{
    hostmap_str key = { NULL, 0 }, value = { NULL, 0 };
    hostmap_bad bad;
    apr_status_t rv;

    rv = hostmap_text_line(&key, &value, hostmap_str_of(text, len), &bad);
    if (rv == APR_EOF) {
        return;
    }
    if (rv != APR_SUCCESS) {
        key.len = 0;
        source_say_bad(s, line, &key, &bad, bad.pos + 1);
        return;
    }
    if (hostmap_key_check(key, &bad) != APR_SUCCESS) {
        if (idn_wanted(key.ptr, key.len)) {
            source_line_idn(s, line, text, key, value);
            return;
        }
        source_say_bad(s, line, &key, &bad, (key.ptr - text) + bad.pos + 1);
        return;
    }
    if (source_check_value(s, line, text, &key, &value)) {
        source_add(s, line, &key, &value);
    }
}

/* A line of a difference: a sign and an entry.  The sign takes the place of
 * the blank before the value.  What is to go need not be right. */
static void source_line_diff(source *s, apr_size_t line, char *text,
                             apr_size_t len)
{
    hostmap_bad bad = { "expected a line that begins with `+` or `-`", 0 };
    hostmap_str key = { NULL, 0 }, value = { NULL, 0 };
    char sign = text[0];
    apr_status_t rv = APR_SUCCESS;

    if (len && (sign == '+' || sign == '-')) {
        /* as if the line began one byte later */
        text[0] = ' ';
        rv = hostmap_text_line(&key, &value, hostmap_str_of(text, len), &bad);
        if (rv == APR_EOF) {
            bad.reason = "expected a key and a value behind the sign";
            bad.pos = 1;
        }
    }
    else if (hostmap_text_line(&key, &value, hostmap_str_of(text, len), &bad)
             == APR_EOF) {
        return;
    }
    else {
        bad.reason = "expected a line that begins with `+` or `-`";
        bad.pos = 0;
        rv = APR_EINVAL;
    }
    if (rv != APR_SUCCESS) {
        key.len = 0;
        source_say_bad(s, line, &key, &bad, bad.pos + 1);
        return;
    }
    if (sign == '-' || source_check(s, line, text, &key, &value)) {
        text[value.ptr - 1 - text] = sign;
        value.ptr--;
        value.len++;
        source_add(s, line, &key, &value);
    }
}

/* A line as stock httxt2dbm sees it. */
static void source_line_httxt2dbm(source *s, apr_size_t line, char *text,
                                  apr_size_t len)
{
    hostmap_str key, value;

    if (hostmap_text_line_httxt2dbm(&key, &value, hostmap_str_of(text, len))
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

static void source_line_of_kind(source *s, char *text, apr_size_t len)
{
    if (s->flags & SOURCE_HTTXT2DBM) {
        source_line_httxt2dbm(s, s->line, text, len);
    }
    else if (s->flags & SOURCE_KEYS) {
        source_line_keys(s, s->line, text, len);
    }
    else if (s->flags & SOURCE_DIFF) {
        source_line_diff(s, s->line, text, len);
    }
    else {
        source_line(s, s->line, text, len);
    }
}

/* What is in memory becomes a run: its bytes are not referred to any more. */
static apr_status_t source_flush(source *s)
{
    apr_status_t rv = sort_flush(s->sorted);

    memset(s->known, 0, sizeof(s->known));
    apr_pool_clear(s->beside);
    s->kept = 0;

    return rv;
}

static int source_is_full(const source *s)
{
    return sort_is_full(s->sorted) || s->kept >= CHUNK_BYTES;
}

/* Take the whole lines of the chunk, and, when it is the last one, what is
 * behind them.  Sets *done to the bytes taken. */
static apr_status_t source_lines(source *s, int is_last, apr_size_t *done)
{
    char *at = s->text;
    char *end = s->text + s->len;
    apr_status_t rv = APR_SUCCESS;

    if (s->line == 0 && !(s->flags & SOURCE_HTTXT2DBM)
        && s->len >= 3 && memcmp(at, "\xef\xbb\xbf", 3) == 0) {
        /* the mark that editors on Windows put first */
        at += 3;
    }

    while (at < end && rv == APR_SUCCESS) {
        char *newline = memchr(at, '\n', end - at);
        apr_size_t len = (newline ? newline : end) - at;

        if (!newline && !is_last) {
            break;
        }
        if (!s->skipping) {
            s->line++;
            source_line_of_kind(s, at, len);
        }
        s->skipping = 0;
        at += len + 1;
        progress_row(&s->progress, s->before + (apr_size_t)(at - s->text));
        if (source_is_full(s) && at < end) {
            rv = source_flush(s);
        }
    }
    *done = at < end ? (apr_size_t)(at - s->text) : s->len;

    return rv;
}

/* ---- bytes ------------------------------------------------------------- */

/* A line that fills the whole chunk: say so once, and forget it. */
static void source_skip_line(source *s)
{
    hostmap_str none = { NULL, 0 };
    hostmap_bad bad = { "line too long", CHUNK_BYTES };

    if (!s->skipping) {
        s->line++;
        source_say_bad(s, s->line, &none, &bad, bad.pos);
    }
    s->skipping = 1;
    s->before += s->len;
    s->len = 0;
}

/* Fill the chunk.  APR_EOF: that was the end. */
static apr_status_t source_fill(source *s, apr_file_t *file)
{
    apr_size_t got;
    apr_status_t rv;

    for (;;) {
        rv = apr_file_read_full(file, s->text + s->len, s->room - s->len,
                                &got);
        s->len += got;
        if (rv != APR_SUCCESS || s->room >= CHUNK_BYTES) {
            return APR_STATUS_IS_EOF(rv) ? APR_EOF : rv;
        }
        s->room = 2 * s->room < CHUNK_BYTES ? 2 * s->room : CHUNK_BYTES;
        s->text = tool_realloc(s->text, s->room);
    }
}

static apr_status_t source_load(source *s, apr_file_t *file)
{
    apr_status_t rv = APR_SUCCESS;
    int is_last = 0;

    while (!is_last && rv == APR_SUCCESS) {
        apr_size_t done;

        rv = source_fill(s, file);
        is_last = rv == APR_EOF;
        if (rv != APR_SUCCESS && !is_last) {
            break;
        }
        rv = source_lines(s, is_last, &done);
        if (rv == APR_SUCCESS && !is_last) {
            rv = source_flush(s);
            s->before += done;
            s->len -= done;
            memmove(s->text, s->text + done, s->len);
            if (s->len == s->room) {
                source_skip_line(s);
            }
        }
    }

    return rv;
}

/* ---- equal keys -------------------------------------------------------- */

/* Remember a double: of more than are said, those of the first lines. */
static void source_add_double(source *s, const table_entry *e,
                              const source_entry *first)
{
    source_double *d = s->doubles;
    apr_size_t i;

    if (e->value_len == first->value_len
        && memcmp(e->key + e->value_at, first->value, e->value_len) == 0) {
        s->equal++;
    }
    else {
        s->contrary++;
    }

    if (s->doubled < SAID_MAX) {
        d += s->doubled;
    }
    for (i = 0; s->doubled >= SAID_MAX && i < SAID_MAX; i++) {
        if (s->doubles[i].line > d->line) {
            d = &s->doubles[i];
        }
    }
    if (s->doubled++ >= SAID_MAX && d->line <= e->line) {
        return;
    }
    d->key = tool_realloc(d->key, e->key_len);
    memcpy(d->key, e->key, e->key_len);
    d->key_len = e->key_len;
    d->line = e->line;
    d->first = first->line;
}

static int source_by_line(const void *va, const void *vb)
{
    const source_double *a = va;
    const source_double *b = vb;

    return a->line < b->line ? -1 : a->line > b->line;
}

static void source_say_doubles(source *s)
{
    apr_size_t known = s->doubled < SAID_MAX ? s->doubled : SAID_MAX;
    apr_size_t i;

    qsort(s->doubles, known, sizeof(*s->doubles), source_by_line);
    for (i = 0; i < known; i++) {
        const source_double *d = &s->doubles[i];

        if (source_say(s, d->line)) {
            fputs("duplicate key ", stderr);
            tool_write(stderr, d->key, d->key_len, 1);
            if (!s->is_command) {
                fprintf(stderr, ", first on line %" APR_SIZE_T_FMT, d->first);
            }
            fputc('\n', stderr);
        }
    }
    s->bad += s->doubled - known;
    s->doubled = 0;
}

static void source_entry_of(source_entry *entry, const table_entry *e)
{
    entry->key = e->key;
    entry->key_len = e->key_len;
    entry->value = e->key + e->value_at;
    entry->value_len = e->value_len;
    entry->line = e->line;
}

/* Keep one entry a key: the first, and say the others; for httxt2dbm the
 * last. */
static void source_unify(source *s)
{
    table *t = sort_table(s->sorted);
    table_entry *entries = t->entries;
    apr_size_t i, kept = 0;

    for (i = 0; i < t->count; i++) {
        /* The heads spare most of the keys a look; those lie far apart. */
        if (!kept || entries[kept - 1].head != entries[i].head
            || table_compare(&entries[kept - 1], &entries[i]) != 0) {
            entries[kept++] = entries[i];
        }
        else if (s->flags & SOURCE_HTTXT2DBM) {
            entries[kept - 1] = entries[i];
        }
        else {
            source_entry first;

            source_entry_of(&first, &entries[kept - 1]);
            source_add_double(s, &entries[i], &first);
        }
    }
    t->count = kept;
    source_say_doubles(s);
}

/* ---- paths ------------------------------------------------------------- */

/* Is the host key of a path key there?  If not, say so. */
static int source_has_host(source *s, const char *key, apr_size_t len,
                           apr_size_t line)
{
    if (!s->order
        || hostmap_key_order_add(s->order, hostmap_str_of(key, len))) {
        return 1;
    }
    if (source_say(s, line)) {
        source_say_key(key, len);
        fputs("a path needs its host's own line, write `", stderr);
        tool_write(stderr, key, hostmap_key_host_len(hostmap_str_of(key, len)),
                   1);
        fputs(" !` if there is no backend for the rest\n", stderr);
    }

    return 0;
}

/* Take path keys out whose host key is missing. */
static void source_check_paths(source *s)
{
    table *t = sort_table(s->sorted);
    apr_size_t i, kept = 0;

    for (i = 0; i < t->count; i++) {
        const table_entry *e = &t->entries[i];

        if (source_has_host(s, e->key, e->key_len, e->line)) {
            t->entries[kept++] = *e;
        }
    }
    t->count = kept;
}

/* ---- merging ----------------------------------------------------------- */

static void source_fetch_ahead(source *s)
{
    apr_status_t rv = sort_next(s->sorted, &s->ahead);

    s->has_ahead = rv == APR_SUCCESS;
    if (rv != APR_SUCCESS && rv != APR_EOF) {
        s->status = rv;
    }
}

/* A copy of the entry that comes next: to see whether the one behind it has the
 * same key, its bytes have to go. */
static void source_hold(source *s, source_entry *entry)
{
    apr_size_t len = s->ahead.key_len + s->ahead.value_len;

    if (len > s->held_room) {
        s->held_room = 2 * len;
        s->held = tool_realloc(s->held, s->held_room);
    }
    memcpy(s->held, s->ahead.key, s->ahead.key_len);
    memcpy(s->held + s->ahead.key_len, s->ahead.key + s->ahead.value_at,
           s->ahead.value_len);
    entry->key = s->held;
    entry->key_len = s->ahead.key_len;
    entry->value = s->held + s->ahead.key_len;
    entry->value_len = s->ahead.value_len;
    entry->line = s->ahead.line;
}

static int source_merge_one(source *s, source_entry *entry)
{
    if (!s->has_ahead) {
        return 0;
    }
    source_hold(s, entry);
    source_fetch_ahead(s);
    while (s->has_ahead && !(s->flags & SOURCE_DIFF)
           && s->ahead.key_len == entry->key_len
           && memcmp(s->ahead.key, entry->key, entry->key_len) == 0) {
        if (s->flags & SOURCE_HTTXT2DBM) {
            source_hold(s, entry);
        }
        else {
            source_add_double(s, &s->ahead, entry);
        }
        source_fetch_ahead(s);
    }
    if (!s->has_ahead) {
        source_say_doubles(s);
    }

    return 1;
}

static int source_next_merged(source *s, source_entry *entry)
{
    while (source_merge_one(s, entry)) {
        if (source_has_host(s, entry->key, entry->key_len, entry->line)) {
            return 1;
        }
    }

    return 0;
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
    apr_pool_create(&s->beside, pool);
    s->sorted = sort_create(pool);
    apr_pool_cleanup_register(pool, s, source_free, apr_pool_cleanup_null);

    return s;
}

void source_push(source *s, apr_size_t line, hostmap_str key,
                 hostmap_str value)
{
    char bytes[HOSTMAP_VALUE_MAX];
    hostmap_bad bad;
    hostmap_entry entry;

    if (s->status != APR_SUCCESS) {
        /* source_finish() says so */
        return;
    }
    if (hostmap_key_check(key, &bad) != APR_SUCCESS) {
        source_fault(s, line, key, bad.reason);
        return;
    }
    if (hostmap_entry_parse(&entry, value, &bad) != APR_SUCCESS) {
        if (source_say(s, line)) {
            source_say_key(key.ptr, key.len);
            tool_write(stderr, value.ptr,
                       value.len < SHOWN_MAX ? value.len : SHOWN_MAX, 0);
            fprintf(stderr, ": %s, at column %" APR_SIZE_T_FMT " of the "
                    "value\n", bad.reason, bad.pos + 1);
        }
        return;
    }
    memcpy(bytes, value.ptr, value.len);
    value.ptr = bytes;
    value.len = source_squeeze(bytes, value.len);
    if (!source_fits(s, line, &key, &value)) {
        return;
    }
    if (source_is_full(s)) {
        s->status = source_flush(s);
    }
    source_add_copy(s, line, &key, &value);
}

apr_status_t source_finish(source *s)
{
    if (s->status == APR_SUCCESS) {
        s->status = sort_finish(s->sorted);
    }
    if (s->status != APR_SUCCESS) {
        return s->status;
    }
    if ((s->features & HOSTMAP_FEATURE_PATH) && !(s->flags & ANY_PATHS)) {
        s->order = apr_pcalloc(s->pool, sizeof(*s->order));
    }
    if (sort_is_spilled(s->sorted)) {
        source_drop_text(s);
        source_fetch_ahead(s);
        return s->status;
    }
    if (!(s->flags & SOURCE_DIFF)) {
        source_unify(s);
    }
    if (s->order) {
        source_check_paths(s);
    }

    return APR_SUCCESS;
}

static apr_status_t source_open(apr_file_t **file, source *s,
                                const char *path)
{
    apr_finfo_t info;
    apr_uint64_t size = 0;
    apr_status_t rv;

    if (strcmp(path, "-") == 0) {
        rv = apr_file_open_stdin(file, s->pool);
    }
    else {
        rv = apr_file_open(file, path, APR_FOPEN_READ, APR_FPROT_OS_DEFAULT,
                           s->pool);
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    s->room = 1 << 16;
    rv = apr_file_info_get(&info, APR_FINFO_SIZE, *file);
    if (rv == APR_SUCCESS && info.size > 0) {
        size = (apr_uint64_t)info.size;
        /* One more than there is, so that the end shows without growing. */
        s->room = size < CHUNK_BYTES ? (apr_size_t)size + 1 : CHUNK_BYTES;
    }
    s->text = tool_realloc(NULL, s->room);
    s->text_is_own = 1;
    progress_begin(&s->progress, s->name, size);

    return APR_SUCCESS;
}

apr_status_t source_read(source **out, const char *path, const char *type,
                         unsigned flags, apr_pool_t *pool)
{
    source *s = source_create(path, type, flags, pool);
    apr_file_t *file;
    apr_status_t rv;

    rv = source_open(&file, s, path);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = source_load(s, file);
    progress_end(&s->progress);
    apr_file_close(file);
    *out = s;

    return rv == APR_SUCCESS ? source_finish(s) : rv;
}

apr_status_t source_take(source **out, char *text, const char *type,
                         unsigned flags, apr_pool_t *pool)
{
    source *s = source_create("hostmap", type, flags, pool);
    apr_size_t done;
    apr_status_t rv;

    s->is_command = 1;
    s->text = text;
    s->len = strlen(text);
    progress_begin(&s->progress, s->name, s->len);
    rv = source_lines(s, 1, &done);
    progress_end(&s->progress);
    *out = s;

    return rv == APR_SUCCESS ? source_finish(s) : rv;
}

int source_next(source *s, source_entry *entry)
{
    const table *t = sort_table(s->sorted);
    const table_entry *e;

    if (sort_is_spilled(s->sorted)) {
        return source_next_merged(s, entry);
    }
    if (s->next == t->count) {
        return 0;
    }
    e = &t->entries[s->next++];
    if (s->next + AHEAD < t->count) {
        __builtin_prefetch(e[AHEAD].key);
    }
    source_entry_of(entry, e);

    return 1;
}

apr_status_t source_status(const source *s)
{
    return s->status;
}

const char *source_name(const source *s)
{
    return s->name;
}

int source_is_in_memory(const source *s)
{
    return !sort_is_spilled(s->sorted);
}

apr_size_t source_count(const source *s)
{
    return s->count;
}

apr_uint64_t source_bytes(const source *s)
{
    return s->bytes;
}

apr_size_t source_bad(const source *s)
{
    return s->bad;
}

void source_duplicates(const source *s, apr_size_t *equal,
                       apr_size_t *contrary)
{
    *equal = s->equal;
    *contrary = s->contrary;
}

/* SPDX-License-Identifier: Apache-2.0 */

/*
 * source.c: where entries are between being read and being given out in the
 * order of their keys.  A text is read once, a chunk after the other; entries
 * refer to the chunk, where line.c has brought values to single blanks.  What
 * is not in the chunk as it is stored (names in punycode, entries that are
 * pushed) is kept beside it.  A text of one chunk, which most are, stays in
 * memory; the entries of a longer one go through sorted runs on disk.
 */

#include "source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apr_file_info.h"
#include "apr_file_io.h"
#include "apr_strings.h"

#include "hostmap/hostmap_key.h"
#include "line.h"
#include "message.h"
#include "progress.h"
#include "report.h"
#include "sort.h"
#include "table.h"

/* How much of a text is in memory at once; the entries that it holds take as
 * much again.  A longer line is wrong even where no other limit applies. */
#define CHUNK_BYTES ((apr_size_t)64 << 20)

/* Sorted entries refer to lines that are scattered in memory: how many entries
 * ahead a line is fetched into the processor's cache. */
#define AHEAD 16

#ifdef __GNUC__
#define source_prefetch(address) __builtin_prefetch(address)
#else
#define source_prefetch(address) ((void)0)
#endif

/* Sources whose path keys may be without their host keys: not of ours, or
 * with those in the map. */
#define ANY_PATHS (SOURCE_HTTXT2DBM | SOURCE_KEYS | SOURCE_DIFF | SOURCE_PART)

struct source {
    apr_pool_t *pool;
    unsigned flags;
    line_parser lines;
    report report;
    /* the chunk that is in memory; with text_is_own ours to free */
    char *text;
    apr_size_t capacity, len;
    int text_is_own;
    int skipping;               /* the rest of a line that is too long */
    apr_size_t line;
    apr_pool_t *beside;         /* bytes of entries that are not in the chunk */
    apr_size_t copied;          /* how many */
    progress progress;
    apr_uint64_t before;        /* bytes of the chunks before this one */
    sorter *sorted;
    apr_size_t next;            /* of the sorter's table, if all are there */
    /* merging: the entry that is given out next, a copy of the one that is
     * given out now */
    table_entry ahead;
    int has_ahead;
    char *current;
    apr_size_t current_capacity;
    apr_status_t status;
    apr_size_t count;
    apr_uint64_t bytes;
    unsigned features;          /* what kinds of keys there are */
    hostmap_key_order *order;   /* of what is given out; NULL: any will do */
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

    source_drop_text(s);
    free(s->current);
    report_free(&s->report);

    return APR_SUCCESS;
}

/* ---- messages ---------------------------------------------------------- */

void source_fault(source *s, apr_size_t line, hostmap_str key,
                  const char *reason)
{
    report_wrong(&s->report, line, key, reason);
}

void source_reject(source *s, const source_entry *entry, const char *reason)
{
    report_wrong(&s->report, entry->line,
                 hostmap_str_of(entry->key, entry->key_len), reason);
}

void source_note(source *s, apr_size_t line, hostmap_str written,
                 const char *stored, const char *more)
{
    report_note(&s->report, line, written, hostmap_str_text(stored), more);
}

void source_summary(const source *s)
{
    report_summary(&s->report);
}

/* ---- lines ------------------------------------------------------------- */

static void source_add(source *s, apr_size_t line, hostmap_str key,
                       hostmap_str value)
{
    table_entry entry;

    entry.head = 0;
    entry.key = key.ptr;
    entry.key_len = (apr_uint32_t)key.len;
    entry.value_at = (apr_uint32_t)(value.ptr - key.ptr);
    entry.value_len = (apr_uint32_t)value.len;
    entry.line = (apr_uint32_t)line;
    table_add(sort_table(s->sorted), &entry);
    s->count++;
    s->bytes += key.len + value.len;
    s->features |= hostmap_key_features(key);
}

/* The same with bytes that do not stay where they are. */
static void source_add_copy(source *s, apr_size_t line, const line_pair *pair)
{
    apr_size_t key_len = pair->key.len, value_len = pair->value.len;
    char *bytes = apr_palloc(s->beside, key_len + value_len);

    memcpy(bytes, pair->key.ptr, key_len);
    memcpy(bytes + key_len, pair->value.ptr, value_len);
    s->copied += key_len + value_len;
    source_add(s, line, hostmap_str_of(bytes, key_len),
               hostmap_str_of(bytes + key_len, value_len));
}

static void source_take_line(source *s, char *text, apr_size_t len)
{
    line_fault fault;
    line_pair pair;
    apr_status_t rv = s->lines.parse(&s->lines, &pair, text, len, &fault);

    if (rv == APR_EOF) {
        return;
    }
    if (s->flags & SOURCE_VERBOSE) {
        fprintf(stderr, "    '%.*s' -> '%.*s'\n", (int)pair.key.len,
                pair.key.ptr, (int)pair.value.len, pair.value.ptr);
    }
    if (rv != APR_SUCCESS) {
        report_fault(&s->report, s->line, &fault);
    }
    else if (pair.written.len) {
        report_note(&s->report, s->line, pair.written, pair.key, "");
        source_add_copy(s, s->line, &pair);
    }
    else {
        source_add(s, s->line, pair.key, pair.value);
    }
}

/* What is in memory becomes a run: its bytes are not referred to any more. */
static apr_status_t source_flush(source *s)
{
    apr_status_t rv = sort_flush(s->sorted);

    line_forget(&s->lines);
    apr_pool_clear(s->beside);
    s->copied = 0;

    return rv;
}

static int source_is_full(const source *s)
{
    return sort_is_full(s->sorted) || s->copied >= CHUNK_BYTES;
}

/* Take the whole lines of the chunk and, if it is the last one, what follows
 * them.  Sets *done to the number of bytes taken. */
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
            source_take_line(s, at, len);
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

/* A line that fills the whole chunk: report it once, and drop it. */
static void source_skip_line(source *s)
{
    line_fault fault = { { NULL, 0 }, { NULL, 0 }, "line too long",
                         CHUNK_BYTES };

    if (!s->skipping) {
        s->line++;
        report_fault(&s->report, s->line, &fault);
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
        rv = apr_file_read_full(file, s->text + s->len, s->capacity - s->len,
                                &got);
        s->len += got;
        if (rv != APR_SUCCESS || s->capacity >= CHUNK_BYTES) {
            return APR_STATUS_IS_EOF(rv) ? APR_EOF : rv;
        }
        s->capacity = 2 * s->capacity < CHUNK_BYTES ? 2 * s->capacity
                                                    : CHUNK_BYTES;
        s->text = tool_realloc(s->text, s->capacity);
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
            if (s->len == s->capacity) {
                source_skip_line(s);
            }
        }
    }

    return rv;
}

/* ---- equal keys -------------------------------------------------------- */

static void source_entry_of(source_entry *entry, const table_entry *e)
{
    entry->key = e->key;
    entry->key_len = e->key_len;
    entry->value = e->key + e->value_at;
    entry->value_len = e->value_len;
    entry->line = e->line;
}

/* An entry whose key is that of another one, which counts. */
static void source_add_double(source *s, const table_entry *e,
                              const source_entry *first)
{
    int is_equal = e->value_len == first->value_len
                   && memcmp(e->key + e->value_at, first->value,
                             e->value_len) == 0;

    report_add_double(&s->report, e->line, hostmap_str_of(e->key, e->key_len),
                      first->line, is_equal);
}

/* Keep one entry for each key: the first, and report the others; for httxt2dbm
 * the last. */
static void source_unify(source *s)
{
    table *t = sort_table(s->sorted);
    table_entry *entries = t->entries;
    apr_size_t i, kept = 0;

    for (i = 0; i < t->count; i++) {
        /* The keys are scattered in memory: most differ in their heads. */
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
    report_doubles(&s->report);
}

/* ---- paths ------------------------------------------------------------- */

/* Does the host of a path key have an entry?  If not, it is reported. */
static int source_has_host(source *s, hostmap_str key, apr_size_t line)
{
    if (!s->order || hostmap_key_order_add(s->order, key)) {
        return 1;
    }
    report_orphan(&s->report, line, key);

    return 0;
}

/* Take path keys out whose host key is missing. */
static void source_check_paths(source *s)
{
    table *t = sort_table(s->sorted);
    apr_size_t i, kept = 0;

    for (i = 0; i < t->count; i++) {
        const table_entry *e = &t->entries[i];

        if (source_has_host(s, hostmap_str_of(e->key, e->key_len), e->line)) {
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

/* Copy the entry that comes next: its bytes are gone once the one after it was
 * fetched, to see whether that has the same key. */
static void source_copy_ahead(source *s, source_entry *entry)
{
    apr_size_t len = s->ahead.key_len + s->ahead.value_len;

    if (len > s->current_capacity) {
        s->current_capacity = 2 * len;
        s->current = tool_realloc(s->current, s->current_capacity);
    }
    memcpy(s->current, s->ahead.key, s->ahead.key_len);
    memcpy(s->current + s->ahead.key_len, s->ahead.key + s->ahead.value_at,
           s->ahead.value_len);
    entry->key = s->current;
    entry->key_len = s->ahead.key_len;
    entry->value = s->current + s->ahead.key_len;
    entry->value_len = s->ahead.value_len;
    entry->line = s->ahead.line;
}

static int source_merge_one(source *s, source_entry *entry)
{
    if (!s->has_ahead) {
        return 0;
    }
    source_copy_ahead(s, entry);
    source_fetch_ahead(s);
    while (s->has_ahead && !(s->flags & SOURCE_DIFF)
           && s->ahead.key_len == entry->key_len
           && memcmp(s->ahead.key, entry->key, entry->key_len) == 0) {
        if (s->flags & SOURCE_HTTXT2DBM) {
            source_copy_ahead(s, entry);
        }
        else {
            source_add_double(s, &s->ahead, entry);
        }
        source_fetch_ahead(s);
    }
    if (!s->has_ahead) {
        report_doubles(&s->report);
    }

    return 1;
}

static int source_next_merged(source *s, source_entry *entry)
{
    while (source_merge_one(s, entry)) {
        if (source_has_host(s, hostmap_str_of(entry->key, entry->key_len),
                            entry->line)) {
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

    s->flags = flags;
    s->pool = pool;
    line_init(&s->lines, flags & SOURCE_HTTXT2DBM ? LINE_HTXT2DBM
              : flags & SOURCE_KEYS ? LINE_KEY
              : flags & SOURCE_DIFF ? LINE_CHANGE : LINE_ENTRY, type);
    report_init(&s->report, strcmp(path, "-") == 0 ? "stdin" : path,
                flags & SOURCE_QUIET);
    apr_pool_create(&s->beside, pool);
    s->sorted = sort_create(pool);
    apr_pool_cleanup_register(pool, s, source_free, apr_pool_cleanup_null);

    return s;
}

void source_push(source *s, apr_size_t line, hostmap_str key,
                 hostmap_str value)
{
    line_fault fault;
    line_pair pair;

    if (s->status != APR_SUCCESS) {
        /* source_finish() returns it */
        return;
    }
    if (line_check(&s->lines, &pair, key, value, &fault) != APR_SUCCESS) {
        report_fault(&s->report, line, &fault);
        return;
    }
    if (source_is_full(s)) {
        s->status = source_flush(s);
    }
    source_add_copy(s, line, &pair);
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
    s->capacity = 1 << 16;
    rv = apr_file_info_get(&info, APR_FINFO_SIZE, *file);
    if (rv == APR_SUCCESS && info.size > 0) {
        size = (apr_uint64_t)info.size;
        /* One more than the file has: its end is seen without growing. */
        s->capacity = size < CHUNK_BYTES ? (apr_size_t)size + 1 : CHUNK_BYTES;
    }
    s->text = tool_realloc(NULL, s->capacity);
    s->text_is_own = 1;
    progress_begin(&s->progress, s->report.name, size);

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

    s->report.has_lines = 0;
    s->text = text;
    s->len = strlen(text);
    progress_begin(&s->progress, s->report.name, s->len);
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
        source_prefetch(e[AHEAD].key);
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
    return s->report.name;
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
    return s->report.bad;
}

void source_duplicates(const source *s, apr_size_t *equal,
                       apr_size_t *contrary)
{
    *equal = s->report.equal;
    *contrary = s->report.contrary;
}

/* SPDX-License-Identifier: Apache-2.0 */

/*
 * sort.c: entries in memory while they fit, beyond that in sorted runs
 * of one temporary file, which a heap of the runs' first entries merges.
 */

#include "sort.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "apr_file_io.h"
#include "apr_strings.h"

#include "message.h"

/* Entries of a run: sorting takes about a hundred bytes for each. */
#define RUN_ENTRIES ((apr_size_t)1 << 20)

#define WRITE_BYTES ((apr_size_t)1 << 20)
#define READ_BYTES  ((apr_size_t)1 << 17)

/* What stands in a run before the bytes of an entry. */
typedef struct run_head {
    apr_uint32_t key_len;
    apr_uint32_t value_len;
    apr_uint32_t line;
} run_head;

typedef struct run {
    apr_off_t at, end;          /* of the file: not read yet */
    char *buffer;
    apr_size_t capacity, from, to;  /* of the buffer: not given out yet */
    table_entry entry;          /* the first one */
} run;

struct sorter {
    apr_pool_t *pool;
    table *entries;
    apr_size_t next;            /* when all are in memory */
    const char *folder;         /* of the runs' file */
    int fd;                     /* -1: none */
    apr_off_t written;
    run *runs;
    apr_size_t count, capacity;
    run **heap;                 /* the one with the smallest entry first */
    apr_size_t heaped;
    int given;                  /* the first one's entry was given out */
};

static const char *sort_near;

void sort_beside(const char *map)
{
    sort_near = map;
}

static apr_status_t sort_free(void *data)
{
    sorter *s = data;
    apr_size_t i;

    for (i = 0; i < s->count; i++) {
        free(s->runs[i].buffer);
    }
    free(s->runs);
    free(s->heap);
    if (s->fd >= 0) {
        close(s->fd);
    }

    return APR_SUCCESS;
}

sorter *sort_create(apr_pool_t *pool)
{
    sorter *s = apr_pcalloc(pool, sizeof(*s));

    s->pool = pool;
    s->fd = -1;
    s->entries = table_create(pool);
    apr_pool_cleanup_register(pool, s, sort_free, apr_pool_cleanup_null);

    return s;
}

table *sort_table(sorter *s)
{
    return s->entries;
}

int sort_is_full(const sorter *s)
{
    return s->entries->count >= RUN_ENTRIES;
}

int sort_is_spilled(const sorter *s)
{
    return s->count > 0;
}

/* ---- writing runs ------------------------------------------------------ */

static const char *sort_temporary_folder(apr_pool_t *pool)
{
    const char *folder = getenv("TMPDIR"), *slash;

    if (folder && *folder) {
        return folder;
    }
    slash = sort_near ? strrchr(sort_near, '/') : NULL;
    if (slash) {
        return apr_pstrmemdup(pool, sort_near, slash == sort_near
                              ? 1 : slash - sort_near);
    }
    if (sort_near) {
        return ".";
    }

    return apr_temp_dir_get(&folder, pool) == APR_SUCCESS ? folder : "/tmp";
}

static apr_status_t sort_temporary_failed(const char *folder, const char *what)
{
    int error = errno;

    tool_error("%s: a temporary file cannot be %s there, TMPDIR can name "
               "another folder", folder, what);

    return error;
}

apr_status_t sort_temporary(int *fd, const char **folder, apr_pool_t *pool)
{
    char *name;

    *folder = sort_temporary_folder(pool);
    *fd = open(*folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (*fd >= 0) {
        return APR_SUCCESS;
    }
    /* not every file system can do that */
    name = apr_pstrcat(pool, *folder, "/hostmap-XXXXXX", NULL);
    *fd = mkostemp(name, O_CLOEXEC);
    if (*fd < 0) {
        return sort_temporary_failed(*folder, "made");
    }
    unlink(name);

    return APR_SUCCESS;
}

apr_status_t sort_temporary_write(int fd, const char *folder,
                                  const char *bytes, apr_size_t len)
{
    while (len) {
        ssize_t put = write(fd, bytes, len);

        if (put < 0 && errno != EINTR) {
            return sort_temporary_failed(folder, "written");
        }
        if (put > 0) {
            bytes += put;
            len -= put;
        }
    }

    return APR_SUCCESS;
}

static apr_status_t sort_write(sorter *s, const char *bytes, apr_size_t len)
{
    s->written += len;

    return sort_temporary_write(s->fd, s->folder, bytes, len);
}

static apr_size_t sort_pack(char *to, const table_entry *e)
{
    run_head head = { e->key_len, e->value_len, e->line };

    memcpy(to, &head, sizeof(head));
    memcpy(to + sizeof(head), e->key, e->key_len);
    memcpy(to + sizeof(head) + e->key_len, e->key + e->value_at,
           e->value_len);

    return sizeof(head) + e->key_len + e->value_len;
}

static apr_status_t sort_write_run(sorter *s)
{
    char *buffer = NULL;
    apr_size_t capacity = 0, used = 0, i;
    apr_status_t rv = APR_SUCCESS;

    for (i = 0; i < s->entries->count && rv == APR_SUCCESS; i++) {
        const table_entry *e = &s->entries->entries[i];
        apr_size_t need = sizeof(run_head) + e->key_len + e->value_len;

        if (used && used + need > capacity) {
            rv = sort_write(s, buffer, used);
            used = 0;
        }
        if (need > capacity) {
            capacity = need > WRITE_BYTES ? need : WRITE_BYTES;
            buffer = tool_realloc(buffer, capacity);
        }
        used += sort_pack(buffer + used, e);
    }
    if (rv == APR_SUCCESS) {
        rv = sort_write(s, buffer, used);
    }
    free(buffer);

    return rv;
}

apr_status_t sort_flush(sorter *s)
{
    apr_status_t rv = APR_SUCCESS;
    run *r;

    if (!s->entries->count) {
        return APR_SUCCESS;
    }
    if (s->fd < 0) {
        rv = sort_temporary(&s->fd, &s->folder, s->pool);
    }
    if (s->count == s->capacity) {
        s->capacity = s->capacity ? 2 * s->capacity : 16;
        s->runs = tool_realloc(s->runs, s->capacity * sizeof(*s->runs));
    }
    r = &s->runs[s->count++];
    memset(r, 0, sizeof(*r));
    r->at = s->written;
    if (rv == APR_SUCCESS) {
        table_sort(s->entries);
        rv = sort_write_run(s);
    }
    r->end = s->written;
    table_clear(s->entries);

    return rv;
}

/* ---- reading runs ------------------------------------------------------ */

/* Make at least that many bytes available in the buffer.  APR_EOF: the run has
 * ended. */
static apr_status_t sort_run_fill(sorter *s, run *r, apr_size_t need)
{
    if (r->from == r->to && r->at == r->end) {
        return APR_EOF;
    }
    if (r->from && r->from + need > r->capacity) {
        memmove(r->buffer, r->buffer + r->from, r->to - r->from);
        r->to -= r->from;
        r->from = 0;
    }
    if (need > r->capacity) {
        r->capacity = need > READ_BYTES ? need : READ_BYTES;
        r->buffer = tool_realloc(r->buffer, r->capacity);
    }
    while (r->to - r->from < need) {
        apr_size_t len = r->capacity - r->to;
        ssize_t got;

        if ((apr_off_t)len > r->end - r->at) {
            len = (apr_size_t)(r->end - r->at);
        }
        got = pread(s->fd, r->buffer + r->to, len, r->at);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            errno = got < 0 ? errno : EIO;
            return sort_temporary_failed(s->folder, "read");
        }
        r->to += got;
        r->at += got;
    }

    return APR_SUCCESS;
}

static apr_status_t sort_run_next(sorter *s, run *r)
{
    run_head head;
    apr_size_t len;
    apr_status_t rv;

    rv = sort_run_fill(s, r, sizeof(head));
    if (rv != APR_SUCCESS) {
        return rv;
    }
    memcpy(&head, r->buffer + r->from, sizeof(head));
    len = sizeof(head) + head.key_len + head.value_len;
    rv = sort_run_fill(s, r, len);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    r->entry.key = r->buffer + r->from + sizeof(head);
    r->entry.key_len = head.key_len;
    r->entry.value_at = head.key_len;
    r->entry.value_len = head.value_len;
    r->entry.line = head.line;
    r->from += len;

    return APR_SUCCESS;
}

/* ---- merging ----------------------------------------------------------- */

/* Runs were written in the order of lines. */
static int sort_run_before(const run *a, const run *b)
{
    int diff = table_compare(&a->entry, &b->entry);

    return diff < 0 || (diff == 0 && a < b);
}

static void sort_heap_sink(sorter *s, apr_size_t at)
{
    run *moved = s->heap[at];

    for (;;) {
        apr_size_t child = 2 * at + 1;

        if (child + 1 < s->heaped
            && sort_run_before(s->heap[child + 1], s->heap[child])) {
            child++;
        }
        if (child >= s->heaped || !sort_run_before(s->heap[child], moved)) {
            break;
        }
        s->heap[at] = s->heap[child];
        at = child;
    }
    s->heap[at] = moved;
}

static apr_status_t sort_merge_begin(sorter *s)
{
    apr_status_t rv;
    apr_size_t i;

    s->heap = tool_realloc(NULL, s->count * sizeof(*s->heap));
    for (i = 0; i < s->count; i++) {
        rv = sort_run_next(s, &s->runs[i]);
        if (rv != APR_SUCCESS) {
            return rv;
        }
        s->heap[s->heaped++] = &s->runs[i];
    }
    for (i = s->heaped / 2; i-- > 0; ) {
        sort_heap_sink(s, i);
    }

    return APR_SUCCESS;
}

static apr_status_t sort_merge_next(sorter *s, table_entry *entry)
{
    apr_status_t rv;

    if (s->given) {
        rv = sort_run_next(s, s->heap[0]);
        if (rv == APR_EOF) {
            s->heap[0] = s->heap[--s->heaped];
        }
        else if (rv != APR_SUCCESS) {
            return rv;
        }
        if (s->heaped) {
            sort_heap_sink(s, 0);
        }
    }
    if (!s->heaped) {
        s->given = 0;
        return APR_EOF;
    }
    s->given = 1;
    *entry = s->heap[0]->entry;

    return APR_SUCCESS;
}

apr_status_t sort_finish(sorter *s)
{
    apr_status_t rv;

    if (!sort_is_spilled(s)) {
        table_sort(s->entries);
        return APR_SUCCESS;
    }
    rv = sort_flush(s);
    table_release(s->entries);

    return rv == APR_SUCCESS ? sort_merge_begin(s) : rv;
}

apr_status_t sort_next(sorter *s, table_entry *entry)
{
    if (sort_is_spilled(s)) {
        return sort_merge_next(s, entry);
    }
    if (s->next == s->entries->count) {
        return APR_EOF;
    }
    *entry = s->entries->entries[s->next++];

    return APR_SUCCESS;
}

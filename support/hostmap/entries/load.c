/* SPDX-License-Identifier: Apache-2.0 */

/*
 * load.c: a whole file as one run of bytes.
 */

#include "load.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "apr_file_info.h"
#include "apr_file_io.h"

#include "sort.h"
#include "message.h"

/* A file of more bytes goes to the disk. */
#define MEMORY_BYTES ((apr_size_t)16 << 20)

/* How much of a copy is read before it is put out of memory. */
#define DONE_BYTES ((apr_size_t)8 << 20)

static apr_status_t load_free(void *data)
{
    loaded *l = data;

    if (l->mapped) {
        munmap(l->mapped, l->len);
    }
    else {
        free(l->bytes);
    }

    return APR_SUCCESS;
}

/* As much as may be in memory.  APR_EOF: that was all. */
static apr_status_t load_fill(loaded *l, apr_file_t *file)
{
    apr_size_t capacity = 1 << 16, got;
    apr_finfo_t info;
    apr_status_t rv;

    rv = apr_file_info_get(&info, APR_FINFO_SIZE, file);
    if (rv == APR_SUCCESS && info.size > 0) {
        /* One more than the file has: its end is seen without growing. */
        capacity = (apr_uint64_t)info.size < MEMORY_BYTES
               ? (apr_size_t)info.size + 1 : MEMORY_BYTES;
    }
    for (;;) {
        l->bytes = tool_realloc(l->bytes, capacity);
        rv = apr_file_read_full(file, l->bytes + l->len, capacity - l->len,
                                &got);
        l->len += got;
        if (rv != APR_SUCCESS || capacity >= MEMORY_BYTES) {
            return rv;
        }
        capacity = 2 * capacity < MEMORY_BYTES ? 2 * capacity : MEMORY_BYTES;
    }
}

/* What was read so far, and the rest.  APR_EOF: all of it. */
static apr_status_t load_copy(loaded *l, apr_file_t *file, int fd,
                              const char *folder, apr_size_t *size)
{
    apr_status_t rv = APR_SUCCESS, written = APR_SUCCESS;

    *size = 0;
    while (l->len > 0 && written == APR_SUCCESS) {
        written = sort_temporary_write(fd, folder, l->bytes, l->len);
        *size += l->len;
        l->len = 0;
        if (rv == APR_SUCCESS) {
            rv = apr_file_read_full(file, l->bytes, MEMORY_BYTES, &l->len);
        }
    }

    return written == APR_SUCCESS ? rv : written;
}

static apr_status_t load_spill(loaded *l, apr_file_t *file, apr_pool_t *pool)
{
    const char *folder;
    apr_size_t size;
    apr_status_t rv;
    int fd;

    rv = sort_temporary(&fd, &folder, pool);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = load_copy(l, file, fd, folder, &size);
    if (APR_STATUS_IS_EOF(rv)) {
        l->mapped = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
        rv = l->mapped == MAP_FAILED ? apr_get_os_error() : APR_SUCCESS;
    }
    close(fd);
    if (rv != APR_SUCCESS) {
        l->mapped = NULL;
        return rv;
    }
    free(l->bytes);
    l->bytes = l->mapped;
    l->len = size;

    return APR_SUCCESS;
}

apr_status_t load_file(loaded *l, const char *path, apr_pool_t *pool)
{
    apr_file_t *file;
    apr_status_t rv;

    memset(l, 0, sizeof(*l));
    if (strcmp(path, "-") == 0) {
        rv = apr_file_open_stdin(&file, pool);
    }
    else {
        rv = apr_file_open(&file, path, APR_FOPEN_READ, APR_FPROT_OS_DEFAULT,
                           pool);
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    apr_pool_cleanup_register(pool, l, load_free, apr_pool_cleanup_null);
    rv = load_fill(l, file);
    if (rv == APR_SUCCESS) {
        rv = load_spill(l, file, pool);
    }
    apr_file_close(file);

    return APR_STATUS_IS_EOF(rv) ? APR_SUCCESS : rv;
}

void load_done(loaded *l, apr_size_t bytes)
{
    if (l->mapped && bytes - l->done >= DONE_BYTES) {
        /* the rest as well: the end of a quote may have been searched there */
        madvise(l->mapped, l->len, MADV_DONTNEED);
        l->done = bytes;
    }
}

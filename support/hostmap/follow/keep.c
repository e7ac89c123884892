/* SPDX-License-Identifier: Apache-2.0 */

/*
 * keep.c: a file of a map never changes, so that a copy of it is whole.
 */

#include "keep.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "hostmap/store/hostmap_copy.h"
#include "hostmap/store/hostmap_place.h"
#include "store.h"

static apr_status_t failed(hostmap_reason *why, const char *what,
                           const char *name)
{
    int error = errno;

    return follow_fail(why, error, "cannot %s %s: %s", what, name,
                       strerror(error));
}

/* Flushed, with the rights of what it replaces, and renamed. */
static apr_status_t place(int fd, const char *work, const char *to,
                          hostmap_reason *why)
{
    hostmap_folder folder = { NULL, -1 };
    apr_pool_t *pool;
    apr_status_t rv;

    apr_pool_create(&pool, NULL);
    rv = hostmap_copy_rights(work, to, why);
    if (rv == APR_SUCCESS) {
        rv = hostmap_folder_open(&folder, to, pool, why);
    }
    if (rv == APR_SUCCESS && rename(work, to) != 0) {
        rv = failed(why, "replace", to);
    }
    if (rv == APR_SUCCESS) {
        hostmap_folder_sync(&folder, fd, why);
    }
    else {
        hostmap_folder_close(&folder);
    }
    apr_pool_destroy(pool);

    return rv;
}

apr_status_t follow_keep(const char *from, const char *to,
                         hostmap_reason *why)
{
    char work[PATH_MAX];
    apr_status_t rv;
    int in, out;

    if (snprintf(work, sizeof(work), "%s.hostmap-keep", to)
        >= (int)sizeof(work)) {
        return follow_fail(why, APR_EINVAL, "the name %s is too long", to);
    }
    in = open(from, O_RDONLY | O_CLOEXEC);
    if (in < 0) {
        return failed(why, "read", from);
    }
    /* what a killed one left; there is one follower of a map */
    unlink(work);
    out = open(work, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (out < 0) {
        rv = failed(why, "make", work);
        close(in);
        return rv;
    }
    rv = hostmap_copy_bytes(out, in, work, why);
    close(in);
    if (rv == APR_SUCCESS) {
        rv = place(out, work, to, why);
    }
    close(out);
    if (rv != APR_SUCCESS) {
        unlink(work);
    }

    return rv;
}

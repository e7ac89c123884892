/* SPDX-License-Identifier: Apache-2.0 */

/*
 * text.c: a text on disk that is replaced as a whole.
 */

#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "apr_strings.h"

#include "hostmap/store/hostmap_copy.h"
#include "hostmap/store/hostmap_place.h"
#include "message.h"

static int text_error(const char *path)
{
    return tool_error("%s: %s", path, strerror(errno));
}

/* Does the name lead to the file that is open? */
static int text_is_ours(int fd, const char *name)
{
    struct stat mine, now;

    return fstat(fd, &mine) == 0 && lstat(name, &now) == 0
           && mine.st_dev == now.st_dev && mine.st_ino == now.st_ino;
}

/* One writer at a time: one that has waited for the lock finds that the name
 * leads to another file.  Returns a descriptor, or -1 with errno set. */
static int text_lock(const char *work)
{
    int fd;

    for (;;) {
        fd = open(work, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
        if (fd < 0) {
            return -1;
        }
        if (flock(fd, LOCK_EX) != 0) {
            break;
        }
        if (text_is_ours(fd, work)) {
            if (ftruncate(fd, 0) != 0) {
                break;
            }
            return fd;
        }
        close(fd);
    }
    close(fd);

    return -1;
}

int text_open(text *t, const char *path, apr_pool_t *pool)
{
    char *real = realpath(path, NULL);
    int fd;

    t->path = path;
    t->pool = pool;
    t->real = apr_pstrdup(pool, real ? real : path);
    free(real);
    t->work = apr_pstrcat(pool, t->real, ".hostmap-new", NULL);
    fd = text_lock(t->work);
    t->to = fd >= 0 ? fdopen(fd, "w") : NULL;

    return t->to ? TOOL_DONE : text_error(t->work);
}

void text_abort(text *t)
{
    if (text_is_ours(fileno(t->to), t->work)) {
        unlink(t->work);
    }
    fclose(t->to);
}

/* All that can fail, while nothing has changed. */
static int text_flush(text *t, hostmap_folder *folder)
{
    hostmap_reason why = { "" };
    apr_status_t rv;

    if (fflush(t->to) != 0 || ferror(t->to)) {
        return text_error(t->path);
    }
    if (access(t->real, F_OK) == 0) {
        rv = hostmap_copy_rights(t->work, t->real, &why);
        if (rv != APR_SUCCESS) {
            return tool_file_error(t->path, rv, &why);
        }
    }
    else if (fsync(fileno(t->to)) != 0) {
        return text_error(t->path);
    }
    if (!text_is_ours(fileno(t->to), t->work)) {
        return tool_error("%s: %s was removed or replaced while it was "
                          "written: nothing was changed", t->path, t->work);
    }
    rv = hostmap_folder_open(folder, t->real, t->pool, &why);

    return rv == APR_SUCCESS ? TOOL_DONE
                             : tool_file_error(t->path, rv, &why);
}

int text_commit(text *t)
{
    hostmap_reason warning = { "" };
    hostmap_folder folder = { NULL, -1 };
    int status = text_flush(t, &folder);

    if (status == TOOL_DONE && rename(t->work, t->real) != 0) {
        status = text_error(t->path);
    }
    if (status != TOOL_DONE) {
        hostmap_folder_close(&folder);
        text_abort(t);
        return status;
    }
    /* It is in place: nothing is reported as failed from here on. */
    hostmap_folder_sync(&folder, fileno(t->to), &warning);
    fclose(t->to);
    tool_file_warn(t->path, &warning);
    tool_in_place(t->path);

    return TOOL_DONE;
}

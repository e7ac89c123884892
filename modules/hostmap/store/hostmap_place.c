/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file hostmap_place.c
 * @brief The names that a writer works with, its lock, and the rename.
 *
 * The new file is always called PATH.hostmap-new, and its writer holds a lock
 * on it: that serialises writers without a lock file, also when there is no map
 * yet, and a writer that was killed leaves at most that one file.
 */

#include "hostmap_place.h"

#include "apr_file_io.h"
#include "apr_strings.h"

#include "hostmap_copy.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* How many symbolic links in a row are followed. */
#define LINKS_MAX 40

/* With less free space than this, a failed write is reported as a full disk. */
#define FULL_BELOW ((apr_uint64_t)64 << 10)

static apr_status_t place_fail(hostmap_reason *why, const char *what,
                               const char *name)
{
    return hostmap_fail(why, errno, "cannot %s %s", what, name);
}

/* ---- the folder -------------------------------------------------------- */

const char *hostmap_folder_of(const char *name, apr_pool_t *pool)
{
    const char *slash = strrchr(name, '/');

    if (!slash) {
        return ".";
    }
    return apr_pstrmemdup(pool, name, slash == name ? 1 : slash - name);
}

apr_status_t hostmap_folder_open(hostmap_folder *folder, const char *name,
                                 apr_pool_t *pool, hostmap_reason *why)
{
    folder->path = hostmap_folder_of(name, pool);
    folder->fd = open(folder->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder->fd < 0 && errno != EACCES) {
        return place_fail(why, "open the folder", folder->path);
    }
    return APR_SUCCESS;
}

void hostmap_folder_sync(hostmap_folder *folder, int fd,
                         hostmap_reason *warning)
{
    /* To flush the file that was renamed is the second best: the common file
     * systems write the rename with it. */
    int rc = fsync(folder->fd >= 0 ? folder->fd : fd);

    /* EINVAL: not on this file system */
    if (rc != 0 && errno != EINVAL) {
        hostmap_fail(warning, errno, "it is in place, but may be the old one "
                     "again if the system stops now: cannot flush the folder "
                     "%s", folder->path);
    }
    hostmap_folder_close(folder);
}

void hostmap_folder_close(hostmap_folder *folder)
{
    if (folder->fd >= 0) {
        close(folder->fd);
        folder->fd = -1;
    }
}

/* ---- names ------------------------------------------------------------- */

/* The name that a link leads to whose file does not exist yet. */
static const char *place_follow(const char *name, apr_pool_t *pool)
{
    char target[PATH_MAX];
    ssize_t len;
    int links;

    for (links = 0; links < LINKS_MAX; links++) {
        const char *slash = strrchr(name, '/');

        len = readlink(name, target, sizeof(target));
        if (len < 0 || len == sizeof(target)) {
            break;
        }
        name = apr_psprintf(pool, "%.*s%.*s", *target != '/' && slash
                            ? (int)(slash + 1 - name) : 0, name, (int)len,
                            target);
    }
    return name;
}

/* The file that a symbolic link names is replaced, not the link. */
static apr_status_t place_resolve(hostmap_place *place,
                                  const hostmap_provider *provider,
                                  const char *path, hostmap_reason *why)
{
    hostmap_names names;
    const char *suffix = "", *found;
    apr_size_t len, cut;
    char *real;
    apr_status_t rv;

    rv = hostmap_names_of(&names, provider, path, place->pool, why);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (strlen(names.main) > strlen(path)) {
        suffix = names.main + strlen(path);
    }
    real = realpath(names.main, NULL);
    if (real) {
        found = apr_pstrdup(place->pool, real);
        free(real);
    }
    else if (errno == ENOENT) {
        found = place_follow(names.main, place->pool);
    }
    else {
        return place_fail(why, "open", names.main);
    }
    len = strlen(found);
    cut = strlen(suffix);
    if (len > cut && strcmp(found + len - cut, suffix) == 0) {
        len -= cut;
    }
    place->path = apr_pstrmemdup(place->pool, found, len);
    return APR_SUCCESS;
}

static apr_status_t place_name(hostmap_place *place,
                               const hostmap_provider *provider,
                               hostmap_reason *why)
{
    apr_status_t rv;

    place->folder = hostmap_folder_of(place->path, place->pool);
    place->work = apr_pstrcat(place->pool, place->path, HOSTMAP_NEW, NULL);
    rv = hostmap_names_of(&place->names, provider, place->path, place->pool,
                          why);
    if (rv == APR_SUCCESS) {
        rv = hostmap_names_of(&place->work_names, provider, place->work,
                              place->pool, why);
    }
    return rv;
}

/* ---- renaming ---------------------------------------------------------- */

static apr_status_t place_rename(const char *from, const char *to,
                                 hostmap_reason *why)
{
    if (rename(from, to) != 0) {
        return place_fail(why, "replace", to);
    }
    return APR_SUCCESS;
}

/* NULL in *lock when there is no such file. */
static apr_status_t place_lock_dir(hostmap_place *place, apr_file_t **lock,
                                   const char *name, hostmap_reason *why)
{
    apr_status_t rv;

    *lock = NULL;
    if (apr_file_open(lock, name, APR_FOPEN_READ | APR_FOPEN_WRITE,
                      APR_OS_DEFAULT, place->pool) != APR_SUCCESS) {
        *lock = NULL;
        return APR_SUCCESS;
    }
    rv = apr_file_lock(*lock, APR_FLOCK_EXCLUSIVE);
    if (rv != APR_SUCCESS) {
        apr_file_close(*lock);
        *lock = NULL;
        return hostmap_fail(why, rv, "cannot lock %s", name);
    }
    return APR_SUCCESS;
}

static void place_unlock_dir(apr_file_t *lock)
{
    if (lock) {
        apr_file_close(lock);
    }
}

/* The second rename of a pair; the first one has been done and stays. */
static apr_status_t place_rename_main(hostmap_place *place,
                                      hostmap_reason *why)
{
    if (rename(place->work_names.main, place->names.main) != 0) {
        return hostmap_fail(why, errno, "cannot replace %s after its .dir, "
                            "which is the new one now: the map cannot be read "
                            "until the next build or change completes this",
                            place->names.main);
    }
    return APR_SUCCESS;
}

/* Two renames cannot be atomic.  Readers of sdbm hold the lock on the .dir
 * while they read, and ours check that the .dir that they locked still has its
 * name: under the exclusive locks on the old one and on the new one they see
 * both old files or both new ones.  The main file comes last: the next writer
 * begins as soon as its name is free. */
static apr_status_t place_rename_pair(hostmap_place *place,
                                      hostmap_reason *why)
{
    apr_file_t *old = NULL, *new = NULL;
    apr_status_t rv;

    rv = place_lock_dir(place, &old, place->names.second, why);
    if (rv == APR_SUCCESS) {
        rv = place_lock_dir(place, &new, place->work_names.second, why);
    }
    if (rv == APR_SUCCESS) {
        rv = place_rename(place->work_names.second, place->names.second, why);
    }
    if (rv == APR_SUCCESS) {
        rv = place_rename_main(place, why);
    }
    place_unlock_dir(new);
    place_unlock_dir(old);
    return rv;
}

/* Complete the work of a writer that was killed between its renames. */
static apr_status_t place_rename_rest(hostmap_place *place,
                                      hostmap_reason *why)
{
    apr_file_t *lock;
    apr_status_t rv;

    rv = place_lock_dir(place, &lock, place->names.second, why);
    if (rv == APR_SUCCESS) {
        rv = place_rename_main(place, why);
    }
    place_unlock_dir(lock);
    return rv;
}

/* ---- one writer at a time ---------------------------------------------- */

/* A lock of the open file, not of the process (fcntl's other kind would go as
 * soon as LMDB closes its own descriptor), and not flock's (gdbm takes that
 * one itself). */
static int place_lock_wait(int fd)
{
    struct flock lock;
    int rc;

    memset(&lock, 0, sizeof(lock));
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    do {
        rc = fcntl(fd, F_OFD_SETLKW, &lock);
    } while (rc != 0 && errno == EINTR);
    return rc;
}

/* Does the name lead to the file that is locked?  A writer that waited may find
 * that the one before it has renamed or removed that file.  And a file that an
 * administrator removed during the work may be another writer's by now. */
static int place_is_ours(int fd, const char *name)
{
    struct stat mine, there;

    return fstat(fd, &mine) == 0 && lstat(name, &there) == 0
           && mine.st_dev == there.st_dev && mine.st_ino == there.st_ino;
}

static apr_status_t place_open_failed(hostmap_reason *why, const char *name)
{
    int error = errno;

    if (error == EACCES && access(name, F_OK) == 0) {
        return hostmap_fail(why, error, "%s belongs to another user's writer "
                            "(running, or killed and left behind): cannot "
                            "open it", name);
    }
    return hostmap_fail(why, error, "cannot create %s", name);
}

/* Sets place->lock_fd. */
static apr_status_t place_lock(hostmap_place *place, hostmap_reason *why)
{
    const char *name = place->work_names.main;
    apr_status_t rv;
    int fd;

    for (;;) {
        fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0) {
            return place_open_failed(why, name);
        }
        if (place_lock_wait(fd) != 0) {
            rv = place_fail(why, "lock", name);
            close(fd);
            return rv;
        }
        rv = APR_SUCCESS;
        if (place_is_ours(fd, name)) {
            if (!hostmap_is_half_placed(&place->names, &place->work_names)) {
                break;
            }
            rv = place_rename_rest(place, why);
        }
        close(fd);
        if (rv != APR_SUCCESS) {
            return rv;
        }
    }
    place->lock_fd = fd;
    return APR_SUCCESS;
}

/* Removes what a killed writer left. */
static apr_status_t place_empty(hostmap_place *place, hostmap_reason *why)
{
    const char *second = place->work_names.second;

    if (ftruncate(place->lock_fd, 0) != 0) {
        return place_fail(why, "empty", place->work_names.main);
    }
    if (second && unlink(second) != 0 && errno != ENOENT) {
        return place_fail(why, "remove", second);
    }
    return APR_SUCCESS;
}

apr_status_t hostmap_place_open(hostmap_place *place,
                                const hostmap_provider *provider,
                                const char *path, apr_pool_t *pool,
                                hostmap_reason *why)
{
    apr_status_t rv;

    place->pool = pool;
    place->lock_fd = -1;
    rv = place_resolve(place, provider, path, why);
    if (rv == APR_SUCCESS) {
        rv = place_name(place, provider, why);
    }
    if (rv == APR_SUCCESS) {
        rv = place_lock(place, why);
    }
    return rv == APR_SUCCESS ? place_empty(place, why) : rv;
}

apr_status_t hostmap_place_explain(const hostmap_place *place,
                                   apr_status_t rv, hostmap_reason *why)
{
    /* the libraries fail without a reason, or with an I/O error */
    if (rv == APR_SUCCESS || rv == APR_EINVAL || APR_STATUS_IS_ENOSPC(rv)
        || !hostmap_disk_has_less(place->folder, FULL_BELOW)) {
        return rv;
    }
    return hostmap_fail(why, ENOSPC, "cannot write %s",
                        place->work_names.main);
}

/* ---- a copy of the present map ----------------------------------------- */

static apr_status_t place_copy_file(int to, const char *to_name,
                                    const char *from_name,
                                    hostmap_reason *why)
{
    int from = open(from_name, O_RDONLY | O_CLOEXEC);
    apr_status_t rv;

    if (from < 0) {
        return place_fail(why, "open", from_name);
    }
    rv = hostmap_copy_bytes(to, from, to_name, why);
    close(from);
    return rv;
}

static apr_status_t place_copy_second(hostmap_place *place,
                                      hostmap_reason *why)
{
    const char *name = place->work_names.second;
    apr_status_t rv;
    int fd;

    fd = open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        return place_fail(why, "make", name);
    }
    rv = place_copy_file(fd, name, place->names.second, why);
    close(fd);
    return rv;
}

apr_status_t hostmap_place_copy(hostmap_place *place, hostmap_reason *why)
{
    apr_status_t rv = APR_SUCCESS;

    if (place->work_names.second) {
        rv = place_copy_second(place, why);
    }
    if (rv == APR_SUCCESS) {
        rv = place_copy_file(place->lock_fd, place->work_names.main,
                             place->names.main, why);
    }
    return rv;
}

/* ---- the end ----------------------------------------------------------- */

static apr_status_t place_copy_rights(hostmap_place *place,
                                      hostmap_reason *why)
{
    apr_status_t rv;

    rv = hostmap_copy_rights(place->work_names.main, place->names.main, why);
    if (rv == APR_SUCCESS && place->work_names.second) {
        rv = hostmap_copy_rights(place->work_names.second,
                                 place->names.second, why);
    }
    return rv;
}

/* Readers find the new map in memory as far as they had the old one there. */
static void place_warm(const hostmap_place *place)
{
    int old = open(place->names.main, O_RDONLY | O_CLOEXEC);

    if (old >= 0) {
        hostmap_copy_warm(place->lock_fd, old);
        close(old);
    }
}

apr_status_t hostmap_place_commit(hostmap_place *place, hostmap_reason *why)
{
    hostmap_folder folder;
    apr_status_t rv;

    rv = place_copy_rights(place, why);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = hostmap_folder_open(&folder, place->path, place->pool, why);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    place_warm(place);
    if (!place_is_ours(place->lock_fd, place->work_names.main)) {
        rv = hostmap_fail(why, HOSTMAP_ESTALE, "%s was removed or replaced "
                          "while it was written: nothing was changed",
                          place->work_names.main);
    }
    else if (place->work_names.second) {
        rv = place_rename_pair(place, why);
    }
    else {
        rv = place_rename(place->work_names.main, place->names.main, why);
    }
    if (rv != APR_SUCCESS) {
        hostmap_folder_close(&folder);
        return rv;
    }
    /* The new map is in place, and the name that was locked is free for the
     * next writer: nothing is reported as failed from here on. */
    why->text[0] = '\0';
    hostmap_folder_sync(&folder, place->lock_fd, why);
    close(place->lock_fd);
    place->lock_fd = -1;
    return APR_SUCCESS;
}

/* The main file is removed last, since writers lock its name; it is emptied
 * first, because an empty one does not count as waiting for its rename. */
static void place_remove(hostmap_place *place)
{
    if (!place_is_ours(place->lock_fd, place->work_names.main)) {
        return;
    }
    if (hostmap_is_half_placed(&place->names, &place->work_names)) {
        /* the second rename failed: the next writer tries it again */
        return;
    }
    if (place->work_names.second && ftruncate(place->lock_fd, 0) == 0) {
        unlink(place->work_names.second);
    }
    unlink(place->work_names.main);
}

void hostmap_place_close(hostmap_place *place)
{
    if (place->lock_fd >= 0) {
        place_remove(place);
        close(place->lock_fd);
        place->lock_fd = -1;
    }
}

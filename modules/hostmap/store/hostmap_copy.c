/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file hostmap_copy.c
 * @brief What a new file inherits from the one that it replaces.
 */

#include "hostmap_copy.h"
#include "hostmap_provider.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <linux/fs.h>

/* Writing to the disk starts after each of so many bytes, so that the fsync at
 * the end finds little to do. */
#define STRIDE ((size_t)8 << 20)

static apr_status_t copy_failed(hostmap_reason *why, const char *what,
                                const char *name)
{
    return hostmap_fail(why, errno, "cannot %s %s", what, name);
}

/* ---- bytes ------------------------------------------------------------- */

static ssize_t copy_write_all(int to, const char *bytes, size_t len, off_t at)
{
    size_t done = 0;

    while (done < len) {
        ssize_t put = pwrite(to, bytes + done, len - done, at + done);

        if (put < 0 && errno != EINTR) {
            return -1;
        }
        done += put > 0 ? put : 0;
    }
    return (ssize_t)len;
}

/* For file systems without copy_file_range(). */
static ssize_t copy_through_memory(int to, int from, off_t at, size_t len)
{
    char bytes[1 << 16];
    ssize_t got;

    do {
        got = pread(from, bytes, len < sizeof(bytes) ? len : sizeof(bytes),
                    at);
    } while (got < 0 && errno == EINTR);
    return got > 0 ? copy_write_all(to, bytes, got, at) : got;
}

static ssize_t copy_some(int to, int from, off_t at, size_t len)
{
    loff_t in = at, out = at;
    ssize_t copied = copy_file_range(from, &in, to, &out, len, 0);

    if (copied < 0 && (errno == EXDEV || errno == ENOSYS || errno == EINVAL
                       || errno == EOPNOTSUPP || errno == EPERM)) {
        return copy_through_memory(to, from, at, len);
    }
    return copied;
}

static int copy_extent(int to, int from, off_t at, off_t end)
{
    while (at < end) {
        off_t left = end - at;
        ssize_t copied = copy_some(to, from, at, left < (off_t)STRIDE
                                   ? (size_t)left : STRIDE);

        if (copied < 0 && errno == EINTR) {
            continue;
        }
        if (copied <= 0) {
            /* the file was cut short during the copy */
            errno = copied == 0 ? EIO : errno;
            return -1;
        }
        sync_file_range(to, at, copied, SYNC_FILE_RANGE_WRITE);
        at += copied;
    }
    return 0;
}

/* An sdbm file has more holes than data. */
static int copy_extents(int to, int from, off_t size)
{
    off_t at = 0, end;

    while (at < size) {
        at = lseek(from, at, SEEK_DATA);
        if (at < 0) {
            return errno == ENXIO ? 0 : -1;
        }
        end = lseek(from, at, SEEK_HOLE);
        if (end < 0 || copy_extent(to, from, at, end) != 0) {
            return -1;
        }
        at = end;
    }
    return 0;
}

apr_status_t hostmap_copy_bytes(int to, int from, const char *name,
                                hostmap_reason *why)
{
    struct stat st;

    if (ioctl(to, FICLONE, from) == 0) {
        return APR_SUCCESS;
    }
    if (fstat(from, &st) != 0 || ftruncate(to, st.st_size) != 0
        || copy_extents(to, from, st.st_size) != 0) {
        return copy_failed(why, "write", name);
    }
    return APR_SUCCESS;
}

/* ---- pages in memory --------------------------------------------------- */

/* How much of both files is looked at at once. */
#define WARM_WINDOW ((size_t)64 << 20)
#define WARM_PAGES  (WARM_WINDOW / 4096)

/* Which pages of a part of a file are in memory: bit 0 of a byte each.  The
 * system says so only of files that one may write, else that all are. */
static int copy_pages_of(unsigned char *pages, int fd, off_t at, size_t len)
{
    void *map = mmap(NULL, len, PROT_READ, MAP_SHARED, fd, at);
    int rc;

    if (map == MAP_FAILED) {
        return -1;
    }
    rc = mincore(map, len, pages);
    munmap(map, len);
    return rc;
}

static void copy_read_part(int fd, off_t at, off_t end)
{
    char bytes[1 << 16];

    while (at < end) {
        size_t left = (size_t)(end - at);
        ssize_t got = pread(fd, bytes, left < sizeof(bytes) ? left
                            : sizeof(bytes), at);

        if (got <= 0 && !(got < 0 && errno == EINTR)) {
            break;
        }
        at += got > 0 ? got : 0;
    }
}

static int copy_warm_window(int to, int from, off_t at, size_t len)
{
    unsigned char has[WARM_PAGES], wanted[WARM_PAGES];
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t count = (len + page - 1) / page, i, run;

    if (copy_pages_of(has, to, at, len) != 0
        || copy_pages_of(wanted, from, at, len) != 0) {
        return -1;
    }
    for (i = 0; i < count; i = run + 1) {
        run = i;
        while (run < count && (wanted[run] & 1) && !(has[run] & 1)) {
            run++;
        }
        if (run > i) {
            copy_read_part(to, at + (off_t)(i * page),
                           at + (off_t)(run * page));
        }
    }
    return 0;
}

void hostmap_copy_warm(int to, int from)
{
    struct stat to_st, from_st;
    off_t at, end;

    if (fstat(to, &to_st) != 0 || fstat(from, &from_st) != 0) {
        return;
    }
    end = to_st.st_size < from_st.st_size ? to_st.st_size : from_st.st_size;
    for (at = 0; at < end; at += (off_t)WARM_WINDOW) {
        size_t len = end - at < (off_t)WARM_WINDOW ? (size_t)(end - at)
                                                   : WARM_WINDOW;

        if (copy_warm_window(to, from, at, len) != 0) {
            return;
        }
    }
}

/* ---- the disk ---------------------------------------------------------- */

int hostmap_disk_has_less(const char *path, apr_uint64_t bytes)
{
    struct statvfs disk;
    apr_uint64_t blocks;

    if (statvfs(path, &disk) != 0 || disk.f_blocks == 0) {
        return 0;
    }
    blocks = geteuid() == 0 ? disk.f_bfree : disk.f_bavail;
    return blocks * disk.f_frsize < bytes;
}

/* ---- rights ------------------------------------------------------------ */

/* Longest extended attribute in Linux. */
#define XATTR_MAX 65536

#define ACL     "system.posix_acl_access"
#define CONTEXT "security.selinux"

static int copy_has_none(int error)
{
    return error == ENODATA || error == EOPNOTSUPP;
}

/* Afterwards both files have the same attribute, or neither has one. */
static int copy_xattr(int fd, const char *like, const char *what)
{
    char *wanted = malloc(2 * XATTR_MAX), *there;
    ssize_t wanted_len, there_len;
    int rc = 0, error;

    if (!wanted) {
        return -1;
    }
    there = wanted + XATTR_MAX;
    there_len = fgetxattr(fd, what, there, XATTR_MAX);
    wanted_len = getxattr(like, what, wanted, XATTR_MAX);
    if (wanted_len < 0) {
        rc = !copy_has_none(errno) ? -1
             : there_len >= 0 ? fremovexattr(fd, what) : 0;
    }
    else if (wanted_len != there_len
             || memcmp(wanted, there, wanted_len) != 0) {
        rc = fsetxattr(fd, what, wanted, wanted_len, 0);
    }
    error = errno;
    free(wanted);
    errno = error;
    return rc;
}

/* Can all users read the new file who could read the old one?  Root always can;
 * the owner and the group of the old file only if they are still those of the
 * new one, or if all users can. */
static int copy_is_still_readable(const struct stat *old, int owner_kept,
                                  int group_kept, int has_acl)
{
    if (!group_kept && has_acl) {
        return 0;
    }
    if (old->st_mode & S_IROTH) {
        return 1;
    }
    return (owner_kept || old->st_uid == 0 || !(old->st_mode & S_IRUSR))
           && (group_kept || !(old->st_mode & S_IRGRP));
}

/* Owner before mode: chown clears the set-id bits.  Only root can give a file
 * to another user; others keep at least the group and the mode. */
static apr_status_t copy_rights_of(int fd, const char *name, const char *like,
                                   const struct stat *old, hostmap_reason *why)
{
    mode_t mode = old->st_mode & 0777;
    int owner_kept, group_kept, has_acl;
    struct stat now;

    owner_kept = fchown(fd, old->st_uid, old->st_gid) == 0;
    group_kept = owner_kept || fchown(fd, (uid_t)-1, old->st_gid) == 0;
    if (fstat(fd, &now) != 0) {
        return copy_failed(why, "open", name);
    }
    has_acl = getxattr(like, ACL, NULL, 0) > 0;
    if (!copy_is_still_readable(old, now.st_uid == old->st_uid, group_kept,
                                has_acl)) {
        return hostmap_fail(why, EPERM, "only its owner or root can "
                            "keep the owner %u and the group %u of %s, and "
                            "without them some who can read it now could not",
                            (unsigned)old->st_uid, (unsigned)old->st_gid,
                            like);
    }
    if (!group_kept) {
        mode = (mode & ~S_IRWXG) | ((mode & S_IRWXO) << 3);
    }
    /* Without the right to relabel files the context is that of new files in
     * the folder, mostly the same.  The ACL last: its mask is the group's part
     * of the mode. */
    if (fchmod(fd, mode) != 0
        || (copy_xattr(fd, like, CONTEXT) != 0
            && errno != EPERM && errno != EACCES)
        || copy_xattr(fd, like, ACL) != 0) {
        return copy_failed(why, "set the rights of", name);
    }
    return APR_SUCCESS;
}

apr_status_t hostmap_copy_rights(const char *name, const char *like,
                                 hostmap_reason *why)
{
    apr_status_t rv = APR_SUCCESS;
    struct stat old;
    int fd;

    fd = open(name, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return copy_failed(why, "open", name);
    }
    if (stat(like, &old) == 0) {
        rv = copy_rights_of(fd, name, like, &old, why);
    }
    else if (fchmod(fd, S_IRUSR | S_IWUSR | S_IRGRP | S_IROTH) != 0) {
        rv = copy_failed(why, "set the mode of", name);
    }
    if (rv == APR_SUCCESS && fsync(fd) != 0) {
        rv = copy_failed(why, "write", name);
    }
    close(fd);
    return rv;
}

/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file hostmap_writer.c
 * @brief Making a map: a new file beside the old one, renamed over it.
 *
 * The new file is always called PATH.hostmap-new, and whoever makes it holds a
 * lock on it: that serialises writers without a lock file, also when there is
 * no map yet, and a writer that died leaves at most that one file.
 */

#include "hostmap_writer.h"
#include "hostmap_copy.h"
#include "hostmap_provider.h"

#include "hostmap/hostmap_key.h"

#include "apr_file_io.h"
#include "apr_hash.h"
#include "apr_strings.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* How long a program that changes the map in place is waited for. */
#define BUSY_WAIT apr_time_from_sec(10)
#define BUSY_POLL apr_time_from_msec(20)

/* So many links of links are followed. */
#define LINKS_MAX 40

/* A disk with less than this was full for who could not write. */
#define FULL_BELOW ((apr_uint64_t)64 << 10)

struct hostmap_writer {
    const hostmap_provider *provider;
    apr_pool_t *pool;
    const char *path;           /* the map, symbolic links resolved */
    const char *folder;
    hostmap_names names;        /* of the map */
    const char *work;           /* PATH.hostmap-new */
    hostmap_names work_names;
    unsigned flags;
    unsigned features;          /* of the keys so far */
    apr_hash_t *gone;           /* host keys that were removed; values: any */
    int lock_fd;                /* the lock's, on work_names.main */
    void *out;                  /* the provider's, NULL when closed */
};

static apr_status_t system_fail(hostmap_reason *why, const char *what,
                                   const char *name)
{
    return hostmap_fail(why, errno, "cannot %s %s", what, name);
}

/* The libraries do not say why they cannot write: not at all, or as an I/O
 * error. */
static apr_status_t fail_if_full(const hostmap_writer *writer,
                                 apr_status_t rv, hostmap_reason *why)
{
    if (rv == APR_SUCCESS || rv == APR_EINVAL || APR_STATUS_IS_ENOSPC(rv)
        || !hostmap_disk_has_less(writer->folder, FULL_BELOW)) {
        return rv;
    }
    return hostmap_fail(why, ENOSPC, "cannot write %s",
                        writer->work_names.main);
}

/* ---- one writer at a time ---------------------------------------------- */

/* A lock of the open file, not of the process (fcntl's other kind would go as
 * soon as LMDB closes its own descriptor), and not flock's (gdbm takes that
 * one itself). */
static int lock_wait(int fd)
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

/* The writer before us has renamed the file that we waited for, or thrown it
 * away: is the one that we hold still the one that is called so? */
static int still_there(int fd, const char *name)
{
    struct stat mine, there;

    return fstat(fd, &mine) == 0 && lstat(name, &there) == 0
           && mine.st_dev == there.st_dev && mine.st_ino == there.st_ino;
}

static apr_status_t rename_over(const char *from, const char *to,
                                hostmap_reason *why)
{
    if (rename(from, to) != 0) {
        return system_fail(why, "replace", to);
    }
    return APR_SUCCESS;
}

/* NULL in *lock when there is no such file. */
static apr_status_t dir_lock(apr_file_t **lock, const char *name,
                             hostmap_writer *writer, hostmap_reason *why)
{
    apr_status_t rv;

    *lock = NULL;
    if (apr_file_open(lock, name, APR_FOPEN_READ | APR_FOPEN_WRITE,
                      APR_OS_DEFAULT, writer->pool) != APR_SUCCESS) {
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

static void dir_unlock(apr_file_t *lock)
{
    if (lock) {
        apr_file_close(lock);
    }
}

/* What a writer did not come to that was killed between its renames. */
static apr_status_t rename_rest(hostmap_writer *writer, hostmap_reason *why)
{
    apr_file_t *lock;
    apr_status_t rv;

    rv = dir_lock(&lock, writer->names.second, writer, why);
    if (rv == APR_SUCCESS) {
        rv = rename_over(writer->work_names.main, writer->names.main, why);
    }
    dir_unlock(lock);
    return rv;
}

static apr_status_t open_failed(hostmap_reason *why, const char *name)
{
    int error = errno;

    if (error == EACCES && access(name, F_OK) == 0) {
        return hostmap_fail(why, error, "%s is another user's, who is at "
                            "work or was killed: cannot open it", name);
    }
    return hostmap_fail(why, error, "cannot make %s", name);
}

static apr_status_t work_lock(hostmap_writer *writer, hostmap_reason *why)
{
    const char *name = writer->work_names.main;
    apr_status_t rv;
    int fd;

    for (;;) {
        fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0) {
            return open_failed(why, name);
        }
        if (lock_wait(fd) != 0) {
            rv = system_fail(why, "lock", name);
            close(fd);
            return rv;
        }
        rv = APR_SUCCESS;
        if (still_there(fd, name)) {
            if (!hostmap_is_half_placed(&writer->names,
                                        &writer->work_names)) {
                break;
            }
            rv = rename_rest(writer, why);
        }
        close(fd);
        if (rv != APR_SUCCESS) {
            return rv;
        }
    }
    writer->lock_fd = fd;
    /* what a writer that died left */
    if (ftruncate(fd, 0) != 0) {
        return system_fail(why, "empty", name);
    }
    if (writer->work_names.second && unlink(writer->work_names.second) != 0
        && errno != ENOENT) {
        return system_fail(why, "remove", writer->work_names.second);
    }
    return APR_SUCCESS;
}

/* ---- names ------------------------------------------------------------- */

/* Of a link that leads nowhere yet: the name that it leads to. */
static const char *behind_link(const char *name, apr_pool_t *pool)
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
static apr_status_t path_resolve(hostmap_writer *writer, const char *path,
                                 hostmap_reason *why)
{
    hostmap_names names;
    const char *suffix = "", *found;
    apr_size_t len, cut;
    char *real, *slash;
    apr_status_t rv;

    rv = hostmap_names_of(&names, writer->provider, path, writer->pool, why);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (strlen(names.main) > strlen(path)) {
        suffix = names.main + strlen(path);
    }
    real = realpath(names.main, NULL);
    if (real) {
        found = apr_pstrdup(writer->pool, real);
        free(real);
    }
    else if (errno == ENOENT) {
        found = behind_link(names.main, writer->pool);
    }
    else {
        return system_fail(why, "open", names.main);
    }
    len = strlen(found);
    cut = strlen(suffix);
    if (len > cut && strcmp(found + len - cut, suffix) == 0) {
        len -= cut;
    }
    writer->path = apr_pstrmemdup(writer->pool, found, len);
    writer->folder = apr_pstrdup(writer->pool, writer->path);
    slash = strrchr(writer->folder, '/');
    if (!slash) {
        writer->folder = ".";
    }
    else {
        slash[slash == writer->folder] = '\0';
    }
    return APR_SUCCESS;
}

static apr_status_t writer_names(hostmap_writer *writer, hostmap_reason *why)
{
    apr_status_t rv;

    writer->work = apr_pstrcat(writer->pool, writer->path, HOSTMAP_NEW, NULL);
    rv = hostmap_names_of(&writer->names, writer->provider, writer->path,
                          writer->pool, why);
    if (rv == APR_SUCCESS) {
        rv = hostmap_names_of(&writer->work_names, writer->provider,
                              writer->work, writer->pool, why);
    }
    return rv;
}

/* ---- the entries of the present map ------------------------------------ */

static apr_status_t add_entry(void *baton, hostmap_str key, hostmap_str value)
{
    hostmap_writer *writer = baton;

    return writer->provider->put(writer->out, key, value, NULL);
}

static apr_status_t add_present(hostmap_writer *writer, hostmap_file *present,
                                hostmap_reason *why)
{
    apr_status_t rv;

    if (!present) {
        return APR_SUCCESS;
    }
    why->text[0] = '\0';
    rv = hostmap_file_features(present, &writer->features, writer->pool, why);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    return hostmap_file_each(present, add_entry, writer, writer->pool, why);
}

/* A program that changes the map in place is waited for. */
static apr_status_t present_open(hostmap_file **present,
                                 hostmap_writer *writer, hostmap_reason *why)
{
    apr_time_t deadline = apr_time_now() + BUSY_WAIT;
    apr_status_t rv;

    *present = NULL;
    while ((rv = hostmap_file_open(present, writer->path,
                                   writer->provider->name, writer->pool, why))
           == HOSTMAP_EBUSY && apr_time_now() < deadline) {
        apr_sleep(BUSY_POLL);
    }
    return rv;
}

/* ---- a copy of the present map ----------------------------------------- */

static apr_status_t copy_file(int to, const char *to_name,
                              const char *from_name, hostmap_reason *why)
{
    int from = open(from_name, O_RDONLY | O_CLOEXEC);
    apr_status_t rv;

    if (from < 0) {
        return system_fail(why, "open", from_name);
    }
    rv = hostmap_copy_bytes(to, from, to_name, why);
    close(from);
    return rv;
}

static apr_status_t copy_second(hostmap_writer *writer, hostmap_reason *why)
{
    const char *name = writer->work_names.second;
    apr_status_t rv;
    int fd;

    fd = open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        return system_fail(why, "make", name);
    }
    rv = copy_file(fd, name, writer->names.second, why);
    close(fd);
    return rv;
}

/* Under the lock of those who change it in place; db has none, but its change
 * shows afterwards. */
static apr_status_t copy_present(hostmap_writer *writer,
                                 const hostmap_file *present,
                                 hostmap_reason *why)
{
    apr_file_t *lock = NULL;
    hostmap_id id;
    apr_status_t rv;

    rv = writer->provider->hold(present, &lock, writer->pool, why);
    if (rv == APR_SUCCESS && writer->work_names.second) {
        rv = copy_second(writer, why);
    }
    if (rv == APR_SUCCESS) {
        rv = copy_file(writer->lock_fd, writer->work_names.main,
                       writer->names.main, why);
    }
    if (rv == APR_SUCCESS) {
        rv = hostmap_id_of(&id, &writer->names, writer->pool, why);
    }
    if (rv == APR_SUCCESS && !hostmap_id_equal(&id, &present->id)) {
        rv = hostmap_fail(why, HOSTMAP_ESTALE, "it was changed by another "
                          "program at the same time, try again");
    }
    if (lock) {
        apr_file_close(lock);
    }
    return rv;
}

/* ---- beginning --------------------------------------------------------- */

static apr_status_t writer_change(hostmap_writer *writer,
                                  const hostmap_spec *spec,
                                  hostmap_reason *why)
{
    hostmap_file *present;
    apr_status_t rv;
    void *out;

    rv = present_open(&present, writer, why);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = hostmap_file_features(present, &writer->features, writer->pool, why);
    if (rv == APR_SUCCESS) {
        rv = copy_present(writer, present, why);
    }
    hostmap_file_close(present);
    if (rv == APR_SUCCESS) {
        rv = writer->provider->change(&out, spec, writer->pool, why);
    }
    if (rv == APR_SUCCESS) {
        writer->out = out;
    }
    return rv;
}

static apr_status_t writer_begin(hostmap_writer *writer, apr_uint64_t bytes,
                                 hostmap_reason *why)
{
    hostmap_spec spec = { writer->provider, writer->work, bytes };
    hostmap_file *present = NULL;
    apr_status_t rv = APR_SUCCESS;
    void *out;

    if (writer->flags & HOSTMAP_WRITER_CHANGE) {
        return writer_change(writer, &spec, why);
    }
    if (writer->flags & HOSTMAP_WRITER_ADD) {
        rv = present_open(&present, writer, why);
        if (APR_STATUS_IS_ENOENT(rv)) {
            rv = APR_SUCCESS;
        }
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (present) {
        spec.bytes += present->id.size;
    }
    rv = writer->provider->create(&out, &spec, writer->pool, why);
    if (rv == APR_SUCCESS) {
        writer->out = out;
        rv = add_present(writer, present, why);
    }
    if (present) {
        hostmap_file_close(present);
    }
    return rv;
}

/* The main file goes last, since its name is what writers lock; empty, it is
 * not taken for one that is to be renamed. */
static void work_remove(hostmap_writer *writer)
{
    if (hostmap_is_half_placed(&writer->names, &writer->work_names)) {
        /* the second rename failed: the next writer may have more luck */
        return;
    }
    if (writer->work_names.second && ftruncate(writer->lock_fd, 0) == 0) {
        unlink(writer->work_names.second);
    }
    unlink(writer->work_names.main);
}

static apr_status_t writer_cleanup(void *data)
{
    hostmap_writer *writer = data;

    if (writer->out) {
        writer->provider->finish(writer->out, 0, NULL);
        writer->out = NULL;
    }
    if (writer->lock_fd >= 0) {
        work_remove(writer);
        close(writer->lock_fd);
        writer->lock_fd = -1;
    }
    return APR_SUCCESS;
}

apr_status_t hostmap_writer_open(hostmap_writer **out, const char *path,
                                 const hostmap_writer_options *options,
                                 apr_pool_t *pool, hostmap_reason *why)
{
    hostmap_writer *writer = apr_pcalloc(pool, sizeof(*writer));
    apr_status_t rv;

    writer->pool = pool;
    writer->flags = options->flags;
    writer->gone = apr_hash_make(pool);
    writer->lock_fd = -1;
    apr_pool_cleanup_register(pool, writer, writer_cleanup,
                              apr_pool_cleanup_null);
    rv = hostmap_provider_of(&writer->provider, path, options->type, pool,
                             why);
    if (rv == APR_SUCCESS) {
        rv = path_resolve(writer, path, why);
    }
    if (rv == APR_SUCCESS) {
        rv = writer_names(writer, why);
    }
    if (rv == APR_SUCCESS) {
        rv = work_lock(writer, why);
    }
    if (rv == APR_SUCCESS) {
        rv = fail_if_full(writer, writer_begin(writer, options->bytes, why),
                          why);
    }
    if (rv != APR_SUCCESS) {
        hostmap_writer_abort(writer);
        return rv;
    }
    *out = writer;
    return APR_SUCCESS;
}

apr_status_t hostmap_writer_put(hostmap_writer *writer, hostmap_str key,
                                hostmap_str value, hostmap_reason *why)
{
    apr_size_t key_max = writer->provider->key_max;
    apr_size_t pair_max = writer->provider->pair_max;
    apr_status_t rv;

    if (key.len == 0 || (key_max && key.len > key_max)) {
        return hostmap_fail(why, APR_EINVAL, "a key of %" APR_SIZE_T_FMT
                            " bytes, type %s takes 1 to %" APR_SIZE_T_FMT,
                            key.len, writer->provider->name, key_max);
    }
    if (pair_max && key.len + value.len > pair_max) {
        return hostmap_fail(why, APR_EINVAL, "key and value of %"
                            APR_SIZE_T_FMT " bytes, type %s takes %"
                            APR_SIZE_T_FMT ": use lmdb",
                            key.len + value.len, writer->provider->name,
                            pair_max);
    }
    if (hostmap_features_is_key(key)) {
        return hostmap_fail(why, APR_EINVAL, "this key is the map's own");
    }
    if (!(writer->flags & HOSTMAP_WRITER_ANY_KEY)) {
        writer->features |= hostmap_key_features(key);
    }
    if (apr_hash_count(writer->gone) > 0) {
        apr_hash_set(writer->gone, key.ptr, key.len, NULL);
    }
    rv = writer->provider->put(writer->out, key, value, why);
    return fail_if_full(writer, rv, why);
}

/* The entry of the features is not one for callers. */
static int can_be_there(const hostmap_writer *writer, hostmap_str key)
{
    apr_size_t key_max = writer->provider->key_max;

    return key.len > 0 && (!key_max || key.len <= key_max)
           && !hostmap_features_is_key(key);
}

apr_status_t hostmap_writer_get(hostmap_writer *writer, hostmap_str *value,
                                hostmap_str key, hostmap_reason *why)
{
    if (!can_be_there(writer, key)) {
        return APR_NOTFOUND;
    }
    return writer->provider->get(writer->out, value, key, why);
}

apr_status_t hostmap_writer_remove(hostmap_writer *writer, hostmap_str key,
                                   hostmap_reason *why)
{
    apr_status_t rv;

    if (!can_be_there(writer, key)) {
        return APR_NOTFOUND;
    }
    rv = writer->provider->remove(writer->out, key, why);
    if (rv == APR_SUCCESS && (writer->features & HOSTMAP_FEATURE_PATH)
        && hostmap_key_host_len(key) == key.len) {
        apr_hash_set(writer->gone, apr_pmemdup(writer->pool, key.ptr, key.len),
                     key.len, writer);
    }
    return rv;
}

/* ---- paths whose host has gone ----------------------------------------- */

typedef struct orphan {
    hostmap_writer *writer;
    /* that begin with these bytes; empty: with any host that has gone */
    hostmap_str begin;
    /* the key that was found */
    hostmap_str key;
} orphan;

/* hostmap_key_fn */
static int orphan_look(void *baton, hostmap_str key)
{
    orphan *o = baton;
    apr_size_t host_len = hostmap_key_host_len(key);
    int found;

    if (o->begin.len) {
        found = key.len >= o->begin.len
                && memcmp(key.ptr, o->begin.ptr, o->begin.len) == 0;
    }
    else {
        found = host_len < key.len
                && apr_hash_get(o->writer->gone, key.ptr, host_len);
    }
    if (found) {
        o->key.ptr = apr_pstrmemdup(o->writer->pool, key.ptr, key.len);
        o->key.len = key.len;
    }
    /* in order, what does not begin so is behind all that does */
    return found || o->begin.len;
}

/* A type without an order is searched once, whatever has gone. */
static apr_status_t orphan_search(orphan *o, hostmap_reason *why)
{
    const hostmap_provider *provider = o->writer->provider;
    apr_hash_index_t *at;
    apr_status_t rv = APR_SUCCESS;

    if (!provider->cursor_open) {
        return provider->each_key(o->writer->out, o->begin, orphan_look, o,
                                  why);
    }
    for (at = apr_hash_first(o->writer->pool, o->writer->gone);
         at && !o->key.ptr && rv == APR_SUCCESS; at = apr_hash_next(at)) {
        const void *host;
        apr_ssize_t len;

        apr_hash_this(at, &host, &len, NULL);
        o->begin.ptr = apr_pstrcat(o->writer->pool,
                                   apr_pstrmemdup(o->writer->pool, host, len),
                                   "/", NULL);
        o->begin.len = len + 1;
        rv = provider->each_key(o->writer->out, o->begin, orphan_look, o, why);
    }
    return rv;
}

apr_status_t hostmap_writer_orphan(hostmap_writer *writer, hostmap_str *key,
                                   hostmap_reason *why)
{
    orphan o = { writer, { NULL, 0 }, { NULL, 0 } };
    apr_status_t rv;

    if (apr_hash_count(writer->gone) == 0) {
        return APR_NOTFOUND;
    }
    rv = orphan_search(&o, why);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    *key = o.key;
    return o.key.ptr ? APR_SUCCESS : APR_NOTFOUND;
}

/* ---- putting it in place ----------------------------------------------- */

/* Two renames cannot be one.  Readers of sdbm hold the lock on the .dir while
 * they read, and ours look whether the .dir that they locked is still the one
 * that is called so: under the exclusive locks on the old one and on the new
 * one they see both old files or both new ones.  The main file goes last: the
 * next writer begins as soon as its name is free. */
static apr_status_t rename_pair(hostmap_writer *writer, hostmap_reason *why)
{
    apr_file_t *old = NULL, *new = NULL;
    apr_status_t rv;

    rv = dir_lock(&old, writer->names.second, writer, why);
    if (rv == APR_SUCCESS) {
        rv = dir_lock(&new, writer->work_names.second, writer, why);
    }
    if (rv == APR_SUCCESS) {
        rv = rename_over(writer->work_names.second, writer->names.second,
                         why);
    }
    if (rv == APR_SUCCESS) {
        rv = rename_over(writer->work_names.main, writer->names.main, why);
    }
    dir_unlock(new);
    dir_unlock(old);
    return rv;
}

static apr_status_t folder_sync(hostmap_writer *writer, hostmap_reason *why)
{
    int fd = open(writer->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    apr_status_t rv = APR_SUCCESS;

    if (fd < 0 || (fsync(fd) != 0 && errno != EINVAL)) {
        rv = system_fail(why, "flush the folder", writer->folder);
    }
    if (fd >= 0) {
        close(fd);
    }
    return rv;
}

static apr_status_t put_features(hostmap_writer *writer, hostmap_reason *why)
{
    if (!writer->features) {
        return APR_SUCCESS;
    }
    return writer->provider->put(writer->out, hostmap_features_key(),
                                 hostmap_features_value(writer->features),
                                 why);
}

static apr_status_t commit(hostmap_writer *writer, hostmap_reason *why)
{
    void *out = writer->out;
    apr_status_t rv;

    rv = put_features(writer, why);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    writer->out = NULL;
    rv = fail_if_full(writer, writer->provider->finish(out, 1, why), why);
    if (rv == APR_SUCCESS) {
        rv = hostmap_copy_rights(writer->work_names.main, writer->names.main,
                                 why);
    }
    if (rv == APR_SUCCESS && writer->work_names.second) {
        rv = hostmap_copy_rights(writer->work_names.second,
                                 writer->names.second, why);
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (writer->work_names.second) {
        rv = rename_pair(writer, why);
    }
    else {
        rv = rename_over(writer->work_names.main, writer->names.main, why);
    }
    return rv == APR_SUCCESS ? folder_sync(writer, why) : rv;
}

apr_status_t hostmap_writer_commit(hostmap_writer *writer,
                                   hostmap_reason *why)
{
    apr_status_t rv = commit(writer, why);

    if (rv == APR_SUCCESS) {
        /* the name that the lock was on is free now */
        apr_pool_cleanup_kill(writer->pool, writer, writer_cleanup);
        close(writer->lock_fd);
        writer->lock_fd = -1;
    }
    else {
        hostmap_writer_abort(writer);
    }
    return rv;
}

void hostmap_writer_abort(hostmap_writer *writer)
{
    apr_pool_cleanup_run(writer->pool, writer, writer_cleanup);
}

/* SPDX-License-Identifier: Apache-2.0 */

/*
 * store.c: which provider a URL asks for, and what providers share.
 */

#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

apr_status_t follow_fail(hostmap_reason *why, apr_status_t rv,
                         const char *format, ...)
{
    va_list args;

    if (why) {
        va_start(args, format);
        vsnprintf(why->text, sizeof(why->text), format, args);
        va_end(args);
    }

    return rv;
}

static apr_status_t store_create(follow_store **store, const follow_url *url,
                                 const follow_access *access,
                                 apr_pool_t *pool, hostmap_reason *why)
{
    if (url->scheme == FOLLOW_POSTGRESQL) {
#ifdef SWITCHBOARD_LIBPQ
        return follow_postgresql.create(store, url, access, pool, why);
#else
        return follow_fail(why, APR_ENOTIMPL, "this hostmap was built without "
                           "libpq, it follows no PostgreSQL: build it where "
                           "libpq's headers are (Debian: libpq-dev)");
#endif
    }
#ifdef SWITCHBOARD_HIREDIS
    return follow_redis.create(store, url, access, pool, why);
#else
    return follow_fail(why, APR_ENOTIMPL, "this hostmap was built without "
                       "hiredis, it follows no Redis: build it where "
                       "hiredis's headers are (Debian: libhiredis-dev)");
#endif
}

static apr_status_t store_cleanup(void *store)
{
    ((follow_store *)store)->provider->close(store);

    return APR_SUCCESS;
}

apr_status_t follow_store_create(follow_store **store, const follow_url *url,
                                 const follow_access *access,
                                 apr_pool_t *pool, hostmap_reason *why)
{
    apr_status_t rv = store_create(store, url, access, pool, why);

    if (rv == APR_SUCCESS) {
        apr_pool_cleanup_register(pool, *store, store_cleanup,
                                  apr_pool_cleanup_null);
    }

    return rv;
}

static apr_status_t password_take(char *password, apr_size_t len,
                                  hostmap_reason *why, const char *from)
{
    struct rlimit none = { 0, 0 };

    while (len && (password[len - 1] == '\n' || password[len - 1] == '\r')) {
        len--;
    }
    password[len] = '\0';
    if (strlen(password) != len || strchr(password, '\n')) {
        return follow_fail(why, APR_EINVAL, "%s is not a password: expected "
                           "one line", from);
    }
    /* what the libraries keep of it reaches no core file */
    setrlimit(RLIMIT_CORE, &none);

    return APR_SUCCESS;
}

apr_status_t follow_password(char *password, apr_size_t room,
                             const follow_access *access,
                             hostmap_reason *why)
{
    const char *file = access->password_file;
    const char *text = getenv(access->password_variable);
    ssize_t len;
    int fd;

    *password = '\0';
    if (!file) {
        if (!text) {
            return APR_SUCCESS;
        }
        if (strlen(text) >= room) {
            return follow_fail(why, APR_EINVAL, "%s is longer than %d bytes",
                               access->password_variable, (int)room - 1);
        }
        memcpy(password, text, strlen(text));
        return password_take(password, strlen(text), why,
                             access->password_variable);
    }
    fd = open(file, O_RDONLY | O_CLOEXEC);
    len = fd < 0 ? -1 : read(fd, password, room);
    if (len < 0) {
        int error = errno;

        if (fd >= 0) {
            close(fd);
        }
        return follow_fail(why, error, "cannot read the password of %s: %s",
                           file, strerror(error));
    }
    close(fd);
    if ((apr_size_t)len >= room) {
        return follow_fail(why, APR_EINVAL, "%s is longer than %d bytes",
                           file, (int)room - 1);
    }

    return password_take(password, (apr_size_t)len, why, file);
}

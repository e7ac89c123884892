/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file hostmap_names.c
 * @brief The files of a map: their names, their identity, and whether they
 *        belong together.
 */

#include "hostmap_provider.h"

#include "apr_dbm.h"
#include "apr_strings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

apr_status_t hostmap_names_of(hostmap_names *names,
                              const hostmap_provider *provider,
                              const char *path, apr_pool_t *pool,
                              hostmap_reason *why)
{
    const char *first = path, *second = NULL;
    apr_status_t rv;

    if (provider->format != HOSTMAP_LMDB) {
        rv = apr_dbm_get_usednames_ex(pool, provider->name, path,
                                      &first, &second);
        if (rv != APR_SUCCESS) {
            return hostmap_fail(why, HOSTMAP_ENODRIVER, "this system's "
                                "APR-util has no driver for type %s "
                                "(it may be in another package)",
                                provider->name);
        }
    }
    /* APR names the .dir first, but the .pag holds the entries. */
    names->main = second ? second : first;
    names->second = second ? first : NULL;
    return APR_SUCCESS;
}

apr_status_t hostmap_stat_regular(apr_finfo_t *info, const char *name,
                                  apr_pool_t *pool, hostmap_reason *why)
{
    apr_status_t rv;

    rv = apr_stat(info, name, APR_FINFO_TYPE | APR_FINFO_IDENT
                  | APR_FINFO_MTIME | APR_FINFO_SIZE, pool);
    if (rv != APR_SUCCESS && rv != APR_INCOMPLETE) {
        return hostmap_fail(why, rv, "cannot open %s", name);
    }
    if (info->filetype != APR_REG) {
        return hostmap_fail(why, HOSTMAP_EFORMAT,
                            "%s is not a regular file", name);
    }
    return APR_SUCCESS;
}

apr_status_t hostmap_id_of(hostmap_id *id, const hostmap_names *names,
                           apr_pool_t *pool, hostmap_reason *why)
{
    apr_finfo_t info;
    apr_status_t rv;

    rv = hostmap_stat_regular(&info, names->main, pool, why);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    id->device = info.device;
    id->inode = info.inode;
    id->inode2 = 0;
    id->mtime = info.mtime;
    id->size = info.size;
    if (names->second) {
        rv = hostmap_stat_regular(&info, names->second, pool, why);
        if (rv != APR_SUCCESS) {
            return rv;
        }
        id->inode2 = info.inode;
        id->size += info.size;
        if (info.mtime > id->mtime) {
            id->mtime = info.mtime;
        }
    }
    return APR_SUCCESS;
}

int hostmap_id_equal(const hostmap_id *a, const hostmap_id *b)
{
    return a->device == b->device && a->inode == b->inode
           && a->inode2 == b->inode2 && a->mtime == b->mtime
           && a->size == b->size;
}

int hostmap_is_half_placed(const hostmap_names *names,
                           const hostmap_names *made)
{
    struct stat pag, dir, in_place;

    /* A writer sets the rights of the .dir after those of the .pag: files that
     * others left, or of which they removed one, have other times. */
    return names->second && lstat(made->main, &pag) == 0
           && S_ISREG(pag.st_mode) && pag.st_size > 0
           && lstat(made->second, &dir) != 0 && errno == ENOENT
           && stat(names->second, &in_place) == 0
           && (in_place.st_ctim.tv_sec > pag.st_ctim.tv_sec
               || (in_place.st_ctim.tv_sec == pag.st_ctim.tv_sec
                   && in_place.st_ctim.tv_nsec >= pag.st_ctim.tv_nsec));
}

int hostmap_is_half_seen(const hostmap_names *names, apr_pool_t *pool)
{
    char *real = realpath(names->main, NULL);
    hostmap_names made;
    char *end = real ? strrchr(real, '.') : NULL;

    if (!end) {
        free(real);
        return 0;
    }
    *end = '\0';
    made.main = apr_pstrcat(pool, real, HOSTMAP_NEW ".pag", NULL);
    made.second = apr_pstrcat(pool, real, HOSTMAP_NEW ".dir", NULL);
    free(real);
    return hostmap_is_half_placed(names, &made);
}

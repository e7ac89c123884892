/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file hostmap_type.c
 * @brief The list of the types of maps, and which one a path has.
 */

#include "hostmap_provider.h"

#include "apr_cstr.h"
#include "apr_dbm.h"
#include "apr_file_io.h"
#include "apr_strings.h"

#include <stdlib.h>
#include <string.h>

/* In the order of hostmap_format. */
const hostmap_provider *const hostmap_providers[] = {
    &hostmap_provider_lmdb,
    &hostmap_provider_sdbm,
    &hostmap_provider_gdbm,
    &hostmap_provider_ndbm,
    &hostmap_provider_db,
    NULL
};

const char *const hostmap_type_names[] = {
    "lmdb", "sdbm", "gdbm", "ndbm", "db", NULL
};

static const hostmap_provider *type_find(const char *name)
{
    int i;

    for (i = 0; hostmap_providers[i]; i++) {
        if (apr_cstr_casecmp(hostmap_providers[i]->name, name) == 0) {
            return hostmap_providers[i];
        }
    }
    return NULL;
}

apr_size_t hostmap_type_pair_max(const char *type)
{
    const hostmap_provider *provider = type_find(type);

    return provider ? provider->pair_max : 0;
}

static int type_has_sdbm_files(const char *path, apr_pool_t *pool)
{
    apr_finfo_t info;

    return apr_stat(&info, apr_pstrcat(pool, path, ".pag", NULL),
                    APR_FINFO_TYPE, pool) == APR_SUCCESS
           || apr_stat(&info, apr_pstrcat(pool, path, ".dir", NULL),
                       APR_FINFO_TYPE, pool) == APR_SUCCESS;
}

/* Detects the type of the file. */
static apr_status_t type_seen(const hostmap_provider **provider,
                              const char *path, apr_pool_t *pool,
                              hostmap_reason *why)
{
    hostmap_format format;
    apr_finfo_t info;
    apr_status_t rv;

    rv = hostmap_stat_regular(&info, path, pool, why);
    if (APR_STATUS_IS_ENOENT(rv) && type_has_sdbm_files(path, pool)) {
        format = HOSTMAP_SDBM;
        rv = APR_SUCCESS;
    }
    else if (rv == APR_SUCCESS) {
        rv = hostmap_magic_read(&format, path, pool, why);
    }
    if (rv == APR_SUCCESS) {
        *provider = hostmap_providers[format];
    }
    return rv;
}

apr_status_t hostmap_provider_of(const hostmap_provider **provider,
                                 const char *path, const char *wanted,
                                 apr_pool_t *pool, hostmap_reason *why)
{
    if (!wanted || apr_cstr_casecmp(wanted, "default") == 0) {
        return type_seen(provider, path, pool, why);
    }
    *provider = type_find(wanted);
    if (!*provider) {
        return hostmap_fail(why, HOSTMAP_ETYPE, "no map type `%.64s`: "
                            "expected lmdb, sdbm, gdbm, ndbm, db or "
                            "default", wanted);
    }
    return APR_SUCCESS;
}

apr_status_t hostmap_type_of(const char **type, const char *path,
                             const char *wanted, apr_pool_t *pool,
                             hostmap_reason *why)
{
    const hostmap_provider *provider;
    hostmap_names names;
    apr_status_t rv;

    rv = hostmap_provider_of(&provider, path, wanted, pool, why);
    if (rv == APR_SUCCESS) {
        rv = hostmap_names_of(&names, provider, path, pool, why);
    }
    if (rv == APR_SUCCESS) {
        *type = provider->name;
    }
    return rv;
}

static apr_status_t type_default_in(const hostmap_provider **provider,
                                    const char *folder, apr_pool_t *pool,
                                    hostmap_reason *why)
{
    const char *path = apr_pstrcat(pool, folder, "/map", NULL);
    const char *first, *second = NULL;
    apr_dbm_t *dbm;
    apr_status_t rv;

    rv = apr_dbm_open_ex(&dbm, "default", path, APR_DBM_RWCREATE,
                         APR_FPROT_UREAD | APR_FPROT_UWRITE, pool);
    if (rv != APR_SUCCESS) {
        return hostmap_fail(why, rv,
                            "cannot create a map of APR's default type");
    }
    apr_dbm_close(dbm);
    rv = type_seen(provider, path, pool, why);
    if (apr_dbm_get_usednames_ex(pool, "default", path, &first, &second)
        == APR_SUCCESS) {
        apr_file_remove(first, pool);
        if (second) {
            apr_file_remove(second, pool);
        }
    }
    return rv;
}

apr_status_t hostmap_type_default(const char **type, apr_pool_t *pool,
                                  hostmap_reason *why)
{
    const hostmap_provider *provider;
    const char *tmp;
    char *folder;
    apr_status_t rv;

    rv = apr_temp_dir_get(&tmp, pool);
    if (rv != APR_SUCCESS) {
        return hostmap_fail(why, rv,
                            "cannot find the folder for temporary files");
    }
    folder = apr_pstrcat(pool, tmp, "/hostmap-XXXXXX", NULL);
    if (!mkdtemp(folder)) {
        return hostmap_fail(why, apr_get_os_error(),
                            "cannot create a folder in %s", tmp);
    }
    rv = type_default_in(&provider, folder, pool, why);
    apr_dir_remove(folder, pool);
    if (rv == APR_SUCCESS) {
        *type = provider->name;
    }
    return rv;
}

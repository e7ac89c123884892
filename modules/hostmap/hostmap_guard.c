/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file hostmap_guard.c
 * @brief Who can change a map that should not.
 */

#include "hostmap_guard.h"
#include "hostmap_provider.h"

#include "apr_strings.h"

#include <string.h>

static const char *writer_of(const apr_finfo_t *info, apr_uid_t user,
                             apr_gid_t group)
{
    if (info->protection & APR_FPROT_WWRITE) {
        return "everybody";
    }
    if (user && info->user == user && (info->protection & APR_FPROT_UWRITE)) {
        return "the user that httpd serves as";
    }
    if (group && info->group == group
        && (info->protection & APR_FPROT_GWRITE)) {
        return "the group that httpd serves as";
    }
    return NULL;
}

static int name_exposed(const char *name, const char *what, apr_uid_t user,
                        apr_gid_t group, apr_pool_t *pool,
                        hostmap_reason *why)
{
    const char *whom;
    apr_finfo_t info;

    if (apr_stat(&info, name, APR_FINFO_PROT | APR_FINFO_OWNER
                 | APR_FINFO_TYPE, pool) != APR_SUCCESS) {
        return 0;
    }
    /* /tmp and the like: nobody can replace the files of others there */
    if (info.filetype == APR_DIR && (info.protection & APR_FPROT_WSTICKY)) {
        return 0;
    }
    whom = writer_of(&info, user, group);
    if (!whom) {
        return 0;
    }
    hostmap_because(why, HOSTMAP_EFORMAT, "%s %s can be written by %s", what,
                    name, whom);
    return 1;
}

static const char *folder_of(const char *path, apr_pool_t *pool)
{
    const char *slash = strrchr(path, '/');

    if (!slash) {
        return ".";
    }
    return apr_pstrmemdup(pool, path, slash == path ? 1 : slash - path);
}

int hostmap_exposed(const char *path, apr_uid_t user, apr_gid_t group,
                    apr_pool_t *pool, hostmap_reason *why)
{
    const hostmap_provider *provider;
    hostmap_names names;

    if (hostmap_provider_of(&provider, path, NULL, pool, NULL) != APR_SUCCESS
        || hostmap_names_of(&names, provider, path, pool, NULL)
           != APR_SUCCESS) {
        names.main = path;
        names.second = NULL;
    }
    return name_exposed(names.main, "the file", user, group, pool, why)
           || (names.second
               && name_exposed(names.second, "the file", user, group, pool,
                               why))
           || name_exposed(folder_of(path, pool), "the folder", user, group,
                           pool, why);
}

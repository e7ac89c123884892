/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file hostmap_guard.c
 * @brief Who can change a map that should not.
 */

#include "hostmap_guard.h"
#include "hostmap_provider.h"

#include "apr_strings.h"

#include <stdlib.h>
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

typedef struct guard {
    apr_uid_t user;
    apr_gid_t group;
    hostmap_exposed_fn *fn;
    void *baton;
    apr_pool_t *pool;
} guard;

static void look_at(const guard *g, const char *what, const char *name)
{
    const char *whom;
    apr_finfo_t info;

    if (apr_stat(&info, name, APR_FINFO_PROT | APR_FINFO_OWNER
                 | APR_FINFO_TYPE, g->pool) != APR_SUCCESS) {
        return;
    }
    /* /tmp and the like: nobody can replace the files of others there */
    if (info.filetype == APR_DIR && (info.protection & APR_FPROT_WSTICKY)) {
        return;
    }
    whom = writer_of(&info, g->user, g->group);
    if (whom) {
        g->fn(g->baton, apr_pstrcat(g->pool, what, " ", name,
                                    " can be written by ", whom, NULL));
    }
}

static const char *folder_of(const char *path, apr_pool_t *pool)
{
    const char *slash = strrchr(path, '/');

    if (!slash) {
        return ".";
    }
    return apr_pstrmemdup(pool, path, slash == path ? 1 : slash - path);
}

static void look_at_folders(const guard *g, const char *name)
{
    const char *folder = folder_of(name, g->pool), *other;
    char *real_folder = realpath(folder, NULL);
    char *target = realpath(name, NULL);

    look_at(g, "the folder", folder);
    if (real_folder && target) {
        other = folder_of(target, g->pool);
        if (strcmp(real_folder, other) != 0) {
            look_at(g, "the folder", other);
        }
    }
    free(real_folder);
    free(target);
}

void hostmap_exposed(const char *path, apr_uid_t user, apr_gid_t group,
                     hostmap_exposed_fn *fn, void *baton, apr_pool_t *pool)
{
    guard g = { user, group, fn, baton, pool };
    const hostmap_provider *provider;
    hostmap_names names = { path, NULL };

    if (hostmap_provider_of(&provider, path, NULL, pool, NULL)
        == APR_SUCCESS) {
        hostmap_names_of(&names, provider, path, pool, NULL);
    }
    look_at(&g, "the file", names.main);
    if (names.second) {
        look_at(&g, "the file", names.second);
    }
    look_at_folders(&g, names.main);
}

/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file hostmap_guard.c
 * @brief Finds which users can write to a map but should not be able to.
 */

#include "hostmap_guard.h"
#include "hostmap_place.h"
#include "hostmap_provider.h"

#include "apr_strings.h"

#include <stdlib.h>
#include <string.h>

static const char *guard_writer_of(const apr_finfo_t *info,
                                   const hostmap_guard *guard)
{
    if (info->protection & APR_FPROT_WWRITE) {
        return "everybody";
    }
    if (guard->user && info->user == guard->user
        && (info->protection & APR_FPROT_UWRITE)) {
        return "the user that httpd runs as";
    }
    if (guard->group && info->group == guard->group
        && (info->protection & APR_FPROT_GWRITE)) {
        return "the group that httpd runs as";
    }
    return NULL;
}

static void guard_look_at(const hostmap_guard *guard, const char *what,
                          const char *name, apr_pool_t *pool)
{
    const char *writer;
    apr_finfo_t info;

    if (apr_stat(&info, name, APR_FINFO_PROT | APR_FINFO_OWNER
                 | APR_FINFO_TYPE, pool) != APR_SUCCESS) {
        return;
    }
    /* like /tmp: users cannot replace the files of others there */
    if (info.filetype == APR_DIR && (info.protection & APR_FPROT_WSTICKY)) {
        return;
    }
    writer = guard_writer_of(&info, guard);
    if (writer) {
        guard->report(guard->baton,
                      apr_pstrcat(pool, what, " ", name,
                                  " can be written by ", writer, NULL));
    }
}

static void guard_look_at_folders(const hostmap_guard *guard, const char *name,
                                  apr_pool_t *pool)
{
    const char *folder = hostmap_folder_of(name, pool), *other;
    char *real_folder = realpath(folder, NULL);
    char *target = realpath(name, NULL);

    guard_look_at(guard, "the folder", folder, pool);
    if (real_folder && target) {
        other = hostmap_folder_of(target, pool);
        if (strcmp(real_folder, other) != 0) {
            guard_look_at(guard, "the folder", other, pool);
        }
    }
    free(real_folder);
    free(target);
}

void hostmap_exposed(const char *path, const hostmap_guard *guard,
                     apr_pool_t *pool)
{
    const hostmap_provider *provider;
    hostmap_names names = { path, NULL };

    if (hostmap_provider_of(&provider, path, NULL, pool, NULL)
        == APR_SUCCESS) {
        hostmap_names_of(&names, provider, path, pool, NULL);
    }
    guard_look_at(guard, "the file", names.main, pool);
    if (names.second) {
        guard_look_at(guard, "the file", names.second, pool);
    }
    guard_look_at_folders(guard, names.main, pool);
}

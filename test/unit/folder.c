/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A folder of the test's own, with maps in it.
 */

#include "folder.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "apr_strings.h"

#include "hostmap/store/hostmap_writer.h"
#include "suites.h"

apr_pool_t *folder_pool;
const char *folder_path;

static void folder_setup_in(const char *parent)
{
    char *path;

    ck_assert_int_eq(apr_pool_create(&folder_pool, NULL), APR_SUCCESS);
    path = apr_pstrcat(folder_pool, parent, "/hostmap-unit-XXXXXX", NULL);
    ck_assert_ptr_nonnull(mkdtemp(path));
    folder_path = path;
}

void folder_setup(void)
{
    const char *tmp = getenv("TMPDIR");

    folder_setup_in(tmp ? tmp : "/tmp");
}

void folder_setup_in_memory(void)
{
    if (access("/dev/shm", W_OK | X_OK) != 0) {
        folder_setup();
        return;
    }
    folder_setup_in("/dev/shm");
}

void folder_teardown(void)
{
    DIR *dir = opendir(folder_path);
    struct dirent *entry;

    ck_assert_ptr_nonnull(dir);
    while ((entry = readdir(dir)) != NULL) {
        const char *name = folder_file(entry->d_name);

        if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..")
            && unlink(name) != 0) {
            ck_assert_int_eq(rmdir(name), 0);
        }
    }
    closedir(dir);
    ck_assert_int_eq(rmdir(folder_path), 0);
    apr_pool_destroy(folder_pool);
}

const char *folder_file(const char *name)
{
    return apr_pstrcat(folder_pool, folder_path, "/", name, NULL);
}

void map_with(const char *name, const char *type,
              const hostmap_pair *entries, int count)
{
    hostmap_writer_options options = { type, count * 64, 0 };
    hostmap_writer *writer;
    hostmap_reason why = { "" };
    apr_pool_t *pool;
    int i;

    ck_assert_int_eq(apr_pool_create(&pool, folder_pool), APR_SUCCESS);
    ck_assert_msg(hostmap_writer_open(&writer, folder_file(name), &options,
                                      pool, &why) == APR_SUCCESS,
                  "%s: %s", type, why.text);
    for (i = 0; i < count; i++) {
        ck_assert_msg(hostmap_writer_put(writer, entries[i].key,
                                         entries[i].value, &why)
                      == APR_SUCCESS, "%s: %s", type, why.text);
    }
    ck_assert_msg(hostmap_writer_commit(writer, &why) == APR_SUCCESS,
                  "%s: %s", type, why.text);
    apr_pool_destroy(pool);
}

void folder_map(const char *name, const char *type, int count,
                const char *value)
{
    hostmap_pair *entries;
    apr_pool_t *pool;
    int i;

    ck_assert_int_eq(apr_pool_create(&pool, folder_pool), APR_SUCCESS);
    entries = apr_palloc(pool, (count + 1) * sizeof(*entries));
    for (i = 0; i < count; i++) {
        entries[i].key = hostmap_str_text(
            apr_psprintf(pool, "h%d.example.com", i));
        entries[i].value = hostmap_str_text(
            apr_psprintf(pool, "http://%s/%d", value, i));
    }
    map_with(name, type, entries, count);
    apr_pool_destroy(pool);
}

void folder_write(const char *name, const void *bytes, size_t len)
{
    const char *path = folder_file(name), *work = folder_file("writing");
    FILE *file = fopen(work, "wb");

    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(bytes, 1, len, file), len);
    ck_assert_int_eq(fclose(file), 0);
    ck_assert_int_eq(rename(work, path), 0);
}

int folder_lacks(const char *type)
{
    hostmap_reason why;
    const char *name;

    if (hostmap_type_of(&name, folder_file("x"), type, folder_pool, &why)
        != HOSTMAP_ENODRIVER) {
        return 0;
    }
    printf("not tested: %s\n", why.text);
    return 1;
}

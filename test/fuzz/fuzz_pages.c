/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Input: a whole LMDB file.  What hostmap_pages_check() accepts, LMDB reads
 * from one end to the other, looks up, changes and empties without a fault.
 */

#include <fcntl.h>
#include <lmdb.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hostmap/store/hostmap_pages.h"

#define OPEN_FLAGS (MDB_NOSUBDIR | MDB_NOLOCK | MDB_NOTLS | MDB_NOSYNC)

static void require(int holds)
{
    if (!holds) {
        abort();
    }
}

/** Each entry is found again under its key. */
static size_t read_all(MDB_txn *txn, MDB_dbi dbi)
{
    MDB_cursor *cursor;
    MDB_val key, value, found;
    volatile unsigned char sum = 0;
    size_t count = 0, i;

    require(mdb_cursor_open(txn, dbi, &cursor) == 0);
    while (mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == 0) {
        for (i = 0; i < value.mv_size; i++) {
            sum += ((unsigned char *)value.mv_data)[i];
        }
        require(mdb_get(txn, dbi, &key, &found) == 0
                && found.mv_data == value.mv_data);
        count++;
    }
    mdb_cursor_close(cursor);
    return count;
}

/** What a writer does with a copy: stores, then takes all out. */
static void change_all(MDB_env *env, MDB_dbi dbi)
{
    MDB_val key, value;
    MDB_cursor *cursor;
    MDB_txn *txn;
    char name[16];
    int i;

    require(mdb_txn_begin(env, NULL, 0, &txn) == 0);
    for (i = 0; i < 200; i++) {
        key.mv_size = (size_t)snprintf(name, sizeof(name), "%d", i * 7919);
        key.mv_data = name;
        value.mv_size = (size_t)i * 20;
        value.mv_data = calloc(1, value.mv_size + 1);
        require(mdb_put(txn, dbi, &key, &value, 0) == 0);
        free(value.mv_data);
    }
    require(mdb_cursor_open(txn, dbi, &cursor) == 0);
    while (mdb_cursor_get(cursor, &key, &value, MDB_FIRST) == 0) {
        require(mdb_cursor_del(cursor, 0) == 0);
    }
    mdb_cursor_close(cursor);
    require(mdb_txn_commit(txn) == 0);
}

static void use(const char *path)
{
    MDB_env *env;
    MDB_txn *txn;
    MDB_stat st;
    MDB_dbi dbi;

    require(mdb_env_create(&env) == 0);
    require(mdb_env_set_mapsize(env, 16 << 20) == 0);
    if (mdb_env_open(env, path, OPEN_FLAGS, 0600) != 0) {
        /* what LMDB itself refuses needs no proof */
        mdb_env_close(env);
        return;
    }
    require(mdb_txn_begin(env, NULL, MDB_RDONLY, &txn) == 0);
    require(mdb_dbi_open(txn, NULL, 0, &dbi) == 0);
    require(mdb_stat(txn, dbi, &st) == 0);
    require(read_all(txn, dbi) == st.ms_entries);
    mdb_txn_abort(txn);
    change_all(env, dbi);
    mdb_env_close(env);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    hostmap_pages_fault fault = { NULL, 0 };
    void *bytes = NULL, *scratch = malloc(hostmap_pages_scratch(size));
    char path[] = "/tmp/fuzz_pages.XXXXXX";
    apr_status_t rv;
    int fd;

    /* aligned, and flush against what cannot be read with sanitizers */
    require(posix_memalign(&bytes, 8, size + 1) == 0 && scratch != NULL);
    memcpy(bytes, data, size);
    rv = hostmap_pages_check(&fault, bytes, size, scratch);
    free(bytes);
    free(scratch);
    if (rv != APR_SUCCESS) {
        require(fault.reason != NULL);
        return 0;
    }
    fd = mkstemp(path);
    require(fd != -1 && write(fd, data, size) == (ssize_t)size);
    close(fd);
    use(path);
    unlink(path);
    return 0;
}

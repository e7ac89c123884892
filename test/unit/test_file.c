/* SPDX-License-Identifier: Apache-2.0 */

/*
 * One map file of each type: what was written is read, and what is broken is
 * seen and said.
 */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "apr_strings.h"

#include "folder.h"
#include "hostmap/hostmap_key.h"
#include "hostmap/store/hostmap_copy.h"
#include "hostmap/store/hostmap_guard.h"
#include "hostmap/store/hostmap_writer.h"
#include "suites.h"

static const char *const types[] = { "lmdb", "sdbm", "gdbm", "db" };
#define TYPES 4

static hostmap_reason why;

static hostmap_file *open_map(const char *name, const char *type)
{
    hostmap_file *file;

    ck_assert_msg(hostmap_file_open(&file, folder_file(name), type,
                                    folder_pool, &why) == APR_SUCCESS,
                  "%s", why.text);
    return file;
}

static hostmap_writer *open_writer(const char *type, unsigned flags)
{
    hostmap_writer_options options = { type, 10000, flags };
    hostmap_writer *writer;

    ck_assert_msg(hostmap_writer_open(&writer, folder_file("map"), &options,
                                      folder_pool, &why) == APR_SUCCESS,
                  "%s", why.text);
    return writer;
}

static void commit(hostmap_writer *writer)
{
    ck_assert_msg(hostmap_writer_commit(writer, &why) == APR_SUCCESS, "%s",
                  why.text);
}

static apr_status_t fetch(hostmap_file *file, hostmap_str *value,
                          const char *key)
{
    return hostmap_file_fetch(file, value, hostmap_str_text(key), folder_pool,
                              &why);
}

static apr_status_t put(hostmap_writer *writer, const char *key,
                        const char *value)
{
    return hostmap_writer_put(writer, hostmap_str_text(key),
                              hostmap_str_text(value), &why);
}

static apr_status_t take_out(hostmap_writer *writer, const char *key)
{
    return hostmap_writer_remove(writer, hostmap_str_text(key), &why);
}

static void assert_refused(const char *name, const char *type,
                           const char *reason)
{
    hostmap_file *file;
    apr_status_t rv;

    why.text[0] = '\0';
    rv = hostmap_file_open(&file, folder_file(name), type, folder_pool, &why);
    ck_assert_int_ne(rv, APR_SUCCESS);
    ck_assert_msg(strstr(why.text, reason) != NULL, "said: %s", why.text);
}

static apr_status_t count(void *baton, hostmap_str key, hostmap_str value)
{
    ck_assert_uint_gt(key.len, strlen(".example.com"));
    ck_assert_mem_eq(key.ptr + key.len - 12, ".example.com", 12);
    ck_assert_uint_gt(value.len, 7);
    ck_assert_mem_eq(value.ptr, "http://", 7);
    ++*(int *)baton;
    return APR_SUCCESS;
}

START_TEST(what_was_written_is_read)
{
    const char *type = types[_i];
    hostmap_str value;
    hostmap_file *file;
    hostmap_stat st;
    int i, seen = 0;

    if (folder_lacks(type)) {
        return;
    }
    folder_map("map", type, 5000, "a");
    file = open_map("map", "default");
    hostmap_file_stat(file, &st);
    ck_assert_str_eq(st.type, type);
    for (i = 0; i < 5000; i++) {
        char key[64], expected[64];

        snprintf(key, sizeof(key), "h%d.example.com", i);
        snprintf(expected, sizeof(expected), "http://a/%d", i);
        ck_assert_int_eq(fetch(file, &value, key),
                         APR_SUCCESS);
        ck_assert_str_eq(value.ptr, expected);
        ck_assert_uint_eq(value.len, strlen(expected));
    }
    ck_assert_int_eq(fetch(file, &value, "none"), APR_NOTFOUND);
    ck_assert_int_eq(fetch(file, &value, ""), APR_NOTFOUND);
    ck_assert_int_eq(hostmap_file_each(file, count, &seen, folder_pool, &why),
                     APR_SUCCESS);
    ck_assert_int_eq(seen, 5000);
    hostmap_file_close(file);
}
END_TEST

/* A key of the map of odd keys: what is behind the prefix are the digits of
 * the number, written with bytes that a comparison could take for negative
 * ones, or for the end. */
static hostmap_str odd_key(char *key, unsigned prefix, unsigned number)
{
    static const char bytes[] = "\x01-az\x7f\x80\xfe\xff";
    apr_size_t len = prefix;

    memset(key, 'w', prefix);
    for (; number > 0; number /= 8) {
        key[len++] = bytes[number % 8];
    }
    return hostmap_str_of(key, len);
}

/* The readers compare keys themselves, the writer leaves it to LMDB: every key
 * is where the other looks for it. */
START_TEST(odd_keys_of_every_length_are_found)
{
    hostmap_writer *writer = open_writer("lmdb", 0);
    hostmap_file *file;
    char bytes[64];
    hostmap_str key, value;
    unsigned prefix, number;

    for (prefix = 1; prefix < 20; prefix++) {
        for (number = 1; number < 700; number += 2) {
            key = odd_key(bytes, prefix, number);
            ck_assert_int_eq(hostmap_writer_put(writer, key, key, &why),
                             APR_SUCCESS);
        }
    }
    commit(writer);
    file = open_map("map", "lmdb");
    for (prefix = 1; prefix < 20; prefix++) {
        for (number = 1; number < 700; number++) {
            apr_status_t rv;

            key = odd_key(bytes, prefix, number);
            rv = hostmap_file_fetch(file, &value, key, folder_pool, &why);
            if (number % 2 == 0) {
                ck_assert_int_eq(rv, APR_NOTFOUND);
                continue;
            }
            ck_assert_int_eq(rv, APR_SUCCESS);
            ck_assert_uint_eq(value.len, key.len);
            ck_assert_mem_eq(value.ptr, key.ptr, key.len);
        }
    }
    hostmap_file_close(file);
}
END_TEST

START_TEST(an_empty_map_is_a_map)
{
    const char *type = types[_i];
    hostmap_str value;
    hostmap_file *file;
    int seen = 0;

    if (folder_lacks(type)) {
        return;
    }
    folder_map("map", type, 0, "a");
    file = open_map("map", NULL);
    ck_assert_int_eq(fetch(file, &value, "www"), APR_NOTFOUND);
    ck_assert_int_eq(hostmap_file_each(file, count, &seen, folder_pool, &why),
                     APR_SUCCESS);
    ck_assert_int_eq(seen, 0);
    hostmap_file_close(file);
}
END_TEST

START_TEST(longest_key_and_value)
{
    const char *type = types[_i];
    char bytes[HOSTMAP_KEY_MAX + 1], filler[4096 + 1];
    apr_size_t max = hostmap_type_pair_max(type);
    hostmap_str key = { bytes, HOSTMAP_KEY_MAX };
    hostmap_str value = { filler, max ? max - key.len : 4096 };
    hostmap_str longer = { bytes, HOSTMAP_KEY_MAX + 1 };
    hostmap_str too_much = { filler, value.len + 1 }, found;
    hostmap_writer *writer;
    hostmap_file *file;

    if (folder_lacks(type)) {
        return;
    }
    memset(bytes, 'k', sizeof(bytes));
    memset(filler, 'v', sizeof(filler));
    writer = open_writer(type, 0);
    ck_assert_int_eq(hostmap_writer_put(writer, key, value, &why),
                     APR_SUCCESS);
    if (max) {
        ck_assert_int_eq(hostmap_writer_put(writer, key, too_much, &why),
                         APR_EINVAL);
    }
    ck_assert_int_eq(put(writer, "", "v"), APR_EINVAL);
    if (strcmp(type, "lmdb") == 0) {
        ck_assert_int_eq(hostmap_writer_put(writer, longer, value, &why),
                         APR_EINVAL);
    }
    commit(writer);
    file = open_map("map", type);
    ck_assert_int_eq(hostmap_file_fetch(file, &found, key, folder_pool, &why),
                     APR_SUCCESS);
    ck_assert_uint_eq(found.len, value.len);
    ck_assert_int_eq(hostmap_file_fetch(file, &found, longer, folder_pool,
                                        &why), APR_NOTFOUND);
    hostmap_file_close(file);
}
END_TEST

static void read_whole(const char *name, char **bytes, size_t *len)
{
    FILE *file = fopen(folder_file(name), "rb");
    struct stat st;

    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fstat(fileno(file), &st), 0);
    *len = st.st_size;
    *bytes = malloc(*len);
    ck_assert_ptr_nonnull(*bytes);
    ck_assert_uint_eq(fread(*bytes, 1, *len, file), *len);
    fclose(file);
}

START_TEST(a_cut_file_is_refused)
{
    const char *type = types[_i];
    const char *name = strcmp(type, "sdbm") ? "map" : "map.pag";
    size_t len, cut;
    char *bytes;

    if (folder_lacks(type)) {
        return;
    }
    folder_map("map", type, 3000, "a");
    read_whole(name, &bytes, &len);
    for (cut = len - 1; cut > 0; cut = cut * 3 / 4) {
        folder_write(name, bytes, cut);
        assert_refused("map", type, cut >= 64 ? "cut short" : "");
        /* a whole number of pages is no excuse */
        folder_write(name, bytes, cut / 4096 * 4096);
        assert_refused("map", type, "");
    }
    free(bytes);
}
END_TEST

START_TEST(random_bytes_are_refused)
{
    const char *type = types[_i];
    unsigned char bytes[20001];
    size_t i;

    if (folder_lacks(type)) {
        return;
    }
    srandom(7 + _i);
    for (i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (unsigned char)(random() >> 7);
    }
    folder_write("map", bytes, sizeof(bytes));
    folder_write("map.pag", bytes, sizeof(bytes));
    folder_write("map.dir", bytes, 4096);
    assert_refused("map", type, "");
    assert_refused("map", "default", "not a map");
    folder_write("map", "", 0);
    folder_write("map.pag", "", 0);
    assert_refused("map", type, "");
    assert_refused("map", "default", "an empty file");
}
END_TEST

START_TEST(what_is_not_a_file_is_refused)
{
    const char *type = types[_i];

    if (folder_lacks(type)) {
        return;
    }
    assert_refused("missing", type, "No such file");
    ck_assert_int_eq(mkdir(folder_file("map"), 0755), 0);
    ck_assert_int_eq(mkdir(folder_file("map.pag"), 0755), 0);
    assert_refused("map", type, "not a regular file");
    ck_assert_int_eq(mkfifo(folder_file("fifo"), 0644), 0);
    ck_assert_int_eq(mkfifo(folder_file("fifo.pag"), 0644), 0);
    assert_refused("fifo", type, "not a regular file");
    assert_refused("fifo", NULL, "not a regular file");
}
END_TEST

START_TEST(half_an_sdbm_is_refused)
{
    folder_map("map", "sdbm", 100, "a");
    ck_assert_int_eq(unlink(folder_file("map.dir")), 0);
    assert_refused("map", "default", "map.dir: No such file");
    folder_map("map", "sdbm", 100, "a");
    ck_assert_int_eq(unlink(folder_file("map.pag")), 0);
    assert_refused("map", "default", "map.pag: No such file");
}
END_TEST

START_TEST(one_type_is_not_another)
{
    folder_map("map", "lmdb", 10, "a");
    assert_refused("map", "gdbm", "not of type gdbm");
    assert_refused("map", "db", "not of type db");
    assert_refused("map", "sdbm", "map.pag: No such file");
    assert_refused("map", "cdb", "no map type `cdb`");
    folder_map("map", "db", 10, "a");
    assert_refused("map", "lmdb", "not of type lmdb");
}
END_TEST

START_TEST(the_default_type_has_a_name)
{
    const char *type = NULL;
    int i;

    ck_assert_msg(hostmap_type_default(&type, folder_pool, &why)
                  == APR_SUCCESS, "%s", why.text);
    for (i = 0; hostmap_type_names[i]; i++) {
        if (strcmp(type, hostmap_type_names[i]) == 0) {
            return;
        }
    }
    ck_abort_msg("no type is called %s", type);
}
END_TEST

/* ---- writing ----------------------------------------------------------- */

START_TEST(an_aborted_writer_changes_nothing)
{
    const char *type = types[_i];
    hostmap_writer *writer;
    hostmap_file *file;
    int seen = 0;

    if (folder_lacks(type)) {
        return;
    }
    folder_map("map", type, 10, "a");
    writer = open_writer(type, 0);
    ck_assert_int_eq(put(writer, "x", "y"),
                     APR_SUCCESS);
    hostmap_writer_abort(writer);
    file = open_map("map", type);
    ck_assert_int_eq(hostmap_file_each(file, count, &seen, folder_pool, &why),
                     APR_SUCCESS);
    ck_assert_int_eq(seen, 10);
    hostmap_file_close(file);
    ck_assert_int_ne(access(folder_file("map.hostmap-new"), F_OK), 0);
    ck_assert_int_ne(access(folder_file("map.hostmap-new.pag"), F_OK), 0);
}
END_TEST

START_TEST(adding_keeps_what_is_there)
{
    const char *type = types[_i];
    hostmap_str value;
    hostmap_writer *writer;
    hostmap_file *file;

    if (folder_lacks(type)) {
        return;
    }
    folder_map("map", type, 1000, "a");
    writer = open_writer(type, HOSTMAP_WRITER_ADD);
    ck_assert_int_eq(put(writer, "h7.example.com", "new"), APR_SUCCESS);
    ck_assert_int_eq(put(writer, "a", "b"),
                     APR_SUCCESS);
    commit(writer);
    file = open_map("map", type);
    ck_assert_int_eq(fetch(file, &value, "h7.example.com"),
                     APR_SUCCESS);
    ck_assert_str_eq(value.ptr, "new");
    ck_assert_int_eq(fetch(file, &value, "a"), APR_SUCCESS);
    ck_assert_int_eq(fetch(file, &value, "h999.example.com"),
                     APR_SUCCESS);
    hostmap_file_close(file);
}
END_TEST

/* The value that a changing writer sees; NULL: none. */
static const char *seen_by(hostmap_writer *writer, const char *key)
{
    hostmap_str value;
    apr_status_t rv;

    rv = hostmap_writer_get(writer, &value, hostmap_str_text(key), &why);
    if (rv == APR_NOTFOUND) {
        return NULL;
    }
    ck_assert_int_eq(rv, APR_SUCCESS);
    return apr_pstrmemdup(folder_pool, value.ptr, value.len);
}

START_TEST(a_map_is_changed)
{
    const char *type = types[_i];
    hostmap_str value;
    hostmap_writer *writer;
    hostmap_file *file;

    if (folder_lacks(type)) {
        return;
    }
    folder_map("map", type, 1000, "a");
    writer = open_writer(NULL, HOSTMAP_WRITER_CHANGE);
    ck_assert_str_eq(seen_by(writer, "h7.example.com"), "http://a/7");
    ck_assert_ptr_null(seen_by(writer, "new"));
    ck_assert_ptr_null(seen_by(writer, ""));
    ck_assert_int_eq(put(writer, "new", "value"),
                     APR_SUCCESS);
    ck_assert_str_eq(seen_by(writer, "new"), "value");
    ck_assert_int_eq(put(writer, "h8.example.com", "8"), APR_SUCCESS);
    ck_assert_str_eq(seen_by(writer, "h8.example.com"), "8");
    ck_assert_int_eq(take_out(writer, "h7.example.com"), APR_SUCCESS);
    ck_assert_ptr_null(seen_by(writer, "h7.example.com"));
    ck_assert_int_eq(take_out(writer, "h7.example.com"), APR_NOTFOUND);

    /* readers have the old one until it is committed */
    file = open_map("map", type);
    ck_assert_int_eq(fetch(file, &value, "h7.example.com"),
                     APR_SUCCESS);
    hostmap_file_close(file);
    commit(writer);
    file = open_map("map", type);
    ck_assert_int_eq(fetch(file, &value, "h7.example.com"),
                     APR_NOTFOUND);
    ck_assert_int_eq(fetch(file, &value, "new"), APR_SUCCESS);
    ck_assert_str_eq(value.ptr, "value");
    hostmap_file_close(file);
}
END_TEST

static apr_status_t orphan(hostmap_writer *writer, hostmap_str *key)
{
    return hostmap_writer_orphan(writer, key, &why);
}

START_TEST(paths_of_a_host_that_was_removed_are_found)
{
    static const hostmap_pair entries[] = {
        ENTRY("a", "!"), ENTRY("a.b", "!"), ENTRY("a.b/x", "!"),
        ENTRY("c", "!")
    };
    const char *type = types[_i];
    hostmap_writer *writer;
    hostmap_str key;

    if (folder_lacks(type)) {
        return;
    }
    map_with("map", type, entries, 4);
    writer = open_writer(type, HOSTMAP_WRITER_CHANGE);
    ck_assert_int_eq(take_out(writer, "a"), APR_SUCCESS);
    ck_assert_int_eq(take_out(writer, "c"), APR_SUCCESS);
    ck_assert_int_eq(orphan(writer, &key), APR_NOTFOUND);
    ck_assert_int_eq(take_out(writer, "a.b"), APR_SUCCESS);
    ck_assert_int_eq(orphan(writer, &key), APR_SUCCESS);
    ck_assert_int_eq(key.len, 5);
    ck_assert_str_eq(key.ptr, "a.b/x");
    ck_assert_int_eq(put(writer, "a.b", "!"), APR_SUCCESS);
    ck_assert_int_eq(orphan(writer, &key), APR_NOTFOUND);
    ck_assert_int_eq(take_out(writer, "a.b"), APR_SUCCESS);
    ck_assert_int_eq(take_out(writer, "a.b/x"), APR_SUCCESS);
    ck_assert_int_eq(orphan(writer, &key), APR_NOTFOUND);
    hostmap_writer_abort(writer);
}
END_TEST

/* The key of the features is part of the format on disk. */
#define FEATURES_KEY "\xffmarks"

START_TEST(a_change_keeps_the_features)
{
    static const hostmap_pair wildcard[] = { ENTRY("*.a", "!") };
    const char *type = types[_i];
    hostmap_writer *writer;
    hostmap_file *file;
    hostmap_str value;
    unsigned features;

    if (folder_lacks(type)) {
        return;
    }
    map_with("map", type, wildcard, 1);
    writer = open_writer(type, HOSTMAP_WRITER_CHANGE);
    ck_assert_int_eq(put(writer, "*.a/x", "!"), APR_SUCCESS);
    ck_assert_int_eq(hostmap_writer_get(writer, &value,
                                        hostmap_str_text(FEATURES_KEY), &why),
                     APR_NOTFOUND);
    ck_assert_int_eq(take_out(writer, FEATURES_KEY), APR_NOTFOUND);
    ck_assert_int_eq(put(writer, FEATURES_KEY, "!"), APR_EINVAL);
    commit(writer);
    file = open_map("map", type);
    ck_assert_int_eq(hostmap_file_features(file, &features, folder_pool, &why),
                     APR_SUCCESS);
    ck_assert_int_eq(features,
                     HOSTMAP_FEATURE_WILDCARD | HOSTMAP_FEATURE_PATH);
    ck_assert_int_eq(fetch(file, &value, FEATURES_KEY), APR_SUCCESS);
    ck_assert_str_eq(value.ptr, "wildcards paths");
    hostmap_file_close(file);
}
END_TEST

START_TEST(a_change_needs_a_map)
{
    hostmap_writer_options options = { types[_i], 0, HOSTMAP_WRITER_CHANGE };
    hostmap_writer *writer;

    if (folder_lacks(types[_i])) {
        return;
    }
    ck_assert_int_eq(hostmap_writer_open(&writer, folder_file("map"), &options,
                                         folder_pool, &why), APR_ENOENT);
    ck_assert_int_eq(access(folder_file("map.hostmap-new"), F_OK), -1);
}
END_TEST

/* More entries than are unmapped at once. */
START_TEST(a_cursor_walks_in_the_order_of_bytes)
{
    const char *type = types[_i];
    hostmap_cursor *cursor;
    hostmap_file *file;
    hostmap_pair pair;
    char last[64] = "";
    apr_status_t rv;
    int seen = 0;

    if (folder_lacks(type)) {
        return;
    }
    folder_map("map", type, strcmp(type, "lmdb") == 0 ? 150000 : 10, "a");
    file = open_map("map", type);
    rv = hostmap_cursor_open(&cursor, file, folder_pool, &why);
    if (strcmp(type, "lmdb") != 0) {
        ck_assert_int_eq(rv, APR_ENOTIMPL);
        hostmap_file_close(file);
        return;
    }
    ck_assert_int_eq(rv, APR_SUCCESS);
    while ((rv = hostmap_cursor_next(cursor, &pair, &why)) == APR_SUCCESS) {
        char key[64];

        snprintf(key, sizeof(key), "%.*s", (int)pair.key.len,
                 pair.key.ptr);
        ck_assert_int_lt(strcmp(last, key), 0);
        memcpy(last, key, sizeof(last));
        ck_assert_mem_eq(pair.value.ptr, "http://a/", 9);
        seen++;
    }
    ck_assert_int_eq(rv, APR_EOF);
    ck_assert_int_eq(seen, 150000);
    hostmap_cursor_close(cursor);
    hostmap_file_close(file);
}
END_TEST

START_TEST(the_mode_is_kept_and_a_new_map_is_readable)
{
    const char *type = types[_i];
    const char *name = strcmp(type, "sdbm") ? "map" : "map.pag";
    struct stat st;

    if (folder_lacks(type)) {
        return;
    }
    folder_map("map", type, 10, "a");
    ck_assert_int_eq(stat(folder_file(name), &st), 0);
    ck_assert_int_eq(st.st_mode & 07777, 0644);
    ck_assert_int_eq(chmod(folder_file(name), 0600), 0);
    folder_map("map", type, 20, "a");
    ck_assert_int_eq(stat(folder_file(name), &st), 0);
    ck_assert_int_eq(st.st_mode & 07777, 0600);
}
END_TEST

START_TEST(what_a_dead_writer_left_is_taken_over)
{
    const char *type = types[_i];

    if (folder_lacks(type)) {
        return;
    }
    folder_write("map.hostmap-new", "rubbish", 7);
    folder_write("map.hostmap-new.pag", "rubbish", 7);
    folder_write("map.hostmap-new.dir", "rubbish", 7);
    folder_map("map", type, 10, "a");
    hostmap_file_close(open_map("map", type));
}
END_TEST

/* An administrator may remove the file of a writer that is at work, and another
 * writer may then begin one of the same name. */
START_TEST(the_file_of_another_writer_is_left_alone)
{
    const char *type = types[_i];
    const char *work = strcmp(type, "sdbm") ? "map.hostmap-new"
                                            : "map.hostmap-new.pag";
    hostmap_writer *writer;
    hostmap_file *file;
    int end, seen;

    if (folder_lacks(type)) {
        return;
    }
    folder_map("map", type, 10, "a");
    for (end = 0; end < 2; end++) {
        writer = open_writer(type, HOSTMAP_WRITER_CHANGE);
        ck_assert_int_eq(put(writer, "new", "!"), APR_SUCCESS);
        ck_assert_int_eq(unlink(folder_file(work)), 0);
        folder_write(work, "another's", 9);
        if (end == 0) {
            ck_assert_int_ne(hostmap_writer_commit(writer, &why),
                             APR_SUCCESS);
        }
        else {
            hostmap_writer_abort(writer);
        }
        ck_assert_int_eq(access(folder_file(work), F_OK), 0);
        ck_assert_int_eq(unlink(folder_file(work)), 0);
        unlink(folder_file("map.hostmap-new.dir"));
        file = open_map("map", type);
        seen = 0;
        ck_assert_int_eq(hostmap_file_each(file, count, &seen, folder_pool,
                                           &why), APR_SUCCESS);
        ck_assert_int_eq(seen, 10);
        hostmap_file_close(file);
    }
}
END_TEST

START_TEST(a_link_stays_a_link)
{
    const char *type = types[_i];
    const char *suffix = strcmp(type, "sdbm") ? "" : ".pag";
    const char *link = apr_pstrcat(folder_pool, "link", suffix, NULL);
    const char *map = apr_pstrcat(folder_pool, "map", suffix, NULL);
    struct stat st;

    if (folder_lacks(type)) {
        return;
    }
    folder_map("map", type, 10, "a");
    ck_assert_int_eq(symlink(folder_file(map), folder_file(link)), 0);
    folder_map("link", type, 20, "b");
    ck_assert_int_eq(lstat(folder_file(link), &st), 0);
    ck_assert(S_ISLNK(st.st_mode));
    ck_assert_int_eq(unlink(folder_file(link)), 0);
}
END_TEST

static void keep_finding(void *baton, const char *finding)
{
    apr_cpystrn(baton, finding, 200);
}

static const char *exposed(const char *name)
{
    static char finding[200];
    hostmap_guard guard = { 0, 0, keep_finding, finding };

    finding[0] = '\0';
    hostmap_exposed(folder_file(name), &guard, folder_pool);
    return finding;
}

START_TEST(who_can_write_is_seen)
{
    ck_assert_int_eq(chmod(folder_path, 0755), 0);
    folder_map("map", "lmdb", 10, "a");
    ck_assert_str_eq(exposed("map"), "");
    ck_assert_str_eq(exposed("none"), "");
    ck_assert_int_eq(chmod(folder_file("map"), 0666), 0);
    ck_assert_ptr_nonnull(strstr(exposed("map"), "the file"));
    ck_assert_int_eq(chmod(folder_file("map"), 0644), 0);
    ck_assert_int_eq(chmod(folder_path, 0777), 0);
    ck_assert_ptr_nonnull(strstr(exposed("map"), "the folder"));
    ck_assert_int_eq(chmod(folder_path, 01777), 0);
    ck_assert_str_eq(exposed("map"), "");
}
END_TEST

/* Pages of the files below: more than a window of hostmap_copy_warm(). */
#define WARM_TEST_PAGES ((size_t)17000)

/** A file of that many pages, on the disk and out of memory as far as its file
 *  system lets go of it. */
static int cold_file(const char *name)
{
    static char page[4096];
    size_t i;
    int fd = open(folder_file(name), O_RDWR | O_CREAT | O_TRUNC, 0600);

    ck_assert_int_ge(fd, 0);
    for (i = 0; i < WARM_TEST_PAGES; i++) {
        memset(page, (int)(i % 251), sizeof(page));
        ck_assert_int_eq(write(fd, page, sizeof(page)), sizeof(page));
    }
    ck_assert_int_eq(fsync(fd), 0);
    ck_assert_int_eq(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
    return fd;
}

/** Which pages are in memory; free it. */
static unsigned char *pages_in_memory(int fd)
{
    size_t len = WARM_TEST_PAGES * 4096;
    unsigned char *pages = malloc(WARM_TEST_PAGES);
    void *map = mmap(NULL, len, PROT_READ, MAP_SHARED, fd, 0);

    ck_assert_ptr_nonnull(pages);
    ck_assert(map != MAP_FAILED);
    ck_assert_int_eq(mincore(map, len, pages), 0);
    munmap(map, len);
    return pages;
}

START_TEST(a_copy_is_in_memory_where_its_original_is)
{
    static const size_t read[] = { 0, 1, 4000, 16383, 16384, 16999 };
    int from = cold_file("from"), to = cold_file("to");
    unsigned char *wanted, *has;
    char page[4096];
    size_t i, count = 0;

    for (i = 0; i < sizeof(read) / sizeof(read[0]); i++) {
        ck_assert_int_eq(pread(from, page, sizeof(page),
                               (off_t)(read[i] * sizeof(page))),
                         sizeof(page));
    }
    wanted = pages_in_memory(from);
    hostmap_copy_warm(to, from);
    has = pages_in_memory(to);
    for (i = 0; i < WARM_TEST_PAGES; i++) {
        count += wanted[i] & 1;
        ck_assert_msg(!(wanted[i] & 1) || (has[i] & 1), "page %lu is not in "
                      "memory", (unsigned long)i);
    }
    ck_assert_uint_ge(count, sizeof(read) / sizeof(read[0]));
    free(wanted);
    free(has);
    close(from);
    close(to);
}
END_TEST

Suite *file_suite(void)
{
    Suite *suite = suite_create("file");
    TCase *reading = tcase_create("reading");
    TCase *writing = tcase_create("writing");

    tcase_add_checked_fixture(reading, folder_setup, folder_teardown);
    tcase_add_loop_test(reading, what_was_written_is_read, 0, TYPES);
    tcase_add_test(reading, odd_keys_of_every_length_are_found);
    tcase_add_loop_test(reading, an_empty_map_is_a_map, 0, TYPES);
    tcase_add_loop_test(reading, longest_key_and_value, 0, TYPES);
    tcase_add_loop_test(reading, a_cut_file_is_refused, 0, TYPES);
    tcase_add_loop_test(reading, random_bytes_are_refused, 0, TYPES);
    tcase_add_loop_test(reading, what_is_not_a_file_is_refused, 0, TYPES);
    tcase_add_test(reading, half_an_sdbm_is_refused);
    tcase_add_test(reading, one_type_is_not_another);
    tcase_add_test(reading, the_default_type_has_a_name);
    suite_add_tcase(suite, reading);

    tcase_add_checked_fixture(writing, folder_setup, folder_teardown);
    tcase_add_test(writing, a_copy_is_in_memory_where_its_original_is);
    tcase_add_loop_test(writing, an_aborted_writer_changes_nothing, 0, TYPES);
    tcase_add_loop_test(writing, a_map_is_changed, 0, TYPES);
    tcase_add_loop_test(writing, paths_of_a_host_that_was_removed_are_found,
                        0, TYPES);
    tcase_add_loop_test(writing, a_change_keeps_the_features, 0, TYPES);
    tcase_add_loop_test(writing, a_change_needs_a_map, 0, TYPES);
    tcase_add_loop_test(writing, a_cursor_walks_in_the_order_of_bytes, 0,
                        TYPES);
    tcase_add_loop_test(writing, adding_keeps_what_is_there, 0, TYPES);
    tcase_add_loop_test(writing, the_mode_is_kept_and_a_new_map_is_readable,
                        0, TYPES);
    tcase_add_loop_test(writing, what_a_dead_writer_left_is_taken_over, 0,
                        TYPES);
    tcase_add_loop_test(writing, the_file_of_another_writer_is_left_alone, 0,
                        TYPES);
    tcase_add_loop_test(writing, a_link_stays_a_link, 0, TYPES);
    tcase_add_test(writing, who_can_write_is_seen);
    suite_add_tcase(suite, writing);
    return suite;
}

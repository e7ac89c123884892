/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A map that is served from: replaced, broken, mended, busy, shared, and read
 * by many threads at the same time.
 */

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "apr_atomic.h"
#include "apr_file_io.h"
#include "apr_strings.h"
#include "apr_thread_proc.h"

#include "folder.h"
#include "hostmap/hostmap.h"
#include "hostmap/store/hostmap_provider.h"
#include "suites.h"

#define INTERVAL apr_time_from_msec(10)

static hostmap_registry *registry;
static apr_pool_t *registry_pool;
static volatile apr_uint32_t errors_said;
static char last_line[1024];

static void keep_line(void *baton, hostmap_log_level level, const char *line)
{
    (void)baton;
    if (level == HOSTMAP_LOG_ERR) {
        apr_atomic_inc32(&errors_said);
        apr_cpystrn(last_line, line, sizeof(last_line));
    }
}

static void setup(void)
{
    folder_setup();
    errors_said = 0;
    last_line[0] = '\0';
    ck_assert_int_eq(apr_pool_create(&registry_pool, folder_pool), APR_SUCCESS);
    ck_assert_int_eq(hostmap_registry_create(&registry, keep_line, NULL,
                                             registry_pool),
                     APR_SUCCESS);
}

static hostmap *map_at(const char *name, const char *type)
{
    hostmap *map;

    ck_assert_int_eq(hostmap_open(&map, registry, folder_file(name), type,
                                  INTERVAL), APR_SUCCESS);
    return map;
}

static apr_status_t look_up(hostmap *map, const char *key, const char **value)
{
    hostmap_str found;
    apr_status_t rv = hostmap_lookup(map, &found, hostmap_str_text(key),
                                     folder_pool);

    if (rv == APR_SUCCESS) {
        *value = found.ptr;
    }
    return rv;
}

static void assert_answer(hostmap *map, const char *key, const char *expected)
{
    const char *value = NULL;

    ck_assert_int_eq(look_up(map, key, &value), APR_SUCCESS);
    ck_assert_str_eq(value, expected);
}

static void wait_for_check(void)
{
    apr_sleep(3 * INTERVAL);
}

/* Older than any file that a writer might still be at. */
static void make_old(const char *name)
{
    struct timespec times[2];

    memset(times, 0, sizeof(times));
    times[0].tv_sec = times[1].tv_sec = 1000000000;
    ck_assert_int_eq(utimensat(AT_FDCWD, folder_file(name), times, 0), 0);
}

static const char *const types[] = { "lmdb", "sdbm", "gdbm", "db" };
#define TYPES 4

START_TEST(a_replaced_map_is_noticed)
{
    const char *value;
    hostmap *map;

    if (folder_lacks(types[_i])) {
        return;
    }
    folder_map("map", types[_i], 100, "old");
    map = map_at("map", "default");
    assert_answer(map, "h7.example.com", "http://old/7");
    ck_assert_int_eq(look_up(map, "h200.example.com", &value), APR_NOTFOUND);
    folder_map("map", types[_i], 300, "new");
    wait_for_check();
    assert_answer(map, "h7.example.com", "http://new/7");
    assert_answer(map, "h200.example.com", "http://new/200");
    ck_assert_uint_eq(errors_said, 0);
}
END_TEST

START_TEST(a_map_may_change_its_type)
{
    hostmap *map;

    folder_map("map", "sdbm", 100, "sdbm");
    map = map_at("map", NULL);
    assert_answer(map, "h7.example.com", "http://sdbm/7");
    folder_map("map", "lmdb", 100, "lmdb");
    ck_assert_int_eq(unlink(folder_file("map.pag")), 0);
    ck_assert_int_eq(unlink(folder_file("map.dir")), 0);
    wait_for_check();
    assert_answer(map, "h7.example.com", "http://lmdb/7");
}
END_TEST

START_TEST(a_missing_map_may_come_later)
{
    const char *value;
    hostmap *map;
    int i;

    if (folder_lacks(types[_i])) {
        return;
    }
    map = map_at("map", "default");
    for (i = 0; i < 100; i++) {
        ck_assert(APR_STATUS_IS_ENOENT(look_up(map, "h7.example.com",
                                               &value)));
    }
    ck_assert_uint_eq(errors_said, 1);
    folder_map("map", types[_i], 100, "a");
    wait_for_check();
    assert_answer(map, "h7.example.com", "http://a/7");
}
END_TEST

START_TEST(a_broken_lmdb_leaves_the_last_good_one)
{
    const char *value;
    hostmap *map;
    int i;

    folder_map("map", "lmdb", 100, "old");
    map = map_at("map", "default");
    assert_answer(map, "h7.example.com", "http://old/7");
    folder_write("map", "rubbish", 7);
    wait_for_check();
    for (i = 0; i < 100; i++) {
        assert_answer(map, "h8.example.com", "http://old/8");
    }
    ck_assert_int_eq(look_up(map, "none", &value), APR_NOTFOUND);
    ck_assert_uint_eq(errors_said, 1);
    ck_assert_ptr_nonnull(strstr(last_line, folder_file("map")));
    ck_assert_ptr_nonnull(strstr(last_line, "not a map"));
    folder_map("map", "lmdb", 100, "new");
    wait_for_check();
    assert_answer(map, "h8.example.com", "http://new/8");
}
END_TEST

START_TEST(a_broken_dbm_leaves_what_is_known)
{
    const char *value;
    hostmap *map;

    folder_map("map", "sdbm", 100, "old");
    make_old("map.pag");
    make_old("map.dir");
    map = map_at("map", "sdbm");
    assert_answer(map, "h7.example.com", "http://old/7");
    folder_write("map.pag", "rubbish", 7);
    wait_for_check();
    assert_answer(map, "h7.example.com", "http://old/7");
    ck_assert_int_eq(look_up(map, "h8.example.com", &value), HOSTMAP_EFORMAT);
    ck_assert_uint_eq(errors_said, 1);
}
END_TEST

START_TEST(a_file_that_comes_back_is_served)
{
    hostmap *map;

    folder_map("map", "sdbm", 100, "a");
    make_old("map.pag");
    make_old("map.dir");
    map = map_at("map", "sdbm");
    assert_answer(map, "h7.example.com", "http://a/7");
    ck_assert_int_eq(rename(folder_file("map.dir"), folder_file("away")), 0);
    wait_for_check();
    assert_answer(map, "h7.example.com", "http://a/7");
    ck_assert_uint_eq(errors_said, 1);
    ck_assert_int_eq(rename(folder_file("away"), folder_file("map.dir")), 0);
    wait_for_check();
    assert_answer(map, "h8.example.com", "http://a/8");
}
END_TEST

/* What stock httxt2dbm holds while it writes. */
static apr_file_t *writer_lock(const char *name)
{
    apr_file_t *lock;

    ck_assert_int_eq(apr_file_open(&lock, folder_file(name),
                                   APR_FOPEN_READ | APR_FOPEN_WRITE,
                                   APR_OS_DEFAULT, folder_pool), APR_SUCCESS);
    ck_assert_int_eq(apr_file_lock(lock, APR_FLOCK_EXCLUSIVE), APR_SUCCESS);
    return lock;
}

START_TEST(a_writer_is_waited_for_a_second)
{
    const char *value;
    apr_file_t *lock;
    apr_time_t before, took;
    hostmap *map;
    int i;

    folder_map("map", "sdbm", 100, "a");
    make_old("map.pag");
    make_old("map.dir");
    map = map_at("map", "sdbm");
    assert_answer(map, "h7.example.com", "http://a/7");
    lock = writer_lock("map.dir");
    before = apr_time_now();
    for (i = 0; i < 20; i++) {
        assert_answer(map, "h7.example.com", "http://a/7");
    }
    /* a second for each would be 20 */
    ck_assert_int_lt(apr_time_now() - before, apr_time_from_sec(10));
    before = apr_time_now();
    ck_assert_int_eq(look_up(map, "h8.example.com", &value), HOSTMAP_EBUSY);
    took = apr_time_now() - before;
    ck_assert_int_ge(took, apr_time_from_msec(900));
    ck_assert_int_lt(took, apr_time_from_sec(15));
    apr_file_close(lock);
    assert_answer(map, "h8.example.com", "http://a/8");
}
END_TEST

START_TEST(the_first_look_up_waits_too)
{
    const char *value;
    apr_file_t *lock;
    hostmap *map;

    folder_map("map", "sdbm", 100, "a");
    lock = writer_lock("map.dir");
    map = map_at("map", "sdbm");
    ck_assert_int_eq(look_up(map, "h7.example.com", &value), HOSTMAP_EBUSY);
    apr_file_close(lock);
    assert_answer(map, "h7.example.com", "http://a/7");
}
END_TEST

START_TEST(one_file_is_opened_once)
{
    hostmap *a, *b, *c;
    char line[512];
    int mappings = 0;
    FILE *maps;

    folder_map("map", "lmdb", 100, "a");
    ck_assert_int_eq(symlink(folder_file("map"), folder_file("link")), 0);
    a = map_at("map", "default");
    b = map_at("link", "lmdb");
    c = map_at("map", "default");
    ck_assert_ptr_eq(a, c);
    ck_assert_ptr_ne(a, b);
    assert_answer(a, "h7.example.com", "http://a/7");
    assert_answer(b, "h7.example.com", "http://a/7");
    maps = fopen("/proc/self/maps", "r");
    ck_assert_ptr_nonnull(maps);
    while (fgets(line, sizeof(line), maps)) {
        mappings += strstr(line, folder_file("map")) != NULL;
    }
    fclose(maps);
    ck_assert_int_eq(mappings, 1);
}
END_TEST

START_TEST(keys_that_no_map_can_hold_are_misses)
{
    char key[HOSTMAP_KEY_MAX + 2];
    hostmap_str value;
    hostmap *map;

    memset(key, 'k', sizeof(key));
    folder_map("map", types[_i], 10, "a");
    map = map_at("map", "default");
    ck_assert_int_eq(hostmap_lookup(map, &value,
                                    hostmap_str_of(key, HOSTMAP_KEY_MAX + 1),
                                    folder_pool), APR_NOTFOUND);
    ck_assert_int_eq(hostmap_lookup(map, &value,
                                    hostmap_str_of(key, HOSTMAP_KEY_MAX),
                                    folder_pool), APR_NOTFOUND);
    ck_assert_int_eq(hostmap_lookup(map, &value, hostmap_str_text(""),
                                    folder_pool), APR_NOTFOUND);
}
END_TEST

/* ---- threads ----------------------------------------------------------- */

#define THREADS 16

static volatile apr_uint32_t stop, answered;

/* For tests of what is answered, not of how long a look-up waits: how busy the
 * machine is must not matter. */
static void wait_patiently(void)
{
    hostmap_busy_wait = apr_time_from_sec(30);
}

/* Counts an answer.  Threads that never rest would keep the one that replaces
 * the map from the processor, for as long as the system lets them. */
static void count_answer(unsigned n)
{
    apr_atomic_inc32(&answered);
    if (n % 64 == 0) {
        apr_sleep(apr_time_from_msec(1));
    }
}

/* On a busy machine too a look-up has to meet the end of a replacement, and not
 * the next one each time. */
static void let_them_answer(void)
{
    apr_uint32_t before = apr_atomic_read32(&answered);

    do {
        apr_sleep(5 * INTERVAL);
    } while (apr_atomic_read32(&answered) - before < 10 * THREADS);
}

static void *APR_THREAD_FUNC hammer(apr_thread_t *thread, void *data)
{
    hostmap *map = data;
    apr_pool_t *pool;
    unsigned n = 0;

    apr_pool_create(&pool, NULL);
    while (!apr_atomic_read32(&stop)) {
        hostmap_str value;
        char key[32];
        apr_status_t rv;

        snprintf(key, sizeof(key), "h%u.example.com", n++ % 150);
        rv = hostmap_lookup(map, &value, hostmap_str_text(key), pool);
        /* 0 to 99 are in each map, the others in none */
        ck_assert_int_eq(rv, (n - 1) % 150 < 100 ? APR_SUCCESS
                         : APR_NOTFOUND);
        apr_pool_clear(pool);
        count_answer(n);
    }
    apr_pool_destroy(pool);
    (void)thread;
    return NULL;
}

START_TEST(threads_look_up_while_the_map_is_replaced)
{
    apr_thread_t *threads[THREADS];
    apr_status_t result;
    hostmap *map;
    int i;

    if (folder_lacks(types[_i])) {
        return;
    }
    wait_patiently();
    folder_map("map", types[_i], 100, "a");
    map = map_at("map", "default");
    stop = answered = 0;
    for (i = 0; i < THREADS; i++) {
        ck_assert_int_eq(apr_thread_create(&threads[i], NULL, hammer, map,
                                           folder_pool), APR_SUCCESS);
    }
    for (i = 0; i < 30; i++) {
        folder_map("map", types[_i], 100, "a");
        let_them_answer();
    }
    apr_atomic_set32(&stop, 1);
    for (i = 0; i < THREADS; i++) {
        apr_thread_join(&result, threads[i]);
    }
    ck_assert_uint_gt(answered, 1000);
    ck_assert_msg(errors_said == 0, "%s", last_line);
}
END_TEST

/* ---- wildcards and paths ------------------------------------------------ */

static apr_status_t find(hostmap *map, hostmap_matched *found,
                         const char *host, const char *path,
                         apr_pool_t *pool)
{
    return hostmap_find(map, found, hostmap_str_text(host), path, pool);
}

static const hostmap_pair with_wildcards[] = {
    ENTRY("*", "value"), ENTRY("*.example.com", "value"),
    ENTRY("*.example.com/blog", "value"), ENTRY("www.example.com", "value")
};
static const hostmap_pair without[] = { ENTRY("other.example.com", "value") };

START_TEST(a_map_with_features_is_matched)
{
    hostmap_matched found;
    hostmap *map;

    if (folder_lacks(types[_i])) {
        return;
    }
    map_with("map", types[_i], with_wildcards, 4);
    map = map_at("map", "default");
    ck_assert_int_eq(find(map, &found, "a.example.com", "/blog/x",
                          folder_pool), APR_SUCCESS);
    ck_assert_str_eq(found.key, "*.example.com/blog");
    ck_assert_str_eq(found.value.ptr, "value");
    ck_assert_int_eq(found.kind, HOSTMAP_MATCH_WILDCARD);
    ck_assert_uint_eq(found.host_len, strlen("*.example.com"));
    /* without a path, and through hostmap_lookup(), only the key itself */
    ck_assert_int_eq(find(map, &found, "a.example.com", NULL, folder_pool),
                     APR_NOTFOUND);
    assert_answer(map, "*.example.com/blog", "value");
}
END_TEST

START_TEST(a_map_gets_and_loses_its_features)
{
    hostmap_matched found;
    hostmap *map;

    map_with("map", types[_i], without, 1);
    map = map_at("map", "default");
    ck_assert_int_eq(find(map, &found, "a.example.com", "/", folder_pool),
                     APR_NOTFOUND);
    ck_assert_uint_eq(found.lookups, 1);
    map_with("map", types[_i], with_wildcards, 4);
    wait_for_check();
    ck_assert_int_eq(find(map, &found, "a.example.com", "/", folder_pool),
                     APR_SUCCESS);
    map_with("map", types[_i], without, 1);
    wait_for_check();
    ck_assert_int_eq(find(map, &found, "a.example.com", "/", folder_pool),
                     APR_NOTFOUND);
    ck_assert_uint_eq(found.lookups, 1);
}
END_TEST

static void *APR_THREAD_FUNC find_always(apr_thread_t *thread, void *data)
{
    hostmap_matched found;
    apr_pool_t *pool;
    unsigned n = 0;

    (void)thread;
    apr_pool_create(&pool, NULL);
    while (!apr_atomic_read32(&stop)) {
        ck_assert_int_eq(find(data, &found, "a.example.com", "/", pool),
                         APR_SUCCESS);
        apr_pool_clear(pool);
        count_answer(++n);
    }
    apr_pool_destroy(pool);
    return NULL;
}

/* One of the two maps has the host itself, the other the default: who asked for
 * the host in the one and for the default in the other would find nothing. */
START_TEST(a_question_is_answered_by_one_file)
{
    static const hostmap_pair host[] = {
        ENTRY("a.example.com", "value"), ENTRY("b.example.com", "value"),
        ENTRY("b.example.com/x", "value")
    };
    static const hostmap_pair wildcard[] = { ENTRY("*", "value") };
    apr_thread_t *threads[THREADS];
    apr_status_t result;
    hostmap *map;
    int i;

    if (folder_lacks(types[_i])) {
        return;
    }
    wait_patiently();
    map_with("map", types[_i], host, 3);
    map = map_at("map", "default");
    stop = answered = 0;
    for (i = 0; i < THREADS; i++) {
        ck_assert_int_eq(apr_thread_create(&threads[i], NULL, find_always,
                                           map, folder_pool), APR_SUCCESS);
    }
    for (i = 0; i < 30; i++) {
        map_with("map", types[_i], i % 2 ? host : wildcard, i % 2 ? 3 : 1);
        let_them_answer();
    }
    apr_atomic_set32(&stop, 1);
    for (i = 0; i < THREADS; i++) {
        apr_thread_join(&result, threads[i]);
    }
    ck_assert_uint_gt(answered, 1000);
    ck_assert_msg(errors_said == 0, "%s", last_line);
}
END_TEST

/* Two files take turns at the path, which is what a writer does at its end. */
typedef struct turns {
    const char *files[2];
    const char *link;
    const char *path;
} turns;

static void *APR_THREAD_FUNC take_turns(apr_thread_t *thread, void *data)
{
    const turns *names = data;
    unsigned n = 0;

    (void)thread;
    while (!apr_atomic_read32(&stop)) {
        ck_assert_int_eq(link(names->files[n++ % 2], names->link), 0);
        ck_assert_int_eq(rename(names->link, names->path), 0);
        apr_sleep(n % 400);
    }
    return NULL;
}

/* The file is replaced while it is opened: no fault, and not logged as one. */
START_TEST(replaced_while_it_is_opened_is_no_fault)
{
    turns names = { { folder_file("a"), folder_file("b") },
                    folder_file("link"), folder_file("map") };
    apr_thread_t *thread;
    apr_status_t result;
    hostmap *map;
    int i;

    if (folder_lacks(types[_i])) {
        return;
    }
    wait_patiently();
    folder_map("a", types[_i], 100, "a");
    folder_map("b", types[_i], 100, "b");
    folder_map("map", types[_i], 100, "a");
    ck_assert_int_eq(hostmap_open(&map, registry, folder_file("map"),
                                  types[_i], 0), APR_SUCCESS);
    stop = 0;
    ck_assert_int_eq(apr_thread_create(&thread, NULL, take_turns, &names,
                                       folder_pool), APR_SUCCESS);
    for (i = 0; i < 3000; i++) {
        const char *value;

        ck_assert_int_eq(look_up(map, "h7.example.com", &value), APR_SUCCESS);
    }
    apr_atomic_set32(&stop, 1);
    apr_thread_join(&result, thread);
    ck_assert_msg(errors_said == 0, "%s", last_line);
}
END_TEST

#define LATE_ENTRY "h5000.example.com"

static void *APR_THREAD_FUNC look_late(apr_thread_t *thread, void *data)
{
    hostmap_str value;
    apr_pool_t *pool;

    (void)thread;
    apr_pool_create(&pool, NULL);
    if (hostmap_lookup(data, &value, hostmap_str_text(LATE_ENTRY), pool)
        == APR_SUCCESS) {
        apr_atomic_inc32(&answered);
    }
    apr_pool_destroy(pool);
    return NULL;
}

START_TEST(nobody_is_answered_from_a_file_long_replaced)
{
    apr_thread_t *threads[THREADS];
    apr_status_t result;
    hostmap *map;
    int round, i;

    wait_patiently();
    map = map_at("map", "default");
    for (round = 0; round < 5; round++) {
        folder_map("map", "lmdb", 10, "old");
        apr_sleep(3 * INTERVAL);
        assert_answer(map, "h7.example.com", "http://old/7");
        folder_map("map", "lmdb", 6000, "new");
        apr_sleep(apr_time_from_msec(300));
        answered = 0;
        for (i = 0; i < THREADS; i++) {
            ck_assert_int_eq(apr_thread_create(&threads[i], NULL, look_late,
                                               map, folder_pool),
                             APR_SUCCESS);
        }
        for (i = 0; i < THREADS; i++) {
            apr_thread_join(&result, threads[i]);
        }
        ck_assert_uint_eq(answered, THREADS);
    }
}
END_TEST

Suite *serve_suite(void)
{
    Suite *suite = suite_create("serve");
    TCase *tcase = tcase_create("a map");

    tcase_add_checked_fixture(tcase, setup, folder_teardown);
    /* how long a disk takes to write a map is not what is tested */
    tcase_set_timeout(tcase, 600);
    tcase_add_loop_test(tcase, a_replaced_map_is_noticed, 0, TYPES);
    tcase_add_test(tcase, a_map_may_change_its_type);
    tcase_add_loop_test(tcase, a_missing_map_may_come_later, 0, TYPES);
    tcase_add_test(tcase, a_broken_lmdb_leaves_the_last_good_one);
    tcase_add_test(tcase, a_broken_dbm_leaves_what_is_known);
    tcase_add_test(tcase, a_file_that_comes_back_is_served);
    tcase_add_test(tcase, a_writer_is_waited_for_a_second);
    tcase_add_test(tcase, the_first_look_up_waits_too);
    tcase_add_test(tcase, one_file_is_opened_once);
    tcase_add_loop_test(tcase, keys_that_no_map_can_hold_are_misses, 0, 2);
    tcase_add_loop_test(tcase, threads_look_up_while_the_map_is_replaced, 0,
                        TYPES);
    tcase_add_loop_test(tcase, a_map_with_features_is_matched, 0, TYPES);
    tcase_add_loop_test(tcase, a_map_gets_and_loses_its_features, 0, 2);
    tcase_add_loop_test(tcase, a_question_is_answered_by_one_file, 0, TYPES);
    /* sdbm's two files are replaced under its lock */
    tcase_add_loop_test(tcase, replaced_while_it_is_opened_is_no_fault, 2,
                        TYPES);
    tcase_add_test(tcase, nobody_is_answered_from_a_file_long_replaced);
    suite_add_tcase(suite, tcase);
    return suite;
}

/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The pages of LMDB files, sound and damaged.
 */

#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "folder.h"
#include "hostmap/store/hostmap_pages.h"
#include "suites.h"

#define PAGE 4096
/** Offsets in a page, of MDB_page and MDB_meta. */
#define FLAGS   10
#define LOWER   12
#define UPPER   14
#define NODES   16
#define FREE    (16 + 24)
#define MAIN    (FREE + 48)
#define ENTRIES (MAIN + 32)
#define ROOT    (MAIN + 40)
#define LAST    (MAIN + 48)
#define TXNID   (MAIN + 56)

static unsigned char *bytes;
static size_t size;
static hostmap_pages_fault fault;

/** Stores NAME%06d of a range, or takes them out: value_len 0. */
static void put(MDB_env *env, const char *prefix, int from, int to,
                size_t value_len)
{
    char name[32], *text = calloc(1, value_len + 1);
    MDB_val key, value;
    MDB_txn *txn;
    MDB_dbi dbi;
    int i;

    memset(text, 'x', value_len);
    ck_assert_int_eq(mdb_txn_begin(env, NULL, 0, &txn), 0);
    ck_assert_int_eq(mdb_dbi_open(txn, NULL, 0, &dbi), 0);
    for (i = from; i < to; i++) {
        key.mv_size = (size_t)snprintf(name, sizeof(name), "%s%06d",
                                       prefix, i);
        key.mv_data = name;
        value.mv_data = text;
        value.mv_size = value_len;
        if (value_len > 0) {
            ck_assert_int_eq(mdb_put(txn, dbi, &key, &value, 0), 0);
        }
        else {
            ck_assert_int_eq(mdb_del(txn, dbi, &key, NULL), 0);
        }
    }
    ck_assert_int_eq(mdb_txn_commit(txn), 0);
    free(text);
}

/** A file with three levels, large values and free pages. */
static void setup(void)
{
    const char *path;
    MDB_env *env;
    FILE *file;

    folder_setup();
    path = folder_file("map");
    ck_assert_int_eq(mdb_env_create(&env), 0);
    ck_assert_int_eq(mdb_env_set_mapsize(env, 64 << 20), 0);
    ck_assert_int_eq(mdb_env_open(env, path, MDB_NOSUBDIR | MDB_NOLOCK
                                             | MDB_NOSYNC, 0600), 0);
    put(env, "www.host", 0, 20000, 30);
    put(env, "large", 0, 5, 3 * PAGE);
    put(env, "www.host", 5000, 9000, 0);
    put(env, "again", 0, 10, 30);
    mdb_env_close(env);

    file = fopen(path, "rb");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fseek(file, 0, SEEK_END), 0);
    size = (size_t)ftell(file);
    rewind(file);
    ck_assert_int_eq(posix_memalign((void **)&bytes, 8, size), 0);
    ck_assert_uint_eq(fread(bytes, 1, size, file), size);
    fclose(file);
}

static void teardown(void)
{
    free(bytes);
    folder_teardown();
}

static int is_sound(size_t len)
{
    void *scratch = malloc(hostmap_pages_scratch(len));
    apr_status_t rv;

    memset(&fault, 0, sizeof(fault));
    rv = hostmap_pages_check(&fault, bytes, len, scratch);
    free(scratch);
    ck_assert(rv == APR_SUCCESS || (rv == APR_EINVAL && fault.reason));
    return rv == APR_SUCCESS;
}

static unsigned char *at(apr_uint64_t page, size_t offset)
{
    return bytes + page * PAGE + offset;
}

static apr_uint64_t get64(const unsigned char *from)
{
    apr_uint64_t number;

    memcpy(&number, from, sizeof(number));
    return number;
}

static unsigned get16(const unsigned char *from)
{
    apr_uint16_t number;

    memcpy(&number, from, sizeof(number));
    return number;
}

static void set16(unsigned char *to, unsigned number)
{
    apr_uint16_t half = (apr_uint16_t)number;

    memcpy(to, &half, sizeof(half));
}

static void set64(unsigned char *to, apr_uint64_t number)
{
    memcpy(to, &number, sizeof(number));
}

/** The number of the meta page that counts. */
static unsigned meta(void)
{
    return get64(at(1, TXNID)) > get64(at(0, TXNID));
}

static apr_uint64_t root(void)
{
    return get64(at(meta(), ROOT));
}

/** The node of an index of a page. */
static unsigned char *node(apr_uint64_t page, unsigned index)
{
    return at(page, get16(at(page, NODES + 2 * index)));
}

static apr_uint64_t child(apr_uint64_t page, unsigned index)
{
    const unsigned char *n = node(page, index);

    return get16(n) | (apr_uint64_t)get16(n + 2) << 16;
}

/** The leaf of the smallest keys. */
static apr_uint64_t first_leaf(void)
{
    apr_uint64_t page = root();

    while (get16(at(page, FLAGS)) & 1) {
        page = child(page, 0);
    }
    return page;
}

static void check_refused(const char *reason, apr_uint64_t page)
{
    ck_assert(!is_sound(size));
    ck_assert_msg(strstr(fault.reason, reason) != NULL, "%s", fault.reason);
    ck_assert_uint_eq(fault.page, page);
}

START_TEST(what_lmdb_made_is_sound)
{
    ck_assert_msg(is_sound(size), "page %lu %s", (unsigned long)fault.page,
                  fault.reason);
    ck_assert(get16(at(root(), FLAGS)) & 1);
}
END_TEST

START_TEST(a_file_that_was_cut_is_refused)
{
    size_t len;

    for (len = 0; len < size; len += len < 3 * PAGE ? 7 : PAGE / 2) {
        ck_assert_msg(!is_sound(len), "%lu bytes", (unsigned long)len);
    }
}
END_TEST

START_TEST(a_page_that_is_reached_twice_is_refused)
{
    apr_uint64_t second = child(root(), 1);

    memcpy(node(root(), 0), node(root(), 1), 4);
    ck_assert(!is_sound(size));
    /* by what it holds, or by being used again */
    ck_assert(fault.page == second || strstr(fault.reason, "order"));
}
END_TEST

START_TEST(a_page_that_leads_to_itself_is_refused)
{
    set64(at(meta(), ROOT), first_leaf());
    ck_assert(!is_sound(size));
    set64(at(meta(), ROOT), 0);
    check_refused("outside", 0);
    set64(at(meta(), ROOT), get64(at(meta(), LAST)) + 1);
    check_refused("outside", get64(at(meta(), LAST)) + 1);
}
END_TEST

START_TEST(the_number_and_kind_of_a_page_count)
{
    apr_uint64_t leaf = first_leaf();

    set16(at(leaf, FLAGS), 1);
    check_refused("kind", leaf);
    set16(at(leaf, FLAGS), 2);
    set64(at(leaf, 0), leaf + 1);
    check_refused("number of another", leaf);
}
END_TEST

START_TEST(bounds_of_a_page_are_checked)
{
    static const unsigned wrong[] = { 0, 14, 17, PAGE - 2, 0xffff };
    apr_uint64_t leaf = first_leaf();
    unsigned lower = get16(at(leaf, LOWER)), i;

    for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        set16(at(leaf, LOWER), wrong[i]);
        ck_assert(!is_sound(size));
        ck_assert_uint_eq(fault.page, leaf);
    }
    set16(at(leaf, LOWER), 16);
    check_refused("too few", leaf);
    set16(at(leaf, LOWER), lower);
    set16(at(leaf, UPPER), get16(at(leaf, UPPER)) + 2);
    check_refused("overlap or leave gaps", leaf);
}
END_TEST

START_TEST(nodes_stay_in_their_page_and_apart)
{
    apr_uint64_t leaf = first_leaf();
    unsigned offset = get16(at(leaf, NODES));
    unsigned char *n = node(leaf, 0);
    unsigned data = get16(n);

    set16(at(leaf, NODES), PAGE - 2);
    check_refused("leaves the page", leaf);
    set16(at(leaf, NODES), offset + 1);
    check_refused("leaves the page", leaf);
    set16(at(leaf, NODES), get16(at(leaf, NODES + 2)));
    check_refused("overlap", leaf);
    set16(at(leaf, NODES), offset);
    set16(n, data + 2);
    check_refused("overlap", leaf);
    set16(n, data);
    set16(n + 2, 0xffff);
    check_refused("leaves the page", leaf);
    set16(n + 2, 0);
    set16(n + 4, 2);
    check_refused("leaves the page", leaf);
    set16(n + 4, 0);
    set16(n + 6, 0xffff);
    check_refused("leaves the page", leaf);
}
END_TEST

START_TEST(keys_ascend_within_their_bounds)
{
    apr_uint64_t page = root();
    unsigned char before;

    while (get16(at(child(page, 1), FLAGS)) & 1) {
        page = child(page, 0);
    }
    page = child(page, 1);
    before = *(node(page, 1) + 8);
    *(node(page, 1) + 8) = 0xff;
    check_refused("out of order", page);
    *(node(page, 1) + 8) = before;
    *(node(page, 0) + 8) = 0;
    check_refused("below its bound", page);
}
END_TEST

START_TEST(values_of_their_own_pages_are_checked)
{
    apr_uint64_t last = get64(at(meta(), LAST)), page;
    unsigned seen = 0;

    for (page = 2; page <= last; page++) {
        unsigned char *header = at(page, 0);

        if (get64(header) == page && get16(at(page, FLAGS)) == 4) {
            header[12] ^= 1;
            check_refused("overflow", page);
            header[12] ^= 1;
            seen++;
        }
    }
    ck_assert_uint_ge(seen, 5);
    ck_assert(is_sound(size));
}
END_TEST

START_TEST(what_the_meta_page_counts_is_checked)
{
    set64(at(meta(), ENTRIES), get64(at(meta(), ENTRIES)) + 1);
    check_refused("counts other", 0);
}
END_TEST

START_TEST(flags_that_no_map_has_are_refused)
{
    static const unsigned wrong[] = { 0, 1, 2, 4, 0x10, 0x20, 0x40 };
    unsigned flags = get16(at(meta(), FREE + 4)), i;

    for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        set16(at(meta(), FREE + 4), wrong[i] ? flags | wrong[i] : 0);
        check_refused("flags", 0);
    }
    set16(at(meta(), FREE + 4), flags);
    ck_assert(is_sound(size));
    set16(at(meta(), MAIN + 4), 4);
    check_refused("flags", 0);
}
END_TEST

/** Nothing that is changed anywhere leads out of the file: the sanitizers and
 *  the guard of malloc watch. */
START_TEST(random_damage_ends_the_check_at_most)
{
    unsigned seed = 1, round, accepted = 0;

    for (round = 0; round < 3000; round++) {
        size_t page = (size_t)rand_r(&seed) % (size / PAGE) * PAGE;
        size_t where = page + (size_t)rand_r(&seed) % (round % 2 ? 64 : PAGE);
        unsigned char before = bytes[where];

        bytes[where] = (unsigned char)rand_r(&seed);
        accepted += is_sound(size);
        bytes[where] = before;
    }
    /* values and unused bytes may be anything */
    ck_assert_uint_gt(accepted, 100);
    ck_assert_uint_lt(accepted, 2900);
}
END_TEST

Suite *pages_suite(void)
{
    Suite *suite = suite_create("pages");
    TCase *tcase = tcase_create("pages");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, what_lmdb_made_is_sound);
    tcase_add_test(tcase, a_file_that_was_cut_is_refused);
    tcase_add_test(tcase, a_page_that_is_reached_twice_is_refused);
    tcase_add_test(tcase, a_page_that_leads_to_itself_is_refused);
    tcase_add_test(tcase, the_number_and_kind_of_a_page_count);
    tcase_add_test(tcase, bounds_of_a_page_are_checked);
    tcase_add_test(tcase, nodes_stay_in_their_page_and_apart);
    tcase_add_test(tcase, keys_ascend_within_their_bounds);
    tcase_add_test(tcase, values_of_their_own_pages_are_checked);
    tcase_add_test(tcase, what_the_meta_page_counts_is_checked);
    tcase_add_test(tcase, flags_that_no_map_has_are_refused);
    tcase_add_test(tcase, random_damage_ends_the_check_at_most);
    suite_add_tcase(suite, tcase);
    return suite;
}

/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The shared block: keys get their slots and leave them, what is in flight
 * holds one, a killed child holds nothing; and the same by many threads at
 * once.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apr_thread_proc.h"

#include "base/slots_share.h"
#include "suites.h"

#define NOW      (APR_INT64_C(1700000000) * APR_USEC_PER_SEC)
#define CHILDREN 4
#define SECRET   APR_UINT64_C(0x8badf00ddeadbeef)

static void *memory;
static slots block;

static void block_make(apr_size_t bytes)
{
    slots_shape shape;

    slots_shape_fit(&shape, bytes, CHILDREN);
    memory = calloc(1, slots_size(&shape));
    ck_assert_ptr_nonnull(memory);
    slots_init(memory, &shape, SECRET, NOW);
    ck_assert_int_eq(slots_attach(&block, memory), APR_SUCCESS);
}

static void setup(void)
{
    block_make(SLOTS_MEMORY_LEAST);
}

static void teardown(void)
{
    free(memory);
}

static hostmap_str text(const char *bytes)
{
    return hostmap_str_of(bytes, strlen(bytes));
}

static hostmap_str numbered(char *room, const char *name, unsigned n)
{
    return hostmap_str_of(room, (apr_size_t)sprintf(room, "%s%u", name, n));
}

/* ---- the block --------------------------------------------------------- */

START_TEST(the_default_holds_what_is_promised)
{
    slots_shape shape;

    slots_shape_fit(&shape, SLOTS_MEMORY, 16);
    ck_assert_uint_eq(shape.backends, 2048);
    ck_assert_uint_eq(shape.entries, 8192);
    ck_assert_uint_eq(shape.rows, 17);
    ck_assert_uint_lt(slots_size(&shape), SLOTS_MEMORY + 300000);
}
END_TEST

START_TEST(a_larger_block_holds_more)
{
    slots_shape least, more;

    slots_shape_fit(&least, SLOTS_MEMORY_LEAST, 1);
    slots_shape_fit(&more, 64 * SLOTS_MEMORY, 1);
    ck_assert_uint_ge(least.backends, SLOTS_WAYS);
    ck_assert_uint_ge(least.entries, SLOTS_WAYS);
    ck_assert_uint_ge(more.entries, 64 * 8192);
    ck_assert_uint_le(slots_size(&more), 64 * SLOTS_MEMORY
                      + 8 * 2 * more.backends + 4096);
}
END_TEST

START_TEST(another_layout_is_refused)
{
    slots other;

    block.block->layout++;
    ck_assert_int_eq(slots_attach(&other, memory), APR_EMISMATCH);
}
END_TEST

START_TEST(lanes_add_up)
{
    slots_lane *mine = slots_lane_mine(&block), sum;

    ck_assert_ptr_eq(mine, slots_lane_mine(&block));
    atomic_add64(&mine->classes[2], 3);
    atomic_add64(&mine->first_byte[HISTOGRAM_BUCKETS(SLOTS_TOTAL_BITS) - 1],
                 5);
    slots_lanes_sum(&block, &sum);
    ck_assert_uint_eq(sum.classes[2], 3);
    ck_assert_uint_eq(
        sum.first_byte[HISTOGRAM_BUCKETS(SLOTS_TOTAL_BITS) - 1], 5);
    ck_assert_uint_eq(sum.classes[3], 0);
}
END_TEST

START_TEST(all_modules_share_one_block)
{
    slots first, second, third;
    apr_pool_t *process;

    apr_pool_create(&process, NULL);
    ck_assert_int_eq(slots_share(&first, process, SLOTS_MEMORY, 16),
                     APR_SUCCESS);
    ck_assert_int_eq(slots_share(&second, process, SLOTS_MEMORY_LEAST, 2),
                     APR_SUCCESS);
    ck_assert_ptr_eq(first.block, second.block);
    ck_assert_uint_eq(second.block->shape.entries, 8192);
    /* and one of another layout is left to the children of before */
    first.block->layout++;
    ck_assert_int_eq(slots_share(&third, process, SLOTS_MEMORY, 16),
                     APR_SUCCESS);
    ck_assert_ptr_ne(third.block, first.block);
    ck_assert_int_eq(slots_share(&second, process, SLOTS_MEMORY, 16),
                     APR_SUCCESS);
    ck_assert_ptr_eq(third.block, second.block);
    apr_pool_destroy(process);
}
END_TEST

/* ---- backends ---------------------------------------------------------- */

static unsigned hold(const char *name, unsigned row, apr_time_t at)
{
    slots_ref ref = { 0 };

    return slots_backend_hold(&block, &ref, text(name), row, at);
}

static slots_flight flight_of(unsigned backend)
{
    slots_flight flight;

    slots_flight_sum(&block, backend, &flight);
    return flight;
}

START_TEST(a_backend_keeps_its_slot)
{
    unsigned first = hold("http://10.0.0.1:8080", 0, NOW);
    unsigned second = hold("http://10.0.0.2:8080", 0, NOW);
    slots_name name;

    ck_assert_uint_ne(first, second);
    ck_assert_uint_eq(hold("http://10.0.0.1:8080", 0, NOW), first);
    ck_assert_uint_eq(slots_backend_find(&block, text("http://10.0.0.2:8080")),
                      second);
    ck_assert_uint_eq(slots_backend_find(&block, text("http://10.0.0.3:8080")),
                      SLOTS_OTHER(&block));
    ck_assert(slots_backend_name(&block, first, &name));
    ck_assert_str_eq(name.text, "http://10.0.0.1:8080");
    ck_assert_uint_eq(name.head.len, strlen(name.text));
    ck_assert(!slots_backend_name(&block, SLOTS_OTHER(&block), &name));
}
END_TEST

START_TEST(a_long_name_is_kept_in_part)
{
    char room[400];
    slots_name name;
    unsigned backend, other;

    memset(room, 'x', sizeof(room) - 1);
    room[sizeof(room) - 1] = '\0';
    backend = hold(room, 0, NOW);
    ck_assert(slots_backend_name(&block, backend, &name));
    ck_assert_uint_eq(name.head.len, sizeof(room) - 1);
    ck_assert_uint_eq(name.len, SLOTS_BACKEND_NAME);
    ck_assert_uint_eq(strlen(name.text), SLOTS_BACKEND_NAME);
    room[398] = 'y';
    other = hold(room, 0, NOW);
    ck_assert_uint_ne(backend, other);
}
END_TEST

START_TEST(what_is_in_flight_is_counted_in_rows)
{
    unsigned backend = hold("http://b", 0, NOW);

    ck_assert_uint_eq(hold("http://b", 1, NOW), backend);
    ck_assert_uint_eq(flight_of(backend).in_flight, 2);
    ck_assert_uint_eq(flight_of(backend).waiting, 2);
    slots_backend_answered(&block, backend, 1);
    slots_flight_add(&block, backend, 1, SLOTS_UPGRADED);
    ck_assert_uint_eq(flight_of(backend).waiting, 1);
    ck_assert_uint_eq(flight_of(backend).upgraded, 1);
    slots_flight_add(&block, backend, 1, 0 - SLOTS_UPGRADED);
    slots_backend_release(&block, backend, 1, 0);
    slots_backend_release(&block, backend, 0, 1);
    ck_assert_uint_eq(flight_of(backend).in_flight, 0);
    ck_assert_uint_eq(flight_of(backend).waiting, 0);
    ck_assert_uint_eq(flight_of(backend).upgraded, 0);
}
END_TEST

START_TEST(a_dead_child_has_nothing_in_flight)
{
    unsigned one = slots_row_take(&block, 100);
    unsigned two = slots_row_take(&block, 200);
    unsigned backend = hold("http://b", one, NOW);

    hold("http://b", two, NOW);
    hold("http://c", one, NOW);
    ck_assert_uint_ne(one, two);
    slots_row_clear(&block, 100);
    ck_assert_uint_eq(flight_of(backend).in_flight, 1);
    ck_assert_uint_eq(slots_row_take(&block, 300), one);
    slots_row_clear(&block, 999);
    ck_assert_uint_eq(flight_of(backend).in_flight, 1);
}
END_TEST

START_TEST(children_without_a_row_share_the_last)
{
    unsigned i;

    for (i = 0; i < CHILDREN; i++) {
        ck_assert_uint_eq(slots_row_take(&block, 100 + i), i);
    }
    ck_assert_uint_eq(slots_row_take(&block, 200), CHILDREN);
    ck_assert_uint_eq(slots_row_take(&block, 201), CHILDREN);
}
END_TEST

START_TEST(the_least_recently_used_backend_goes)
{
    unsigned last = block.block->shape.backends * 4, i, kept;
    slots_flight flight;
    slots_name name;
    char room[64];

    kept = hold("http://kept", 0, NOW);
    for (i = 0; i < last; i++) {
        slots_ref ref = { 0 };
        unsigned backend = slots_backend_hold(&block, &ref,
                                              numbered(room, "http://b", i), 0,
                                              NOW + apr_time_from_sec(i));

        ck_assert_uint_ne(backend, SLOTS_OTHER(&block));
        slots_backend_count_one(&block, backend, SLOTS_BACKEND_2XX);
        slots_backend_release(&block, backend, 0, 1);
        slots_flight_sum(&block, backend, &flight);
        ck_assert_uint_eq(flight.in_flight, 0);
    }
    /* the latest are there, and the one that is in flight */
    numbered(room, "http://b", last - 1);
    ck_assert_uint_ne(slots_backend_find(&block, text(room)),
                      SLOTS_OTHER(&block));
    ck_assert_uint_eq(slots_backend_find(&block, text("http://b0")),
                      SLOTS_OTHER(&block));
    ck_assert(slots_backend_name(&block, kept, &name));
    ck_assert_str_eq(name.text, "http://kept");
}
END_TEST

static apr_uint64_t backends_total(slots_backend_count what)
{
    apr_uint64_t total = 0;
    unsigned i;

    for (i = 0; i <= SLOTS_OTHER(&block); i++) {
        total += atomic_get64(&block.backends[i].counts[what]);
    }
    return total;
}

START_TEST(what_a_displaced_backend_counted_is_not_lost)
{
    unsigned count = block.block->shape.backends * 3, i;
    char room[64];

    for (i = 0; i < count; i++) {
        slots_ref ref = { 0 };
        unsigned backend = slots_backend_hold(&block, &ref,
                                              numbered(room, "http://b", i), 0,
                                              NOW);

        slots_backend_count_one(&block, backend, SLOTS_BACKEND_2XX);
        atomic_add64(&block.backends[backend].first_byte[7], 1);
        slots_backend_release(&block, backend, 0, 1);
    }
    ck_assert_uint_eq(backends_total(SLOTS_BACKEND_2XX), count);
    ck_assert_uint_gt(block.backends[SLOTS_OTHER(&block)].first_byte[7],
                      count / 2);
}
END_TEST

START_TEST(a_set_in_flight_sends_others_to_the_last_slot)
{
    unsigned i, count = block.block->shape.backends * 8, other = 0;
    char room[64];

    for (i = 0; i < count; i++) {
        slots_ref ref = { 0 };

        other += slots_backend_hold(&block, &ref,
                                    numbered(room, "http://b", i), 0, NOW)
                 == SLOTS_OTHER(&block);
    }
    ck_assert_uint_ge(other, count - block.block->shape.backends);
    ck_assert_uint_eq(flight_of(SLOTS_OTHER(&block)).in_flight, other);
}
END_TEST

START_TEST(a_reference_of_before_is_looked_up_again)
{
    slots_ref ref = { 0 };
    unsigned count = block.block->shape.backends * 16, i, first, again;
    slots_name name;
    char room[64];

    first = slots_backend_hold(&block, &ref, text("http://first"), 0, NOW);
    ck_assert_uint_eq(slots_backend_hold(&block, &ref, text("not looked at"),
                                         0, NOW), first);
    slots_backend_release(&block, first, 0, 1);
    slots_backend_release(&block, first, 0, 1);
    for (i = 0; i < count; i++) {
        slots_ref other = { 0 };
        unsigned backend = slots_backend_hold(&block, &other,
                                              numbered(room, "http://b", i), 0,
                                              NOW + apr_time_from_sec(1 + i));

        slots_backend_release(&block, backend, 0, 1);
    }
    ck_assert_uint_eq(slots_backend_find(&block, text("http://first")),
                      SLOTS_OTHER(&block));
    again = slots_backend_hold(&block, &ref, text("http://first"), 0,
                               NOW + apr_time_from_sec(count + 1));
    ck_assert(slots_backend_name(&block, again, &name));
    ck_assert_str_eq(name.text, "http://first");
    ck_assert_uint_eq(flight_of(again).in_flight, 1);
}
END_TEST

/* As if a thread had been killed while it changed a set's keys. */
START_TEST(a_claim_of_the_dead_ends)
{
    slots_name name;
    unsigned i, backend;

    for (i = 0; i <= block.backend_mask; i++) {
        block.backend_sets[i].claim = apr_time_sec(NOW);
        block.backend_sets[i].tags[0] = APR_UINT64_C(77) << 48;
        block.backends[i * SLOTS_WAYS + 3].head.generation = 5;
    }
    ck_assert_uint_eq(hold("http://b", 0, NOW), SLOTS_OTHER(&block));
    backend = hold("http://b", 0,
                   NOW + apr_time_from_sec(SLOTS_CLAIM_MAX + 1));
    ck_assert_uint_ne(backend, SLOTS_OTHER(&block));
    ck_assert(slots_backend_name(&block, backend, &name));
    /* and one of after the clock was set back */
    for (i = 0; i <= block.backend_mask; i++) {
        block.backend_sets[i].claim = apr_time_sec(NOW) + 3600;
    }
    ck_assert_uint_ne(hold("http://c", 0, NOW), SLOTS_OTHER(&block));
}
END_TEST

static void *APR_THREAD_FUNC end_the_claims(apr_thread_t *thread, void *data)
{
    unsigned i;

    (void)thread;
    (void)data;
    apr_sleep(apr_time_from_msec(20));
    for (i = 0; i <= block.backend_mask; i++) {
        __atomic_store_n(&block.backend_sets[i].claim, 0, __ATOMIC_RELEASE);
    }
    return NULL;
}

/* A thread that changes a set's keys may lose its processor. */
START_TEST(a_claim_is_waited_for)
{
    apr_thread_t *thread;
    apr_pool_t *pool;
    apr_status_t rv;
    unsigned i;

    apr_pool_create(&pool, NULL);
    for (i = 0; i <= block.backend_mask; i++) {
        block.backend_sets[i].claim = apr_time_sec(NOW);
    }
    ck_assert_int_eq(apr_thread_create(&thread, NULL, end_the_claims, NULL,
                                       pool), APR_SUCCESS);
    ck_assert_uint_ne(hold("http://b", 0, NOW), SLOTS_OTHER(&block));
    apr_thread_join(&rv, thread);
    apr_pool_destroy(pool);
}
END_TEST

/* ---- entries ----------------------------------------------------------- */

static int count_entry(const char *key, apr_time_t at, apr_uint32_t chance)
{
    slots_request request = { 0, 0, 10, 100, 0 };

    request.now = at;
    return slots_entry_add(&block, text(key), &request, chance);
}

/* The slot of a key, or NULL. */
static slots_entry *entry_of(const char *key, slots_name *name)
{
    unsigned i;

    for (i = 0; i < block.block->shape.entries; i++) {
        if (slots_entry_name(&block, i, name)
            && strcmp(name->text, key) == 0) {
            return &block.entries[i];
        }
    }
    return NULL;
}

START_TEST(an_entry_is_counted)
{
    slots_request request = { 3, 1, 1000, 500, NOW };
    slots_entry *entry;
    slots_name name;

    ck_assert(slots_entry_add(&block, text("www.example.com"), &request, 1));
    request.error = 0;
    ck_assert(slots_entry_add(&block, text("www.example.com"), &request, 1));
    entry = entry_of("www.example.com", &name);
    ck_assert_ptr_nonnull(entry);
    ck_assert_uint_eq(entry->counts[SLOTS_ENTRY_REQUESTS], 2);
    ck_assert_uint_eq(entry->counts[SLOTS_ENTRY_ERRORS], 1);
    ck_assert_uint_eq(entry->counts[SLOTS_ENTRY_BYTES], 2000);
    ck_assert_uint_eq(entry->counts[SLOTS_ENTRY_MICROS], 1000);
    ck_assert_uint_eq(name.head.map, 3);
    ck_assert_uint_eq(name.head.missed, 0);
    ck_assert_uint_eq(slots_missed(&block), 0);
}
END_TEST

START_TEST(the_same_key_of_two_maps_is_two_entries)
{
    slots_request request = { 0, 0, 0, 0, NOW };
    slots_name name;

    slots_entry_add(&block, text("a"), &request, 1);
    request.map = 1;
    slots_entry_add(&block, text("a"), &request, 1);
    ck_assert_uint_eq(entry_of("a", &name)->counts[SLOTS_ENTRY_REQUESTS], 1);
}
END_TEST

/* Fills the table with keys of so many requests each. */
static void fill(unsigned requests)
{
    unsigned count = block.block->shape.entries * 16, i, n;
    char room[64];

    for (i = 0; i < count; i++) {
        numbered(room, "host", i);
        for (n = 0; n < requests; n++) {
            /* chance 1: let in where there is room, or nothing to displace */
            count_entry(room, NOW, 1);
        }
    }
}

START_TEST(a_full_table_refuses_and_counts_what_it_missed)
{
    apr_uint64_t counted = 0;
    unsigned i;

    fill(2);
    for (i = 0; i < block.block->shape.entries; i++) {
        counted += block.entries[i].counts[SLOTS_ENTRY_REQUESTS];
    }
    ck_assert_uint_eq(counted, 2 * block.block->shape.entries);
    ck_assert_uint_eq(slots_missed(&block),
                      2 * 15 * block.block->shape.entries);
}
END_TEST

START_TEST(one_that_is_let_in_tells_what_it_may_have_missed)
{
    slots_entry *entry;
    slots_name name;
    apr_uint64_t before;

    fill(2);
    before = slots_missed(&block);
    ck_assert(!count_entry("new", NOW, 1));
    ck_assert(count_entry("new", NOW, 0));
    entry = entry_of("new", &name);
    ck_assert_ptr_nonnull(entry);
    ck_assert_uint_eq(entry->counts[SLOTS_ENTRY_REQUESTS], 1);
    /* the one request that was refused is within it */
    ck_assert_uint_ge(name.head.missed, 1);
    /* and the two of the displaced one are missed from now on */
    ck_assert_uint_eq(slots_missed(&block), before + 1 + 2);
}
END_TEST

START_TEST(what_was_not_asked_for_lately_is_displaced_first)
{
    unsigned i;
    slots_name name;

    fill(3);
    for (i = 0; i < 9; i++) {
        /* 3 requests of two minutes ago weigh nothing */
        ck_assert(count_entry("new", NOW + apr_time_from_sec(180), 7));
    }
    ck_assert_ptr_nonnull(entry_of("new", &name));
}
END_TEST

START_TEST(minutes_of_clocks_that_differ_are_one)
{
    apr_time_t minute = NOW / apr_time_from_sec(60) * apr_time_from_sec(60);
    slots_name name;

    count_entry("a", minute, 1);
    count_entry("a", minute - 1, 1);
    count_entry("a", minute, 1);
    ck_assert_ptr_nonnull(entry_of("a", &name));
    ck_assert_uint_eq(name.head.now, 3);
    count_entry("a", minute + apr_time_from_sec(60), 1);
    entry_of("a", &name);
    ck_assert_uint_eq(name.head.now, 1);
    ck_assert_uint_eq(name.head.before, 3);
    count_entry("a", minute - apr_time_from_sec(86400), 1);
    entry_of("a", &name);
    ck_assert_uint_eq(name.head.now, 1);
    ck_assert_uint_eq(name.head.before, 0);
}
END_TEST

/* ---- by many threads --------------------------------------------------- */

#define THREADS 4
#define ROUNDS  20000

/* Threads return: AddressSanitizer takes apr_thread_exit() out of a scope for
 * a use of its variables. */
static apr_uint32_t thread_faults;

static void run_threads(apr_thread_start_t work)
{
    apr_thread_t *threads[THREADS];
    static unsigned numbers[THREADS];
    apr_status_t rv;
    apr_pool_t *pool;
    unsigned i;

    thread_faults = 0;
    apr_pool_create(&pool, NULL);
    for (i = 0; i < THREADS; i++) {
        numbers[i] = i;
        rv = apr_thread_create(&threads[i], NULL, work, &numbers[i], pool);
        ck_assert_int_eq(rv, APR_SUCCESS);
    }
    for (i = 0; i < THREADS; i++) {
        apr_thread_join(&rv, threads[i]);
    }
    apr_pool_destroy(pool);
    ck_assert_uint_eq(thread_faults, 0);
}

static slots_ref shared_refs[16];

/* A thread that holds a slot sees its own name in it until it lets go. */
static void *APR_THREAD_FUNC hold_backends(apr_thread_t *thread, void *data)
{
    unsigned row = *(unsigned *)data, i;
    char room[64];

    (void)thread;
    for (i = 0; i < ROUNDS && !atomic_get32(&thread_faults); i++) {
        slots_ref own = { 0 }, *ref = &own;
        unsigned n = (i * 7919 + row * 104729) % 400;
        slots_name name;
        unsigned backend;

        if (n < 16) {
            ref = &shared_refs[n];
        }
        backend = slots_backend_hold(&block, ref, numbered(room, "http://", n),
                                     row, NOW + i % 2 * APR_USEC_PER_SEC);
        if (backend != SLOTS_OTHER(&block)) {
            /* one that wants the slot makes it unreadable until it finds it
             * held */
            while (!slots_backend_name(&block, backend, &name)) {
                apr_thread_yield();
            }
            if (strcmp(name.text, room) != 0) {
                atomic_add32(&thread_faults, 1);
            }
        }
        slots_backend_count_one(&block, backend, SLOTS_BACKEND_2XX);
        slots_backend_answered(&block, backend, row);
        slots_backend_release(&block, backend, row, 0);
    }
    return NULL;
}

START_TEST(a_held_slot_is_never_another_backends)
{
    unsigned i;

    memset(shared_refs, 0, sizeof(shared_refs));
    run_threads(hold_backends);
    ck_assert_uint_eq(backends_total(SLOTS_BACKEND_2XX), THREADS * ROUNDS);
    for (i = 0; i <= SLOTS_OTHER(&block); i++) {
        ck_assert_uint_eq(flight_of(i).in_flight, 0);
        ck_assert_uint_eq(flight_of(i).waiting, 0);
    }
}
END_TEST

static void *APR_THREAD_FUNC count_few(apr_thread_t *thread, void *data)
{
    slots_request request = { 0, 0, 1, 1, NOW };
    char room[64];
    unsigned i;

    (void)thread;
    (void)data;
    for (i = 0; i < ROUNDS; i++) {
        slots_entry_add(&block, numbered(room, "host", i % 50), &request, i);
        atomic_add64(&slots_lane_mine(&block)->classes[2], 1);
    }
    return NULL;
}

/* A thread that does not get to change keys, because the one that does was
 * interrupted, counts its request as missed. */
START_TEST(threads_count_exactly)
{
    apr_uint64_t total = 0;
    slots_lane sum;
    slots_name name;
    char room[64];
    unsigned i;

    run_threads(count_few);
    for (i = 0; i < 50; i++) {
        slots_entry *entry;

        numbered(room, "host", i);
        entry = entry_of(room, &name);
        ck_assert_ptr_nonnull(entry);
        total += entry->counts[SLOTS_ENTRY_REQUESTS];
        ck_assert_uint_eq(name.head.now, entry->counts[SLOTS_ENTRY_REQUESTS]);
        ck_assert_uint_ge(entry->counts[SLOTS_ENTRY_REQUESTS]
                          + slots_missed(&block), THREADS * ROUNDS / 50);
    }
    ck_assert_uint_eq(total + slots_missed(&block), THREADS * ROUNDS);
    slots_lanes_sum(&block, &sum);
    ck_assert_uint_eq(sum.classes[2], THREADS * ROUNDS);
}
END_TEST

/* A reader gets whole names or none while keys displace each other. */
static void *APR_THREAD_FUNC count_many(apr_thread_t *thread, void *data)
{
    slots_request request = { 0, 0, 1, 1, NOW };
    unsigned row = *(unsigned *)data, i, j;
    char room[64];

    (void)thread;
    for (i = 0; i < ROUNDS && !atomic_get32(&thread_faults); i++) {
        slots_name name;

        if (row != 0) {
            unsigned n = i * 2654435761u % 100000;

            sprintf(room, "%05u.%05u.%05u", n, n, n);
            slots_entry_add(&block, text(room), &request, 0);
            continue;
        }
        j = i % block.block->shape.entries;
        if (slots_entry_name(&block, j, &name)
            && (name.len != 17 || memcmp(name.text, name.text + 6, 5)
                || memcmp(name.text, name.text + 12, 5))) {
            atomic_add32(&thread_faults, 1);
        }
    }
    return NULL;
}

START_TEST(a_name_is_read_whole_or_not_at_all)
{
    run_threads(count_many);
}
END_TEST

/* ---- histograms -------------------------------------------------------- */

START_TEST(buckets_follow_one_another)
{
    unsigned bits, i;

    for (bits = SLOTS_BACKEND_BITS; bits <= SLOTS_TOTAL_BITS; bits++) {
        for (i = 0; i < HISTOGRAM_BUCKETS(bits); i++) {
            apr_uint64_t low = histogram_bound(bits, i);

            ck_assert_uint_eq(histogram_bucket(bits, low), i);
            if (i > 0) {
                ck_assert_uint_eq(histogram_bucket(bits, low - 1), i - 1);
            }
        }
        ck_assert_uint_eq(histogram_bucket(bits, APR_UINT64_MAX),
                          HISTOGRAM_BUCKETS(bits) - 1);
    }
}
END_TEST

START_TEST(quantiles_are_near_the_truth)
{
    static const double shares[] = { 0.1, 0.5, 0.9, 0.99, 0.999 };
    apr_uint64_t fine[HISTOGRAM_BUCKETS(SLOTS_TOTAL_BITS)] = { 0 };
    apr_uint64_t coarse[HISTOGRAM_BUCKETS(SLOTS_BACKEND_BITS)] = { 0 };
    apr_uint64_t i, n = 200000;
    unsigned k;

    /* from 100 us to 20 s, most of it short */
    for (i = 0; i < n; i++) {
        apr_uint64_t t = 100 + i * i / 2000;

        fine[histogram_bucket(SLOTS_TOTAL_BITS, t)]++;
        coarse[histogram_bucket(SLOTS_BACKEND_BITS, t)]++;
    }
    ck_assert_uint_eq(histogram_total(SLOTS_TOTAL_BITS, fine), n);
    for (k = 0; k < sizeof(shares) / sizeof(shares[0]); k++) {
        double rank = shares[k] * (double)n;
        double truth = 100 + rank * rank / 2000;
        double is = (double)histogram_quantile(SLOTS_TOTAL_BITS, fine,
                                               shares[k]);
        double about = (double)histogram_quantile(SLOTS_BACKEND_BITS, coarse,
                                                  shares[k]);

        ck_assert_double_lt(is, truth * 1.032);
        ck_assert_double_gt(is, truth / 1.032);
        ck_assert_double_lt(about, truth * 1.125);
        ck_assert_double_gt(about, truth / 1.125);
    }
}
END_TEST

START_TEST(quantiles_of_nothing_and_of_the_longest)
{
    apr_uint64_t counts[HISTOGRAM_BUCKETS(SLOTS_BACKEND_BITS)] = { 0 };

    ck_assert_uint_eq(histogram_quantile(SLOTS_BACKEND_BITS, counts, 0.5), 0);
    counts[HISTOGRAM_BUCKETS(SLOTS_BACKEND_BITS) - 1] = 1;
    ck_assert_uint_eq(histogram_quantile(SLOTS_BACKEND_BITS, counts, 0.5),
                      1 << HISTOGRAM_HIGH);
    ck_assert_uint_eq(histogram_below(SLOTS_BACKEND_BITS, counts,
                                      HISTOGRAM_HIGH), 0);
    counts[histogram_bucket(SLOTS_BACKEND_BITS, 1023)] = 2;
    ck_assert_uint_eq(histogram_below(SLOTS_BACKEND_BITS, counts, 10), 2);
    ck_assert_uint_eq(histogram_below(SLOTS_BACKEND_BITS, counts, 9), 0);
}
END_TEST

Suite *slots_suite(void)
{
    Suite *suite = suite_create("slots");
    TCase *tcase = tcase_create("slots");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, the_default_holds_what_is_promised);
    tcase_add_test(tcase, a_larger_block_holds_more);
    tcase_add_test(tcase, another_layout_is_refused);
    tcase_add_test(tcase, lanes_add_up);
    tcase_add_test(tcase, all_modules_share_one_block);
    tcase_add_test(tcase, a_backend_keeps_its_slot);
    tcase_add_test(tcase, a_long_name_is_kept_in_part);
    tcase_add_test(tcase, what_is_in_flight_is_counted_in_rows);
    tcase_add_test(tcase, a_dead_child_has_nothing_in_flight);
    tcase_add_test(tcase, children_without_a_row_share_the_last);
    tcase_add_test(tcase, the_least_recently_used_backend_goes);
    tcase_add_test(tcase, what_a_displaced_backend_counted_is_not_lost);
    tcase_add_test(tcase, a_set_in_flight_sends_others_to_the_last_slot);
    tcase_add_test(tcase, a_reference_of_before_is_looked_up_again);
    tcase_add_test(tcase, a_claim_of_the_dead_ends);
    tcase_add_test(tcase, a_claim_is_waited_for);
    tcase_add_test(tcase, an_entry_is_counted);
    tcase_add_test(tcase, the_same_key_of_two_maps_is_two_entries);
    tcase_add_test(tcase, a_full_table_refuses_and_counts_what_it_missed);
    tcase_add_test(tcase, one_that_is_let_in_tells_what_it_may_have_missed);
    tcase_add_test(tcase, what_was_not_asked_for_lately_is_displaced_first);
    tcase_add_test(tcase, minutes_of_clocks_that_differ_are_one);
    tcase_add_test(tcase, a_held_slot_is_never_another_backends);
    tcase_add_test(tcase, threads_count_exactly);
    tcase_add_test(tcase, a_name_is_read_whole_or_not_at_all);
    tcase_add_test(tcase, buckets_follow_one_another);
    tcase_add_test(tcase, quantiles_are_near_the_truth);
    tcase_add_test(tcase, quantiles_of_nothing_and_of_the_longest);
    suite_add_tcase(suite, tcase);
    return suite;
}

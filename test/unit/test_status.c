/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What is shown: names of strangers are text in every form, numbers for people,
 * the lists in their order, and the page of a full block.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "status/status_html_core.h"
#include "status/status_json_core.h"
#include "status/status_metrics_core.h"
#include "suites.h"

#define NOW (APR_INT64_C(1700000000) * APR_USEC_PER_SEC)

static void *memory;
static slots block;
static status_out out;

static void setup(void)
{
    slots_shape shape;

    slots_shape_fit(&shape, SLOTS_MEMORY, 16);
    memory = calloc(1, slots_size(&shape));
    slots_init(memory, &shape, 7, NOW);
    ck_assert_int_eq(slots_attach(&block, memory), APR_SUCCESS);
    memset(&out, 0, sizeof(out));
}

static void teardown(void)
{
    free(out.text);
    free(memory);
}

/* What was written, which is empty again. */
static const char *written(void)
{
    static char text[4096];

    ck_assert(!out.failed);
    ck_assert_uint_lt(out.len, sizeof(text));
    memcpy(text, out.text, out.len);
    text[out.len] = '\0';
    out.len = 0;
    return text;
}

/* ---- text -------------------------------------------------------------- */

START_TEST(names_are_escaped_for_each_form)
{
    static const char name[] = "a<b>&\"'\\c\n\x7f\xc3\xa9";
    hostmap_str str = { name, sizeof(name) - 1 };

    status_name(&out, STATUS_HTML, str);
    ck_assert_str_eq(written(), "a&lt;b&gt;&amp;&quot;&#39;\\x5cc\\x0a\\x7f"
                     "\\xc3\\xa9");
    status_name(&out, STATUS_JSON, str);
    ck_assert_str_eq(written(), "a<b>&\\\"'\\\\x5cc\\\\x0a\\\\x7f"
                     "\\\\xc3\\\\xa9");
    status_name(&out, STATUS_LABEL, str);
    ck_assert_str_eq(written(), "a<b>&\\\"'\\\\x5cc\\\\x0a\\\\x7f"
                     "\\\\xc3\\\\xa9");
    status_name(&out, STATUS_PLAIN, str);
    ck_assert_str_eq(written(), "a<b>&\"'\\x5cc\\x0a\\x7f\\xc3\\xa9");
    status_text(&out, STATUS_HTML, NULL);
    ck_assert_uint_eq(out.len, 0);
}
END_TEST

START_TEST(numbers_are_for_people)
{
    static const struct {
        apr_uint64_t n;
        const char *amount;
        const char *duration;
    } shown[] = {
        { 0, "0", "0 us" }, { 999, "999", "999 us" },
        { 1500, "1500", "1.5 ms" }, { 9999, "9999", "10 ms" },
        { 12345, "12.3 K", "12.3 ms" }, { 2250000, "2.25 M", "2.25 s" },
        { 180000000, "180 M", "3 min" },
        { APR_UINT64_C(10800000000), "10.8 G", "3 h" },
        { APR_UINT64_C(432000000000), "432 G", "5 days" }
    };
    unsigned i;

    for (i = 0; i < sizeof(shown) / sizeof(shown[0]); i++) {
        status_amount(&out, shown[i].n);
        ck_assert_str_eq(written(), shown[i].amount);
        status_duration(&out, shown[i].n);
        ck_assert_str_eq(written(), shown[i].duration);
    }
    status_seconds(&out, 1500001);
    ck_assert_str_eq(written(), "1.500001");
}
END_TEST

START_TEST(text_grows)
{
    unsigned i;

    for (i = 0; i < 100000; i++) {
        status_puts(&out, "0123456789");
    }
    ck_assert(!out.failed);
    ck_assert_uint_eq(out.len, 1000000);
    ck_assert_int_eq(memcmp(out.text + 999990, "0123456789", 10), 0);
}
END_TEST

/* ---- lists ------------------------------------------------------------- */

static void ask(unsigned host, unsigned times, apr_time_t at)
{
    slots_request request = { 0, 0, 100, 1000, 0 };
    char name[32];
    unsigned i;

    request.now = at;
    request.error = host % 2;
    for (i = 0; i < times; i++) {
        slots_entry_add(&block, hostmap_str_of(name, (apr_size_t)sprintf(
            name, "host%u", host)), &request, 1);
    }
}

START_TEST(the_top_is_in_order)
{
    status_hit hits[10];
    status_top top = { 0, hits };
    unsigned i;

    for (i = 0; i < 200; i++) {
        ask(i, (i * 7919) % 199 + 1, NOW);
    }
    status_top_find(&top, &block, SLOTS_ENTRY_REQUESTS, 10, NOW);
    ck_assert_uint_eq(top.count, 10);
    ck_assert_uint_eq(hits[0].counts[SLOTS_ENTRY_REQUESTS], 199);
    for (i = 1; i < 10; i++) {
        ck_assert_uint_eq(hits[i].counts[SLOTS_ENTRY_REQUESTS], 199 - i);
    }
    status_top_find(&top, &block, SLOTS_ENTRY_ERRORS, 10, NOW);
    ck_assert_uint_gt(hits[0].counts[SLOTS_ENTRY_ERRORS], 0);
    status_top_find(&top, &block, SLOTS_ENTRY_REQUESTS, 0, NOW);
    ck_assert_uint_eq(top.count, 0);
}
END_TEST

START_TEST(hot_is_what_was_asked_for_lately)
{
    apr_time_t later = NOW + apr_time_from_sec(600);
    status_hit hits[10];
    status_top top = { 0, hits };

    ask(1, 500, NOW);
    ask(2, 5, later);
    status_top_find(&top, &block, STATUS_BY_RECENT, 10, later);
    ck_assert_uint_eq(top.count, 1);
    ck_assert_str_eq(hits[0].name.text, "host2");
    ck_assert_uint_eq(hits[0].counts[STATUS_BY_RECENT], 5);
    status_top_find(&top, &block, STATUS_BY_RECENT, 10,
                    later + apr_time_from_sec(180));
    ck_assert_uint_eq(top.count, 0);
}
END_TEST

static unsigned backend(const char *name)
{
    slots_ref ref = { 0 };

    return slots_backend_hold(&block, &ref,
                              hostmap_str_of(name, strlen(name)), 0, NOW);
}

START_TEST(backends_that_fail_come_first)
{
    apr_uint32_t numbers[2049];
    unsigned quiet = backend("http://quiet"), dead = backend("http://dead");
    unsigned busy = backend("http://busy");
    status_backend read;

    backend("http://busy");
    slots_backend_release(&block, quiet, 0, 1);
    slots_backend_release(&block, dead, 0, 1);
    block.backends[dead].health.failures = 1;
    block.backends[busy].health.answered = NOW;
    block.backends[busy].health.failures = 2;
    ck_assert_uint_eq(status_backends_find(numbers, &block), 3);
    ck_assert_uint_eq(numbers[0], dead);
    ck_assert_uint_eq(numbers[1], busy);
    ck_assert_uint_eq(numbers[2], quiet);
    ck_assert(status_backend_read(&read, &block, busy));
    ck_assert_int_eq(read.state, STATUS_UP);
    block.backends[busy].health.failures = 3;
    ck_assert(status_backend_read(&read, &block, busy));
    ck_assert_int_eq(read.state, STATUS_FAILING);
    ck_assert(status_backend_read(&read, &block, quiet));
    ck_assert_int_eq(read.state, STATUS_UNKNOWN);
    ck_assert(!status_backend_read(&read, &block, SLOTS_OTHER(&block)));
}
END_TEST

/* ---- a full block ------------------------------------------------------ */

START_TEST(all_of_a_full_block_is_shown)
{
    static status_hit hits[STATUS_TOPS][50];
    static apr_uint32_t numbers[2049];
    status_view view = { 0 };
    unsigned i;
    char name[64];

    for (i = 0; i < 1024; i++) {
        unsigned slot;

        sprintf(name, "http://10.0.%u.%u:8080", i / 256, i % 256);
        slot = backend(name);
        slots_backend_count_one(&block, slot, SLOTS_BACKEND_2XX);
        atomic_add64(&block.backends[slot].first_byte[i % 80], 1);
    }
    for (i = 0; i < 20000; i++) {
        ask(i, 1, NOW);
    }
    view.slots = &block;
    view.now = NOW + APR_USEC_PER_SEC;
    view.server = view.version = view.nonce = "x";
    view.shown = 50;
    view.has_pools = 1;
    view.host_series = 1;
    view.backends = numbers;
    view.backend_count = status_backends_find(numbers, &block);
    ck_assert_uint_gt(view.backend_count, 1000);
    for (i = 0; i < STATUS_TOPS; i++) {
        view.tops[i].hits = hits[i];
        status_top_find(&view.tops[i], &block, i, 50, view.now);
    }
    status_html(&out, &view);
    ck_assert(!out.failed);
    ck_assert_uint_lt(out.len, 200000);
    out.len = 0;
    status_json(&out, &view);
    ck_assert(!out.failed);
    ck_assert_uint_lt(out.len, 2000000);
    out.len = 0;
    status_metrics(&out, &view, 1);
    ck_assert(!out.failed);
    ck_assert_uint_lt(out.len, 2500000);
    ck_assert_int_eq(memcmp(out.text + out.len - 6, "# EOF\n", 6), 0);
}
END_TEST

Suite *status_suite(void)
{
    Suite *suite = suite_create("status");
    TCase *tcase = tcase_create("status");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, names_are_escaped_for_each_form);
    tcase_add_test(tcase, numbers_are_for_people);
    tcase_add_test(tcase, text_grows);
    tcase_add_test(tcase, the_top_is_in_order);
    tcase_add_test(tcase, hot_is_what_was_asked_for_lately);
    tcase_add_test(tcase, backends_that_fail_come_first);
    tcase_add_test(tcase, all_of_a_full_block_is_shown);
    suite_add_tcase(suite, tcase);
    return suite;
}

/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Are the busiest entries found?  A million hosts, asked for by Zipf's law, and
 * a plain count of each beside the table.
 */

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/slots.h"
#include "suites.h"

#define NOW      (APR_INT64_C(1700000000) * APR_USEC_PER_SEC)
#define HOSTS    1000000
/* of hosts that are asked for some hundred times, two or ten are counted too
 * late: with more requests that is less of them */
#define REQUESTS 2000000
#define TOP      100

static void *memory;
static slots block;
static double *shares;          /* of the hosts up to each one */
static apr_uint32_t *truth;     /* requests of each host */
static apr_uint64_t state;

static void setup(void)
{
    slots_shape shape;

    slots_shape_fit(&shape, SLOTS_MEMORY, 1);
    memory = calloc(1, slots_size(&shape));
    shares = malloc(HOSTS * sizeof(*shares));
    truth = calloc(HOSTS, sizeof(*truth));
    ck_assert(memory && shares && truth);
    slots_init(memory, &shape, APR_UINT64_C(0x243f6a8885a308d3), NOW);
    ck_assert_int_eq(slots_attach(&block, memory), APR_SUCCESS);
    state = 88172645463325252u;
}

static void teardown(void)
{
    free(memory);
    free(shares);
    free(truth);
}

/* xorshift64: the same numbers in each run. */
static apr_uint64_t chance(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static void zipf(double exponent)
{
    double sum = 0;
    unsigned i;

    for (i = 0; i < HOSTS; i++) {
        sum += pow(i + 1, -exponent);
        shares[i] = sum;
    }
}

static unsigned draw(void)
{
    double at = (double)(chance() >> 11) / 9007199254740992.0
                * shares[HOSTS - 1];
    unsigned low = 0, high = HOSTS - 1;

    while (low < high) {
        unsigned middle = (low + high) / 2;

        if (shares[middle] < at) {
            low = middle + 1;
        }
        else {
            high = middle;
        }
    }
    return low;
}

static void ask(unsigned host, unsigned n)
{
    slots_request request = { 0, 0, 100, 1000, 0 };
    char room[32];

    /* two minutes for all of them */
    request.now = NOW + apr_time_from_sec(120) * n / REQUESTS;
    slots_entry_add(&block, hostmap_str_of(room, (apr_size_t)sprintf(
        room, "host%u.example", host)), &request, (apr_uint32_t)chance());
    truth[host]++;
}

static unsigned host_of(const slots_name *name)
{
    return (unsigned)strtoul(name->text + strlen("host"), NULL, 10);
}

/* Every slot says a number that is not above the truth, and a bound that the
 * truth is not above.  How far off, at most, are the hosts of the true top, in
 * parts of a thousand?  The first hosts are the busiest. */
static unsigned check_bounds(unsigned *found)
{
    unsigned worst = 0, i;

    *found = 0;
    for (i = 0; i < block.block->shape.entries; i++) {
        slots_name name;
        apr_uint64_t counted;
        unsigned host, off;

        if (!slots_entry_name(&block, i, &name)) {
            continue;
        }
        host = host_of(&name);
        counted = block.entries[i].counts[SLOTS_ENTRY_REQUESTS];
        ck_assert_uint_le(counted, truth[host]);
        ck_assert_uint_ge(counted + name.head.missed, truth[host]);
        if (host < TOP) {
            ++*found;
            off = (unsigned)(1000 * (truth[host] - counted) / truth[host]);
            worst = off > worst ? off : worst;
        }
    }
    return worst;
}

static void run(double exponent, unsigned worst_allowed)
{
    unsigned i, found, worst;

    zipf(exponent);
    for (i = 0; i < REQUESTS; i++) {
        ask(draw(), i);
    }
    worst = check_bounds(&found);
    printf("hitters: exponent %.1f: %u of the true top %u, %.1f %% off at "
           "most\n", exponent, found, TOP, worst / 10.0);
    ck_assert_uint_eq(found, TOP);
    ck_assert_uint_le(worst, worst_allowed);
}

START_TEST(the_top_is_found_where_few_hosts_have_most)
{
    run(1.0, 10);
}
END_TEST

START_TEST(the_top_is_found_where_many_hosts_have_much)
{
    run(0.8, 20);
}
END_TEST

/* A client that makes names up under a wildcard makes no keys; but the
 * entries of a map of a million hosts may all be asked for once. */
START_TEST(a_flood_of_rare_hosts_displaces_no_top_host)
{
    unsigned i, found;

    zipf(1.0);
    for (i = 0; i < REQUESTS / 4; i++) {
        ask(draw(), i);
    }
    for (i = 0; i < REQUESTS; i++) {
        ask((unsigned)(chance() % HOSTS), i);
        if (i % 20 == 0) {
            ask(draw(), i);
        }
    }
    check_bounds(&found);
    printf("hitters: after a flood: %u of the true top %u\n", found, TOP);
    ck_assert_uint_eq(found, TOP);
}
END_TEST

Suite *hitters_suite(void)
{
    Suite *suite = suite_create("hitters");
    TCase *tcase = tcase_create("hitters");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, the_top_is_found_where_few_hosts_have_most);
    tcase_add_test(tcase, the_top_is_found_where_many_hosts_have_much);
    tcase_add_test(tcase, a_flood_of_rare_hosts_displaces_no_top_host);
    suite_add_tcase(suite, tcase);
    return suite;
}

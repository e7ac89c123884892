/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Which member of a group gets a request.
 */

#include <stdlib.h>
#include <string.h>

#include "pool/pool_choice_core.h"
#include "suites.h"

#define REQUESTS 100000

static pool_member members[POOL_MEMBERS_MAX];
static pool_choice choice;

/** Members that are up, with these weights; the policy. */
static void group(pool_policy policy, int count, const unsigned *weights)
{
    int i;

    memset(members, 0, sizeof(members));
    memset(&choice, 0, sizeof(choice));
    choice.policy = policy;
    for (i = 0; i < count; i++) {
        members[i].id = 1000 + (apr_uint64_t)i;
        members[i].weight = weights[i];
        members[i].share = POOL_SHARE_FULL;
    }
}

/** Within two in a hundred of the share that the weights say. */
static void check_share(unsigned got, unsigned total, unsigned weight,
                        unsigned weights)
{
    double wanted = (double)total * weight / weights;

    ck_assert_msg(got >= wanted * 0.98 && got <= wanted * 1.02,
                  "%u of %u requests for %u of %u parts", got, total, weight,
                  weights);
}

static const unsigned weights_5321[] = { 5, 3, 2, 1 };

START_TEST(turns_are_shared_by_weight)
{
    unsigned got[4] = { 0 };
    apr_uint32_t n;
    int i;

    group(POOL_POLICY_ROUNDROBIN, 4, weights_5321);
    for (n = 0; n < REQUESTS; n++) {
        choice.turn = 77 + n;
        got[pool_choose(&choice, members, 4)]++;
    }
    for (i = 0; i < 4; i++) {
        check_share(got[i], REQUESTS, weights_5321[i], 11);
    }
}
END_TEST

/** Two groups that take turns with one counter see each other's steps. */
START_TEST(turns_are_even_when_groups_share_the_counter)
{
    static const unsigned weights[] = { 1, 1 };
    int step;

    group(POOL_POLICY_ROUNDROBIN, 2, weights);
    for (step = 1; step <= 16; step++) {
        unsigned got[2] = { 0 };
        apr_uint32_t n;

        for (n = 0; n < REQUESTS; n++) {
            choice.turn = n * (apr_uint32_t)step;
            got[pool_choose(&choice, members, 2)]++;
        }
        check_share(got[0], REQUESTS, 1, 2);
    }
}
END_TEST

START_TEST(neighbouring_turns_differ)
{
    static const unsigned weights[] = { 1, 1, 1 };
    unsigned got[3];
    apr_uint32_t n, i;

    group(POOL_POLICY_ROUNDROBIN, 3, weights);
    for (n = 0; n < 3000; n++) {
        memset(got, 0, sizeof(got));
        for (i = 0; i < 12; i++) {
            choice.turn = n + i;
            got[pool_choose(&choice, members, 3)]++;
        }
        /* a burst of twelve is spread */
        for (i = 0; i < 3; i++) {
            ck_assert_uint_ge(got[i], 3);
            ck_assert_uint_le(got[i], 5);
        }
    }
}
END_TEST

/** Requests that stay: each goes where it makes the least of the load. */
START_TEST(least_connections_fill_by_weight)
{
    unsigned n;
    int i;

    group(POOL_POLICY_LEASTCONN, 4, weights_5321);
    for (n = 0; n < 11000; n++) {
        choice.turn = n;
        i = pool_choose(&choice, members, 4);
        members[i].in_flight++;
    }
    for (i = 0; i < 4; i++) {
        check_share(members[i].in_flight, 11000, weights_5321[i], 11);
    }
}
END_TEST

START_TEST(idle_members_of_leastconn_take_turns)
{
    static const unsigned weights[] = { 1, 1 };
    unsigned got[2] = { 0 };
    apr_uint32_t n;

    group(POOL_POLICY_LEASTCONN, 2, weights);
    for (n = 0; n < REQUESTS; n++) {
        choice.turn = n;
        got[pool_choose(&choice, members, 2)]++;
    }
    check_share(got[0], REQUESTS, 1, 2);
}
END_TEST

static apr_uint64_t hash_of(unsigned n)
{
    return n * APR_UINT64_C(0x9e3779b97f4a7c15);
}

START_TEST(hashes_are_shared_by_weight)
{
    unsigned got[4] = { 0 };
    unsigned n;
    int i;

    group(POOL_POLICY_HASH, 4, weights_5321);
    for (n = 0; n < REQUESTS; n++) {
        choice.hash = hash_of(n);
        got[pool_choose(&choice, members, 4)]++;
    }
    for (i = 0; i < 4; i++) {
        check_share(got[i], REQUESTS, weights_5321[i], 11);
    }
}
END_TEST

/** What a member that goes had is shared by the others; nothing else moves. */
START_TEST(a_hash_moves_only_the_share_of_a_member_that_goes)
{
    static unsigned char before[REQUESTS];
    unsigned n, moved = 0;
    unsigned got[4] = { 0 };

    group(POOL_POLICY_HASH, 4, weights_5321);
    for (n = 0; n < REQUESTS; n++) {
        choice.hash = hash_of(n);
        before[n] = (unsigned char)pool_choose(&choice, members, 4);
    }
    members[1].state = POOL_MEMBER_OUT;
    for (n = 0; n < REQUESTS; n++) {
        int now;

        choice.hash = hash_of(n);
        now = pool_choose(&choice, members, 4);
        got[now]++;
        ck_assert_int_ne(now, 1);
        if (before[n] == 1) {
            moved++;
        }
        else {
            ck_assert_int_eq(now, before[n]);
        }
    }
    check_share(moved, REQUESTS, 3, 11);
    check_share(got[0], REQUESTS, 5, 8);
}
END_TEST

START_TEST(first_takes_the_first_that_is_up)
{
    static const unsigned weights[] = { 1, 1, 1 };

    group(POOL_POLICY_FIRST, 3, weights);
    ck_assert_int_eq(pool_choose(&choice, members, 3), 0);
    members[0].state = POOL_MEMBER_OUT;
    ck_assert_int_eq(pool_choose(&choice, members, 3), 1);
    members[0].state = POOL_MEMBER_UP;
    members[0].tried = 1;
    ck_assert_int_eq(pool_choose(&choice, members, 3), 1);
}
END_TEST

START_TEST(backups_serve_when_no_other_is_up)
{
    static const unsigned weights[] = { 1, 1, 1 };
    static const pool_member_state gone[] = {
        POOL_MEMBER_OUT, POOL_MEMBER_DRAIN, POOL_MEMBER_DOWN
    };
    int policy, i;

    for (policy = POOL_POLICY_ROUNDROBIN; policy <= POOL_POLICY_FIRST;
         policy++) {
        for (i = 0; i < 3; i++) {
            group((pool_policy)policy, 3, weights);
            members[0].backup = 1;
            ck_assert_int_ne(pool_choose(&choice, members, 3), 0);
            members[1].state = members[2].state = gone[i];
            ck_assert_int_eq(pool_choose(&choice, members, 3), 0);
        }
    }
}
END_TEST

START_TEST(the_one_out_longest_is_the_last_resort)
{
    static const unsigned weights[] = { 1, 1, 1 };
    int i;

    group(POOL_POLICY_ROUNDROBIN, 3, weights);
    for (i = 0; i < 3; i++) {
        members[i].state = POOL_MEMBER_OUT;
        members[i].out_since = 300 - 100 * i;
    }
    members[1].backup = 1;
    ck_assert_int_eq(pool_choose(&choice, members, 3), 2);
    members[2].tried = 1;
    ck_assert_int_eq(pool_choose(&choice, members, 3), 1);
    members[1].state = POOL_MEMBER_DOWN;
    ck_assert_int_eq(pool_choose(&choice, members, 3), 0);
    members[0].tried = 1;
    ck_assert_int_eq(pool_choose(&choice, members, 3), -1);
}
END_TEST

START_TEST(a_cookie_leads_to_its_member_while_that_serves)
{
    static const unsigned weights[] = { 1, 1, 1 };

    group(POOL_POLICY_FIRST, 3, weights);
    choice.sticky = members[2].id;
    ck_assert_int_eq(pool_choose(&choice, members, 3), 2);
    members[2].state = POOL_MEMBER_DRAIN;
    ck_assert_int_eq(pool_choose(&choice, members, 3), 2);
    members[2].state = POOL_MEMBER_DOWN;
    ck_assert_int_eq(pool_choose(&choice, members, 3), 0);
    members[2].state = POOL_MEMBER_OUT;
    ck_assert_int_eq(pool_choose(&choice, members, 3), 0);
    members[2].state = POOL_MEMBER_UP;
    members[2].tried = 1;
    ck_assert_int_eq(pool_choose(&choice, members, 3), 0);
    choice.sticky = 4711;
    ck_assert_int_eq(pool_choose(&choice, members, 3), 0);
}
END_TEST

START_TEST(a_slow_start_takes_its_share_only)
{
    static const unsigned weights[] = { 1, 1 };
    unsigned got[2] = { 0 };
    apr_uint32_t n;

    group(POOL_POLICY_ROUNDROBIN, 2, weights);
    members[1].share = POOL_SHARE_FULL / 4;
    for (n = 0; n < REQUESTS; n++) {
        choice.turn = n;
        got[pool_choose(&choice, members, 2)]++;
    }
    check_share(got[1], REQUESTS, 1, 5);
}
END_TEST

/** What rule may a member be chosen by: the smaller number goes first. */
static int rank(const pool_member *member)
{
    if (member->tried || member->state == POOL_MEMBER_DOWN) {
        return 0;
    }
    if (member->id == choice.sticky && member->state != POOL_MEMBER_OUT) {
        return 1;
    }
    if (member->state == POOL_MEMBER_UP) {
        return member->backup ? 3 : 2;
    }
    return member->state == POOL_MEMBER_OUT ? 4 : 0;
}

/** Random groups beside the rules, read off one by one. */
START_TEST(random_groups_obey_the_rules)
{
    unsigned seed = 1, round;

    for (round = 0; round < 200000; round++) {
        int count = 1 + rand_r(&seed) % POOL_MEMBERS_MAX;
        int best = 0, found, i;

        memset(members, 0, sizeof(members));
        choice.policy = (pool_policy)(rand_r(&seed) % 4);
        choice.turn = (apr_uint32_t)rand_r(&seed);
        choice.hash = hash_of((unsigned)rand_r(&seed));
        choice.sticky = (apr_uint64_t)(rand_r(&seed) % (2 * count));
        for (i = 0; i < count; i++) {
            members[i].id = 1 + (apr_uint64_t)i;
            members[i].weight = 1 + (unsigned)rand_r(&seed) % POOL_WEIGHT_MAX;
            members[i].share = 1 + (unsigned)rand_r(&seed) % POOL_SHARE_FULL;
            members[i].in_flight = (unsigned)rand_r(&seed) % 100;
            members[i].backup = rand_r(&seed) % 3 == 0;
            members[i].tried = rand_r(&seed) % 3 == 0;
            members[i].state = (pool_member_state)(rand_r(&seed) % 4);
            members[i].out_since = rand_r(&seed) % 1000;
            if (rank(&members[i]) && (!best || rank(&members[i]) < best)) {
                best = rank(&members[i]);
            }
        }
        found = pool_choose(&choice, members, count);
        if (!best) {
            ck_assert_int_eq(found, -1);
            continue;
        }
        ck_assert_int_ge(found, 0);
        ck_assert_int_lt(found, count);
        ck_assert_int_eq(rank(&members[found]), best);
    }
}
END_TEST

Suite *pool_choice_suite(void)
{
    Suite *suite = suite_create("pool_choice");
    TCase *tcase = tcase_create("choice");

    tcase_add_test(tcase, turns_are_shared_by_weight);
    tcase_add_test(tcase, turns_are_even_when_groups_share_the_counter);
    tcase_add_test(tcase, neighbouring_turns_differ);
    tcase_add_test(tcase, least_connections_fill_by_weight);
    tcase_add_test(tcase, idle_members_of_leastconn_take_turns);
    tcase_add_test(tcase, hashes_are_shared_by_weight);
    tcase_add_test(tcase, a_hash_moves_only_the_share_of_a_member_that_goes);
    tcase_add_test(tcase, first_takes_the_first_that_is_up);
    tcase_add_test(tcase, backups_serve_when_no_other_is_up);
    tcase_add_test(tcase, the_one_out_longest_is_the_last_resort);
    tcase_add_test(tcase, a_cookie_leads_to_its_member_while_that_serves);
    tcase_add_test(tcase, a_slow_start_takes_its_share_only);
    tcase_add_test(tcase, random_groups_obey_the_rules);
    suite_add_tcase(suite, tcase);
    return suite;
}

/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Policies over the members that are left.  None keeps a state of its own for
 * a group: turns are taken along a sequence that spreads evenly over any range
 * (multiples of the golden ratio), also when several groups share the counter.
 */

#include <math.h>

#include "pool_choice_core.h"

/** 2^32 divided by the golden ratio, odd. */
#define CHOICE_STEP 0x9e3779b1u

/** Members that are candidates, a bit each. */
typedef apr_uint32_t choice_set;

static int choice_has(choice_set set, int i)
{
    return (set >> i) & 1;
}

static apr_uint64_t choice_weight(const pool_member *member)
{
    return (apr_uint64_t)member->weight * member->share;
}

/** The candidates in turn, each as often as its weight says. */
static int choice_turn(choice_set set, const pool_member *members, int count,
                       apr_uint32_t turn)
{
    apr_uint64_t total = 0, at;
    int i, last = -1;

    for (i = 0; i < count; i++) {
        if (choice_has(set, i)) {
            total += choice_weight(&members[i]);
        }
    }
    at = ((apr_uint64_t)(apr_uint32_t)(turn * CHOICE_STEP) * total) >> 32;
    for (i = 0; i < count; i++) {
        if (choice_has(set, i)) {
            last = i;
            if (at < choice_weight(&members[i])) {
                return i;
            }
            at -= choice_weight(&members[i]);
        }
    }
    return last;
}

/** Those with the fewest requests for their weight; of equals in turn. */
static int choice_least(choice_set set, const pool_member *members, int count,
                        apr_uint32_t turn)
{
    choice_set least = 0;
    apr_uint64_t load = 0, weight = 1;
    int i;

    for (i = 0; i < count; i++) {
        apr_uint64_t mine = (apr_uint64_t)members[i].in_flight + 1;
        apr_uint64_t left, right;

        if (!choice_has(set, i)) {
            continue;
        }
        left = mine * weight;
        right = load * choice_weight(&members[i]);
        if (least == 0 || left < right) {
            load = mine;
            weight = choice_weight(&members[i]);
            least = 0;
        }
        else if (left > right) {
            continue;
        }
        least |= (choice_set)1 << i;
    }
    return choice_turn(least, members, count, turn);
}

/** Each bit of the result depends on each bit of the number. */
static apr_uint64_t choice_mix(apr_uint64_t number)
{
    number = (number ^ (number >> 30)) * APR_UINT64_C(0xbf58476d1ce4e5b9);
    number = (number ^ (number >> 27)) * APR_UINT64_C(0x94d049bb133111eb);
    return number ^ (number >> 31);
}

/** Weighted rendezvous hashing: a member that goes takes its own share along
 *  and moves nobody else's. */
static int choice_hash(choice_set set, const pool_member *members, int count,
                       apr_uint64_t hash)
{
    double best = -1;
    int i, found = -1;

    for (i = 0; i < count; i++) {
        double draw, score;

        if (!choice_has(set, i)) {
            continue;
        }
        /* between 0 and 1, neither of them */
        draw = ((double)(choice_mix(hash ^ choice_mix(members[i].id)) >> 12)
                + 0.5) / 4503599627370496.0;
        score = (double)choice_weight(&members[i]) / -log(draw);
        if (score > best) {
            best = score;
            found = i;
        }
    }
    return found;
}

static int choice_first(choice_set set, int count)
{
    int i;

    for (i = 0; i < count; i++) {
        if (choice_has(set, i)) {
            return i;
        }
    }
    return -1;
}

/** The one that has been out longest. */
static int choice_last_resort(const pool_member *members, int count)
{
    int i, found = -1;

    for (i = 0; i < count; i++) {
        if (members[i].state == POOL_MEMBER_OUT && !members[i].tried
            && (found == -1
                || members[i].out_since < members[found].out_since)) {
            found = i;
        }
    }
    return found;
}

static int choice_sticky(const pool_choice *choice,
                         const pool_member *members, int count)
{
    int i;

    for (i = 0; choice->sticky && i < count; i++) {
        if (members[i].id == choice->sticky && !members[i].tried
            && (members[i].state == POOL_MEMBER_UP
                || members[i].state == POOL_MEMBER_DRAIN)) {
            return i;
        }
    }
    return -1;
}

int pool_choose(const pool_choice *choice, const pool_member *members,
                int count)
{
    choice_set set = 0, backups = 0;
    int i, found = choice_sticky(choice, members, count);

    if (found != -1) {
        return found;
    }
    for (i = 0; i < count; i++) {
        if (members[i].state == POOL_MEMBER_UP && !members[i].tried) {
            *(members[i].backup ? &backups : &set) |= (choice_set)1 << i;
        }
    }
    if (set == 0) {
        set = backups;
    }
    if (set == 0) {
        return choice_last_resort(members, count);
    }
    switch (choice->policy) {
    case POOL_POLICY_ROUNDROBIN:
        return choice_turn(set, members, count, choice->turn);
    case POOL_POLICY_LEASTCONN:
        return choice_least(set, members, count, choice->turn);
    case POOL_POLICY_HASH:
        return choice_hash(set, members, count, choice->hash);
    case POOL_POLICY_FIRST:
        break;
    }
    return choice_first(set, count);
}

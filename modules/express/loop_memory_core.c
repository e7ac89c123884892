/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A slot is four words that threads of several processes read and write, each
 * word atomically and the slot under no lock.  So a reader may see words of
 * two writers.  Every combination is harmless:
 *
 * - half of one fingerprint and half of another is the fingerprint of no
 *   entry: not remembered, and the next loop that is seen adds it again;
 * - a fingerprint with another's times: a writer clears `added` before it
 *   changes the fingerprint and sets it last, and a reader reads it first.  So
 *   both writers are at work now, and both entries were loops just now.
 */

#include "loop_memory_core.h"

#include "apr_atomic.h"

/* A time is a count of ticks in 31 bits, compared by difference, which wraps
 * around every few years.  A word in memory is this count and the lowest bit,
 * set, so that no time is 0, which means unset. */
#define LOOP_MEMORY_TICK  apr_time_from_msec(100)

static apr_uint32_t loop_memory_word(apr_time_t now)
{
    return (apr_uint32_t)(now / LOOP_MEMORY_TICK) << 1 | 1;
}

/** Time from one word to the other, negative if `to` is before. */
static apr_interval_time_t loop_memory_between(apr_uint32_t from,
                                               apr_uint32_t to)
{
    return (apr_int32_t)(to - from) / 2 * LOOP_MEMORY_TICK;
}

static int loop_memory_holds(loop_memory *memory, apr_size_t n,
                             apr_uint64_t print)
{
    return apr_atomic_read32(&memory->slots[n].high)
           == (apr_uint32_t)(print >> 32)
           && apr_atomic_read32(&memory->slots[n].low) == (apr_uint32_t)print;
}

int loop_memory_any(loop_memory *memory, apr_time_t now)
{
    apr_uint32_t last = apr_atomic_read32(&memory->last);

    return last != 0 && loop_memory_between(last, loop_memory_word(now))
                        <= LOOP_MEMORY_FORGET;
}

loop_memory_verdict loop_memory_ask(loop_memory *memory, apr_uint64_t print,
                                    apr_time_t now)
{
    apr_size_t n = print % LOOP_MEMORY_SLOTS;
    apr_uint32_t added = apr_atomic_read32(&memory->slots[n].added);
    apr_uint32_t word = loop_memory_word(now);
    apr_interval_time_t left;
    apr_uint32_t next;

    if (added == 0 || !loop_memory_holds(memory, n, print)
        || loop_memory_between(added, word) > LOOP_MEMORY_FORGET) {
        return LOOP_MEMORY_SERVE;
    }
    next = apr_atomic_read32(&memory->slots[n].next);
    left = loop_memory_between(word, next);
    /* a time too far ahead dates from before the clock was set back */
    if (left > 0 && left <= LOOP_MEMORY_INTERVAL) {
        return LOOP_MEMORY_REFUSE;
    }
    /* of the threads that race here, only the one whose swap succeeds is the
     * probe */
    return apr_atomic_cas32(&memory->slots[n].next,
                            loop_memory_word(now + LOOP_MEMORY_INTERVAL),
                            next)
           == next ? LOOP_MEMORY_PROBE : LOOP_MEMORY_REFUSE;
}

void loop_memory_add(loop_memory *memory, apr_uint64_t print, apr_time_t now)
{
    apr_size_t n = print % LOOP_MEMORY_SLOTS;
    apr_uint32_t next = loop_memory_word(now + LOOP_MEMORY_INTERVAL);

    if (!loop_memory_holds(memory, n, print)) {
        apr_atomic_set32(&memory->slots[n].added, 0);
        apr_atomic_set32(&memory->slots[n].high, (apr_uint32_t)(print >> 32));
        apr_atomic_set32(&memory->slots[n].low, (apr_uint32_t)print);
    }
    apr_atomic_set32(&memory->slots[n].next, next);
    apr_atomic_set32(&memory->slots[n].added, loop_memory_word(now));
    apr_atomic_set32(&memory->last, loop_memory_word(now));
}

void loop_memory_free(loop_memory *memory, apr_uint64_t print)
{
    apr_size_t n = print % LOOP_MEMORY_SLOTS;

    if (loop_memory_holds(memory, n, print)) {
        apr_atomic_set32(&memory->slots[n].added, 0);
    }
}

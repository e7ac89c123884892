/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A slot is four words that threads of several processes read and write, each
 * word in one piece and the slot under no lock.  So a reader may see words of
 * two writers.  Whatever it sees is harmless:
 *
 * - half of one mark and half of another is the mark of no entry: not
 *   remembered, and the next loop that is seen adds it again;
 * - a mark with another's times: a writer takes `added` away before it changes
 *   the mark and sets it last, and a reader reads it first.  So both writers
 *   are there now, and both entries were loops just now.
 */

#include "loop_memory_core.h"

#include "apr_atomic.h"

/* A time is a count of ticks in 31 bits, compared by difference: it comes round
 * every few years.  The word in memory is that and the lowest bit, so that no
 * time is 0, which is none. */
#define TICK         apr_time_from_msec(100)
#define TICKS(time)  ((apr_int32_t)((time) / TICK))

static apr_uint32_t word_of(apr_time_t now)
{
    return (apr_uint32_t)(now / TICK) << 1 | 1;
}

/** Ticks from one to the other, negative when `to` is before. */
static apr_int32_t ticks(apr_uint32_t from, apr_uint32_t to)
{
    return (apr_int32_t)(to - from) / 2;
}

static int holds(loop_memory *memory, apr_size_t n, apr_uint64_t mark)
{
    return apr_atomic_read32(&memory->slots[n].high)
           == (apr_uint32_t)(mark >> 32)
           && apr_atomic_read32(&memory->slots[n].low) == (apr_uint32_t)mark;
}

int memory_any(loop_memory *memory, apr_time_t now)
{
    apr_uint32_t last = apr_atomic_read32(&memory->last);

    return last != 0 && ticks(last, word_of(now)) <= TICKS(MEMORY_FORGET);
}

memory_verdict memory_ask(loop_memory *memory, apr_uint64_t mark,
                          apr_time_t now)
{
    apr_size_t n = mark % MEMORY_SLOTS;
    apr_uint32_t added = apr_atomic_read32(&memory->slots[n].added);
    apr_uint32_t word = word_of(now);
    apr_uint32_t next;
    apr_int32_t left;

    if (added == 0 || !holds(memory, n, mark)
        || ticks(added, word) > TICKS(MEMORY_FORGET)) {
        return MEMORY_SERVE;
    }
    next = apr_atomic_read32(&memory->slots[n].next);
    left = ticks(word, next);
    /* a time too far ahead is one of before the clock was set back */
    if (left > 0 && left <= TICKS(MEMORY_INTERVAL)) {
        return MEMORY_REFUSE;
    }
    /* of those that are here together, who moves it on */
    return apr_atomic_cas32(&memory->slots[n].next,
                            word_of(now + MEMORY_INTERVAL), next)
           == next ? MEMORY_PROBE : MEMORY_REFUSE;
}

void memory_add(loop_memory *memory, apr_uint64_t mark, apr_time_t now)
{
    apr_size_t n = mark % MEMORY_SLOTS;

    if (!holds(memory, n, mark)) {
        apr_atomic_set32(&memory->slots[n].added, 0);
        apr_atomic_set32(&memory->slots[n].high, (apr_uint32_t)(mark >> 32));
        apr_atomic_set32(&memory->slots[n].low, (apr_uint32_t)mark);
    }
    apr_atomic_set32(&memory->slots[n].next, word_of(now + MEMORY_INTERVAL));
    apr_atomic_set32(&memory->slots[n].added, word_of(now));
    apr_atomic_set32(&memory->last, word_of(now));
}

void memory_free(loop_memory *memory, apr_uint64_t mark)
{
    apr_size_t n = mark % MEMORY_SLOTS;

    if (holds(memory, n, mark)) {
        apr_atomic_set32(&memory->slots[n].added, 0);
    }
}

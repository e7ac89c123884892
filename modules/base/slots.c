/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The block and its tables of slots.
 *
 * How a slot changes its key while others count in it: the thread that changes
 * it makes its generation odd first and even again last.  A backend's slot is
 * held by what is in flight: a holder adds to its row and looks at the
 * generation then, a changer makes the generation odd and looks at the rows
 * then.  Both in one
 * order (sequentially consistent): at least one of the two sees the other and
 * gives way.  Nobody holds an entry's slot, so that a request which is being
 * counted while its key is displaced counts for another; a reader sees a name
 * that is being written by the generation.
 */

#include "slots.h"

#include <string.h>

#include "hash.h"

#define CACHE_LINE 64
/* A thread that finds a set's keys being changed looks again that often, at
 * first at once, which is longer than a change takes; then after a pause, as
 * the thread that changes them has lost its processor.  If it was killed, the
 * pauses end after half a second. */
#define CLAIM_SPINS 100
#define CLAIM_TRIES 600
#define CLAIM_PAUSE APR_TIME_C(1000)
/* Of a full set, the ways among which the one to displace is chosen. */
#define WAYS_TRIED  3
/* The lower bits of a number of chance decide whether a key is let in, the
 * upper ones which ways are tried. */
#define CHANCE_MASK 0xfffff

static apr_size_t slots_round(apr_size_t size)
{
    return (size + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
}

/* ---- the block --------------------------------------------------------- */

/* The largest power of two that fits, at least one set. */
static apr_uint32_t slots_fit(apr_size_t memory, apr_size_t of_one)
{
    apr_uint32_t n = SLOTS_WAYS;

    while (2 * n * of_one <= memory) {
        n *= 2;
    }
    return n;
}

/* Bytes of a slot with its share of its set. */
#define BACKEND_BYTES (sizeof(slots_backend) + sizeof(slots_set) / SLOTS_WAYS)
#define ENTRY_BYTES   (sizeof(slots_entry) + sizeof(slots_set) / SLOTS_WAYS)

void slots_shape_fit(slots_shape *shape, apr_size_t memory, unsigned children)
{
    apr_size_t left = memory - SLOTS_LANES * slots_round(sizeof(slots_lane));

    shape->backends = slots_fit(left * 11 / 20, BACKEND_BYTES);
    shape->entries = slots_fit(left - shape->backends * BACKEND_BYTES,
                               ENTRY_BYTES);
    shape->rows = children + 1;
}

/* Where each part begins; the end is the size. */
typedef struct slots_places {
    apr_size_t lanes, pids, backend_sets, entry_sets, backends, entries, cells,
        end;
} slots_places;

static slots_places slots_places_of(const slots_shape *shape)
{
    slots_places at;

    at.lanes = slots_round(sizeof(slots_block));
    at.pids = at.lanes + SLOTS_LANES * slots_round(sizeof(slots_lane));
    at.backend_sets = at.pids
                      + slots_round(shape->rows * sizeof(apr_uint32_t));
    at.entry_sets = at.backend_sets
                    + shape->backends / SLOTS_WAYS * sizeof(slots_set);
    at.backends = at.entry_sets
                  + shape->entries / SLOTS_WAYS * sizeof(slots_set);
    at.entries = at.backends + (shape->backends + 1) * sizeof(slots_backend);
    at.cells = slots_round(at.entries + shape->entries * sizeof(slots_entry));
    at.end = at.cells + (apr_size_t)(shape->backends + 1) * shape->rows
                        * sizeof(apr_uint64_t);
    return at;
}

apr_size_t slots_size(const slots_shape *shape)
{
    return slots_places_of(shape).end;
}

void slots_init(void *memory, const slots_shape *shape, apr_uint64_t secret,
                apr_time_t now)
{
    slots_block *block = memory;

    block->shape = *shape;
    block->secret = secret;
    block->created = now;
    block->layout = SLOTS_LAYOUT;
}

apr_status_t slots_attach(slots *s, void *memory)
{
    slots_block *block = memory;
    char *base = memory;
    slots_places at;

    if (block->layout != SLOTS_LAYOUT) {
        return APR_EMISMATCH;
    }
    at = slots_places_of(&block->shape);
    s->block = block;
    s->lanes = (slots_lane *)(base + at.lanes);
    s->pids = (apr_uint32_t *)(base + at.pids);
    s->backend_sets = (slots_set *)(base + at.backend_sets);
    s->entry_sets = (slots_set *)(base + at.entry_sets);
    s->backends = (slots_backend *)(base + at.backends);
    s->entries = (slots_entry *)(base + at.entries);
    s->cells = (apr_uint64_t *)(base + at.cells);
    s->backend_mask = block->shape.backends / SLOTS_WAYS - 1;
    s->entry_mask = block->shape.entries / SLOTS_WAYS - 1;
    return APR_SUCCESS;
}

apr_uint64_t slots_hash(const slots *s, const char *key, apr_size_t len)
{
    apr_uint64_t hash = s->block->secret ^ len, word = 0;
    const char *last = key + len - sizeof(word);

    if (len < sizeof(word)) {
        memcpy(&word, key, len);
    }
    else {
        for (; key < last; key += sizeof(word)) {
            memcpy(&word, key, sizeof(word));
            hash = (hash ^ word) * HOSTMAP_HASH_FACTOR;
            hash ^= hash >> 32;
        }
        /* the last eight, some of them again */
        memcpy(&word, last, sizeof(word));
    }
    hash = (hash ^ word) * HOSTMAP_HASH_FACTOR;
    hash ^= hash >> 32;
    hash *= HOSTMAP_HASH_FACTOR;
    return hash ^ hash >> 29;
}

/* ---- lanes ------------------------------------------------------------- */

/* 0: not chosen. */
static __thread apr_uint32_t slots_my_lane;

slots_lane *slots_lane_mine(slots *s)
{
    if (slots_my_lane == 0) {
        slots_my_lane = 1 + __atomic_fetch_add(&s->block->next_lane, 1,
                                               __ATOMIC_RELAXED) % SLOTS_LANES;
    }
    return (slots_lane *)((char *)s->lanes + (slots_my_lane - 1)
                          * slots_round(sizeof(slots_lane)));
}

/* A lane is counters only. */
void slots_lanes_sum(const slots *s, slots_lane *sum)
{
    apr_uint64_t *to = (apr_uint64_t *)sum;
    apr_size_t i, n = sizeof(*sum) / sizeof(*to);
    unsigned lane;

    memset(sum, 0, sizeof(*sum));
    for (lane = 0; lane < SLOTS_LANES; lane++) {
        const apr_uint64_t *from = (const apr_uint64_t *)
            ((const char *)s->lanes + lane * slots_round(sizeof(*sum)));

        for (i = 0; i < n; i++) {
            to[i] += atomic_get64(&from[i]);
        }
    }
}

/* ---- rows of children -------------------------------------------------- */

unsigned slots_row_take(slots *s, apr_uint32_t pid)
{
    unsigned row, last = s->block->shape.rows - 1;

    for (row = 0; row < last; row++) {
        apr_uint32_t none = 0;

        if (__atomic_compare_exchange_n(&s->pids[row], &none, pid, 0,
                                        __ATOMIC_SEQ_CST, __ATOMIC_RELAXED)) {
            return row;
        }
    }
    return last;
}

void slots_row_clear(slots *s, apr_uint32_t pid)
{
    unsigned row, backend;

    for (row = 0; row < s->block->shape.rows; row++) {
        if (atomic_get32(&s->pids[row]) != pid) {
            continue;
        }
        for (backend = 0; backend <= SLOTS_OTHER(s); backend++) {
            atomic_set64(&s->cells[(apr_size_t)backend * s->block->shape.rows
                                   + row], 0);
        }
        atomic_put32(&s->pids[row], 0);
    }
}

static apr_uint64_t slots_cells_sum(const slots *s, unsigned backend)
{
    const apr_uint64_t *cells = &s->cells[(apr_size_t)backend
                                          * s->block->shape.rows];
    apr_uint64_t sum = 0;
    unsigned row;

    for (row = 0; row < s->block->shape.rows; row++) {
        sum += __atomic_load_n(&cells[row], __ATOMIC_SEQ_CST);
    }
    return sum;
}

void slots_flight_sum(const slots *s, unsigned backend, slots_flight *flight)
{
    const apr_uint64_t *cells = &s->cells[(apr_size_t)backend
                                          * s->block->shape.rows];
    unsigned row;

    memset(flight, 0, sizeof(*flight));
    for (row = 0; row < s->block->shape.rows; row++) {
        apr_uint64_t cell = atomic_get64(&cells[row]);

        flight->in_flight += cell & 0xffff;
        flight->waiting += (cell >> 16) & 0xffff;
        flight->upgraded += (cell >> 32) & 0xffff;
    }
}

/* ---- keys -------------------------------------------------------------- */

/* Four tags of 16 bits lie in a word, the first in its lowest bits. */
#define TAG_BITS  16
#define TAG_ONES  APR_UINT64_C(0x0001000100010001)
#define TAG_MASK  APR_UINT64_C(0xffff)

static apr_uint64_t slots_tag(apr_uint64_t hash)
{
    return hash >> 48 | 1;
}

/* The highest bit of each tag that is this one.  The lowest bit that is set is
 * right; one above it may not be: a borrow. */
static apr_uint64_t slots_match(apr_uint64_t word, apr_uint64_t tag)
{
    apr_uint64_t zero = word ^ tag * TAG_ONES;

    return (zero - TAG_ONES) & ~zero & TAG_ONES << (TAG_BITS - 1);
}

static unsigned slots_match_way(unsigned half, apr_uint64_t match)
{
    return half * 4 + (unsigned)__builtin_ctzll(match) / TAG_BITS;
}

int slots_way_is_free(const slots_set *set, unsigned way)
{
    return (atomic_get64(&set->tags[way / 4]) >> way % 4 * TAG_BITS & TAG_MASK)
           == 0;
}

/* A way without a key; SLOTS_WAYS: none is. */
static unsigned slots_way_free(const slots_set *set)
{
    apr_uint64_t match = slots_match(atomic_get64(&set->tags[0]), 0);

    if (match) {
        return slots_match_way(0, match);
    }
    match = slots_match(atomic_get64(&set->tags[1]), 0);
    return match ? slots_match_way(1, match) : SLOTS_WAYS;
}

/* In a set that is claimed. */
static void slots_way_set(slots_set *set, unsigned way, apr_uint64_t tag)
{
    apr_uint64_t *word = &set->tags[way / 4];
    unsigned shift = way % 4 * TAG_BITS;

    atomic_set64(word, (atomic_get64(word) & ~(TAG_MASK << shift))
                       | tag << shift);
}

/* May this thread change the keys of the set now? */
static int slots_claim(slots_set *set, apr_uint64_t second)
{
    apr_uint64_t old = atomic_get64(&set->claim), apart;

    if (second == 0) {
        second = 1;
    }
    /* also one that is far ahead: of before the clock was set back */
    apart = old > second ? old - second : second - old;
    if (old != 0 && apart <= SLOTS_CLAIM_MAX) {
        return 0;
    }
    return __atomic_compare_exchange_n(&set->claim, &old, second, 0,
                                       __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

static void slots_unclaim(slots_set *set, apr_uint64_t second)
{
    if (second == 0) {
        second = 1;
    }
    /* unless another one has taken it for a dead one's */
    __atomic_compare_exchange_n(&set->claim, &second, 0, 0, __ATOMIC_RELEASE,
                                __ATOMIC_RELAXED);
}

static void slots_claim_wait(int try)
{
    if (try >= CLAIM_SPINS) {
        apr_sleep(CLAIM_PAUSE);
    }
}

static void slots_head_write(slots_head *head, apr_uint64_t hash,
                             apr_size_t len, apr_uint32_t map, apr_time_t now)
{
    apr_uint32_t second = (apr_uint32_t)apr_time_sec(now);

    atomic_put64(&head->hash, hash);
    atomic_put32(&head->used, second);
    atomic_put32(&head->created, second);
    atomic_put32(&head->minute, second / 60);
    atomic_put32(&head->now, 0);
    atomic_put32(&head->before, 0);
    atomic_put32(&head->len, (apr_uint32_t)len);
    atomic_put32(&head->map, map);
}

static void slots_name_write(apr_uint64_t *words, apr_size_t room,
                             hostmap_str name)
{
    apr_size_t left = name.len < room ? name.len : room;
    const char *from = name.ptr;
    apr_uint64_t word = 0;

    for (; left >= sizeof(word); left -= sizeof(word)) {
        memcpy(&word, from, sizeof(word));
        atomic_put64(words++, word);
        from += sizeof(word);
    }
    if (left > 0) {
        word = 0;
        memcpy(&word, from, left);
        atomic_put64(words, word);
    }
}

/* From now on the slot is nobody's. */
static apr_uint32_t slots_open(slots_head *head)
{
    apr_uint32_t odd = atomic_get32(&head->generation) | 1;

    __atomic_store_n(&head->generation, odd, __ATOMIC_SEQ_CST);
    return odd;
}

static void slots_shut(slots_head *head, apr_uint32_t generation)
{
    __atomic_store_n(&head->generation, generation, __ATOMIC_SEQ_CST);
}

static int slots_head_is(const slots_head *head, apr_uint64_t hash)
{
    return atomic_get64(&head->hash) == hash
           && (atomic_take32(&head->generation) & 1) == 0;
}

/* ---- backends ---------------------------------------------------------- */

#define NO_SLOT 0xffffffffu

static unsigned slots_backend_look(const slots *s, apr_uint64_t hash)
{
    unsigned number = (unsigned)(hash & s->backend_mask), half;
    const slots_set *set = &s->backend_sets[number];

    for (half = 0; half < SLOTS_WAYS / 4; half++) {
        apr_uint64_t match = slots_match(atomic_get64(&set->tags[half]),
                                         slots_tag(hash));

        for (; match; match &= match - 1) {
            unsigned found = number * SLOTS_WAYS
                             + slots_match_way(half, match);

            if (slots_head_is(&s->backends[found].head, hash)) {
                return found;
            }
        }
    }
    return NO_SLOT;
}

unsigned slots_backend_find(const slots *s, hostmap_str name)
{
    unsigned found = slots_backend_look(s, slots_hash(s, name.ptr, name.len));

    return found == NO_SLOT ? SLOTS_OTHER(s) : found;
}

/* Is the slot still of this generation now that we are seen in it? */
static int slots_flight_enter(slots *s, unsigned backend,
                              apr_uint32_t generation, unsigned row)
{
    apr_uint64_t *cell = &s->cells[(apr_size_t)backend
                                   * s->block->shape.rows + row];

    __atomic_fetch_add(cell, SLOTS_IN_FLIGHT + SLOTS_WAITING,
                       __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&s->backends[backend].head.generation,
                        __ATOMIC_SEQ_CST) == generation) {
        return 1;
    }
    slots_backend_release(s, backend, row, 1);
    return 0;
}

/* The way to give to another key, which is nobody's from now on; NO_SLOT: all
 * have something in flight. */
static unsigned slots_backend_vacate(slots *s, unsigned number)
{
    slots_set *set = &s->backend_sets[number];
    unsigned tried = 0, round, way = slots_way_free(set), oldest;

    if (way != SLOTS_WAYS) {
        slots_open(&s->backends[number * SLOTS_WAYS + way].head);
        return way;
    }
    for (round = 0; round < SLOTS_WAYS; round++) {
        slots_head *head;
        apr_uint32_t odd;

        for (way = 0, oldest = SLOTS_WAYS; way < SLOTS_WAYS; way++) {
            slots_backend *first = &s->backends[number * SLOTS_WAYS];

            if (!(tried & 1u << way)
                && (oldest == SLOTS_WAYS
                    || atomic_get32(&first[way].head.used)
                       < atomic_get32(&first[oldest].head.used))) {
                oldest = way;
            }
        }
        tried |= 1u << oldest;
        head = &s->backends[number * SLOTS_WAYS + oldest].head;
        odd = slots_open(head);
        if (slots_cells_sum(s, number * SLOTS_WAYS + oldest) == 0) {
            return oldest;
        }
        slots_shut(head, odd - 1);
    }
    return NO_SLOT;
}

/* What a backend has counted goes to the slot of all that have none. */
static void slots_backend_fold(slots *s, slots_backend *from)
{
    slots_backend *to = &s->backends[SLOTS_OTHER(s)];
    unsigned i;

    for (i = 0; i < SLOTS_BACKEND_COUNTS; i++) {
        atomic_add64(&to->counts[i],
                     __atomic_exchange_n(&from->counts[i], 0,
                                         __ATOMIC_RELAXED));
    }
    for (i = 0; i < HISTOGRAM_BUCKETS(SLOTS_BACKEND_BITS); i++) {
        atomic_add64(&to->first_byte[i],
                     __atomic_exchange_n(&from->first_byte[i], 0,
                                         __ATOMIC_RELAXED));
    }
    atomic_set64(&from->health.asked, 0);
    atomic_set64(&from->health.answered, 0);
    atomic_set64(&from->health.failed, 0);
    atomic_set32(&from->health.failure, 0);
    atomic_set32(&from->health.failures, 0);
    atomic_set64(&from->health.out_since, 0);
    atomic_set64(&from->health.out_until, 0);
    atomic_set64(&from->health.probe, 0);
    atomic_set64(&from->health.back, 0);
    atomic_set32(&from->health.pauses, 0);
}

/* In a set that is claimed. */
static unsigned slots_backend_insert(slots *s, hostmap_str name,
                                     apr_uint64_t hash, apr_time_t now)
{
    unsigned number = (unsigned)(hash & s->backend_mask);
    slots_set *set = &s->backend_sets[number];
    unsigned way = slots_backend_vacate(s, number);
    slots_backend *slot;

    if (way == NO_SLOT) {
        return NO_SLOT;
    }
    slot = &s->backends[number * SLOTS_WAYS + way];
    slots_way_set(set, way, 0);
    slots_backend_fold(s, slot);
    slots_head_write(&slot->head, hash, name.len, 0, now);
    slots_name_write(slot->name, SLOTS_BACKEND_NAME, name);
    slots_shut(&slot->head, atomic_get32(&slot->head.generation) + 1);
    slots_way_set(set, way, slots_tag(hash));
    return number * SLOTS_WAYS + way;
}

static unsigned slots_backend_get(slots *s, hostmap_str name,
                                  apr_uint64_t hash, apr_time_t now)
{
    slots_set *set = &s->backend_sets[hash & s->backend_mask];
    unsigned found = NO_SLOT;
    int try;

    for (try = 0; try < CLAIM_TRIES && found == NO_SLOT; try++) {
        found = slots_backend_look(s, hash);
        if (found == NO_SLOT && slots_claim(set, apr_time_sec(now))) {
            /* another one may have been quicker */
            found = slots_backend_look(s, hash);
            if (found == NO_SLOT) {
                found = slots_backend_insert(s, name, hash, now);
            }
            slots_unclaim(set, apr_time_sec(now));
            return found;
        }
        if (found == NO_SLOT) {
            slots_claim_wait(try);
        }
    }
    return found;
}

/* Its slot, entered: the key may have left between the look-up and that.
 * NO_SLOT: it cannot have one. */
static unsigned slots_backend_enter(slots *s, slots_ref *ref, hostmap_str name,
                                    unsigned row, apr_time_t now)
{
    apr_uint64_t hash = slots_hash(s, name.ptr, name.len);
    int try;

    for (try = 0; try < CLAIM_TRIES; try++) {
        unsigned backend = slots_backend_get(s, name, hash, now);
        const slots_head *head;
        apr_uint32_t generation;

        if (backend == NO_SLOT) {
            return NO_SLOT;
        }
        head = &s->backends[backend].head;
        generation = atomic_take32(&head->generation);
        if ((generation & 1)
            || !slots_flight_enter(s, backend, generation, row)) {
            slots_claim_wait(try);
            continue;
        }
        if (atomic_get64(&head->hash) == hash) {
            /* a generation that was given to a key is not 0 */
            atomic_set64(&ref->place,
                         (apr_uint64_t)generation << 32 | backend);
            return backend;
        }
        slots_backend_release(s, backend, row, 1);
    }
    return NO_SLOT;
}

unsigned slots_backend_hold(slots *s, slots_ref *ref, hostmap_str name,
                            unsigned row, apr_time_t now)
{
    apr_uint64_t place = atomic_get64(&ref->place);
    unsigned backend = (apr_uint32_t)place;
    apr_uint32_t second = (apr_uint32_t)apr_time_sec(now);
    slots_head *head;

    if (place == 0
        || !slots_flight_enter(s, backend, (apr_uint32_t)(place >> 32), row)) {
        backend = slots_backend_enter(s, ref, name, row, now);
    }
    if (backend == NO_SLOT) {
        slots_flight_add(s, SLOTS_OTHER(s), row,
                         SLOTS_IN_FLIGHT + SLOTS_WAITING);
        return SLOTS_OTHER(s);
    }
    head = &s->backends[backend].head;
    if (atomic_get32(&head->used) != second) {
        atomic_set32(&head->used, second);
    }
    return backend;
}

/* ---- entries ----------------------------------------------------------- */

/* A minute that has just ended for this thread counts as the slot's: threads'
 * clocks differ. */
static int slots_is_other_minute(apr_uint32_t of_slot, apr_uint32_t now)
{
    apr_int32_t later = (apr_int32_t)(now - of_slot);

    return later > 0 || later < -1;
}

static apr_uint64_t slots_recent(const slots_head *head, apr_uint32_t minute)
{
    apr_uint32_t of_slot = atomic_get32(&head->minute);
    apr_uint64_t now = atomic_get32(&head->now);

    if (!slots_is_other_minute(of_slot, minute)) {
        return now + atomic_get32(&head->before);
    }
    return minute == of_slot + 1 ? now : 0;
}

static void slots_minute_count(slots_head *head, apr_uint32_t minute)
{
    apr_uint32_t of_slot = atomic_get32(&head->minute);

    if (slots_is_other_minute(of_slot, minute)
        && __atomic_compare_exchange_n(&head->minute, &of_slot, minute, 0,
                                       __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
        apr_uint32_t ended = __atomic_exchange_n(&head->now, 0,
                                                 __ATOMIC_RELAXED);

        atomic_set32(&head->before, minute == of_slot + 1 ? ended : 0);
    }
    atomic_add32(&head->now, 1);
}

static slots_entry *slots_entry_look(const slots *s, apr_uint64_t hash)
{
    apr_size_t number = hash & s->entry_mask;
    const slots_set *set = &s->entry_sets[number];
    slots_entry *first = &s->entries[number * SLOTS_WAYS];
    unsigned half;

    for (half = 0; half < SLOTS_WAYS / 4; half++) {
        apr_uint64_t match = slots_match(atomic_get64(&set->tags[half]),
                                         slots_tag(hash));

        for (; match; match &= match - 1) {
            slots_entry *entry = &first[slots_match_way(half, match)];

            if (slots_head_is(&entry->head, hash)) {
                return entry;
            }
        }
    }
    return NULL;
}

/* Of a set without a free way: of some ways by chance the one with the fewest
 * requests lately, and how many it had. */
static unsigned slots_entry_least(const slots *s, apr_size_t number,
                                  apr_uint32_t minute, apr_uint32_t chance,
                                  apr_uint64_t *least)
{
    unsigned found = 0, i;

    *least = APR_UINT64_MAX;
    for (i = 0; i < WAYS_TRIED; i++) {
        /* no way twice: the step is odd */
        unsigned way = ((chance >> 24) + i * (chance >> 20 | 1)) % SLOTS_WAYS;
        apr_uint64_t recent = slots_recent(
            &s->entries[number * SLOTS_WAYS + way].head, minute);

        if (recent < *least) {
            *least = recent;
            found = way;
        }
    }
    return found;
}

typedef struct slots_entry_key {
    hostmap_str name;
    apr_uint64_t hash;
} slots_entry_key;

/* In a set that is claimed. */
static slots_entry *slots_entry_insert(slots *s, const slots_entry_key *key,
                                       unsigned way,
                                       const slots_request *request)
{
    apr_size_t number = key->hash & s->entry_mask;
    slots_set *set = &s->entry_sets[number];
    slots_entry *entry = &s->entries[number * SLOTS_WAYS + way];
    apr_uint32_t odd = slots_open(&entry->head);
    unsigned i;

    slots_way_set(set, way, 0);
    /* what has no slot up to now may all have been of this key; what the key
     * that leaves had was not */
    atomic_set64(&entry->head.missed, atomic_get64(&set->missed));
    atomic_add64(&set->missed,
                 atomic_get64(&entry->counts[SLOTS_ENTRY_REQUESTS]));
    for (i = 0; i < SLOTS_ENTRY_COUNTS; i++) {
        atomic_set64(&entry->counts[i], 0);
    }
    slots_head_write(&entry->head, key->hash, key->name.len, request->map,
                     request->now);
    slots_name_write(entry->name, SLOTS_ENTRY_NAME, key->name);
    slots_shut(&entry->head, odd + 1);
    slots_way_set(set, way, slots_tag(key->hash));
    return entry;
}

/* Is there a way for the key: a free one, or one time in the number of requests
 * that the least one had lately, and one? */
static int slots_entry_way(const slots *s, apr_size_t number,
                           apr_uint64_t second, apr_uint32_t chance,
                           unsigned *way)
{
    apr_uint64_t least;

    *way = slots_way_free(&s->entry_sets[number]);
    if (*way != SLOTS_WAYS) {
        return 1;
    }
    *way = slots_entry_least(s, number, (apr_uint32_t)(second / 60), chance,
                             &least);
    return (chance & CHANCE_MASK) % (least + 1) == 0;
}

/* The tags of a set, to see whether its keys have changed. */
typedef struct slots_tags {
    apr_uint64_t words[SLOTS_WAYS / 4];
} slots_tags;

static slots_tags slots_tags_of(const slots_set *set)
{
    slots_tags tags;

    tags.words[0] = atomic_take64(&set->tags[0]);
    tags.words[1] = atomic_take64(&set->tags[1]);
    return tags;
}

static int slots_tags_are(const slots_set *set, const slots_tags *tags)
{
    return atomic_get64(&set->tags[0]) == tags->words[0]
           && atomic_get64(&set->tags[1]) == tags->words[1];
}

/* The key is not among those that had these tags.  NULL: it is not let in. */
static slots_entry *slots_entry_admit(slots *s, const slots_entry_key *key,
                                      slots_tags tags,
                                      const slots_request *request,
                                      apr_uint32_t chance)
{
    apr_uint64_t second = apr_time_sec(request->now);
    apr_size_t number = key->hash & s->entry_mask;
    slots_set *set = &s->entry_sets[number];
    slots_entry *found = NULL;
    unsigned way;
    int try;

    for (try = 0; try < CLAIM_TRIES && !found; try++) {
        if (!slots_entry_way(s, number, second, chance, &way)) {
            return NULL;
        }
        if (slots_claim(set, second)) {
            /* another one may have been quicker, with this key or that way */
            if (slots_tags_are(set, &tags)) {
                found = slots_entry_insert(s, key, way, request);
            }
            slots_unclaim(set, second);
        }
        if (!found) {
            slots_claim_wait(try);
            tags = slots_tags_of(set);
            found = slots_entry_look(s, key->hash);
        }
    }
    return found;
}

int slots_entry_add(slots *s, hostmap_str key, const slots_request *request,
                    apr_uint32_t chance)
{
    apr_uint32_t second = (apr_uint32_t)apr_time_sec(request->now);
    slots_entry_key whole;
    slots_tags tags;
    slots_entry *entry;
    slots_set *set;

    whole.name = key;
    whole.hash = slots_hash(s, key.ptr, key.len)
                 ^ request->map * HOSTMAP_HASH_FACTOR;
    set = &s->entry_sets[whole.hash & s->entry_mask];
    tags = slots_tags_of(set);
    entry = slots_entry_look(s, whole.hash);
    if (!entry) {
        entry = slots_entry_admit(s, &whole, tags, request, chance);
    }
    if (!entry) {
        atomic_add64(&set->missed, 1);
        return 0;
    }
    atomic_add64(&entry->counts[SLOTS_ENTRY_REQUESTS], 1);
    if (request->error) {
        atomic_add64(&entry->counts[SLOTS_ENTRY_ERRORS], 1);
    }
    atomic_add64(&entry->counts[SLOTS_ENTRY_BYTES], request->bytes);
    atomic_add64(&entry->counts[SLOTS_ENTRY_MICROS], request->micros);
    slots_minute_count(&entry->head, second / 60);
    if (atomic_get32(&entry->head.used) != second) {
        atomic_set32(&entry->head.used, second);
    }
    return 1;
}

/* ---- reading ----------------------------------------------------------- */

static int slots_name_read(slots_name *name, const slots_head *head,
                           const apr_uint64_t *words, apr_size_t room)
{
    apr_uint32_t generation = atomic_take32(&head->generation);
    apr_size_t at;

    if (generation == 0 || (generation & 1)) {
        return 0;
    }
    name->head.hash = atomic_take64(&head->hash);
    name->head.generation = generation;
    name->head.used = atomic_take32(&head->used);
    name->head.created = atomic_take32(&head->created);
    name->head.minute = atomic_take32(&head->minute);
    name->head.now = atomic_take32(&head->now);
    name->head.before = atomic_take32(&head->before);
    name->head.len = atomic_take32(&head->len);
    name->head.map = atomic_take32(&head->map);
    name->head.missed = atomic_take64(&head->missed);
    name->len = name->head.len < room ? name->head.len : room;
    for (at = 0; at < name->len; at += sizeof(*words)) {
        apr_uint64_t word = atomic_take64(&words[at / sizeof(word)]);
        apr_size_t left = name->len - at;

        memcpy(name->text + at, &word, left < sizeof(word) ? left
                                                           : sizeof(word));
    }
    name->text[name->len] = '\0';
    return atomic_take32(&head->generation) == generation;
}

int slots_backend_name(const slots *s, unsigned backend, slots_name *name)
{
    const slots_backend *slot = &s->backends[backend];

    return slots_name_read(name, &slot->head, slot->name, SLOTS_BACKEND_NAME);
}

int slots_entry_name(const slots *s, unsigned entry, slots_name *name)
{
    const slots_entry *slot = &s->entries[entry];

    return slots_name_read(name, &slot->head, slot->name, SLOTS_ENTRY_NAME);
}

apr_uint64_t slots_missed(const slots *s)
{
    apr_uint64_t missed = 0;
    apr_uint32_t i;

    for (i = 0; i <= s->entry_mask; i++) {
        missed += atomic_get64(&s->entry_sets[i].missed);
    }
    return missed;
}

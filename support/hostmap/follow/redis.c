/* SPDX-License-Identifier: Apache-2.0 */

/*
 * redis.c: hosts in Redis or Valkey.  Of a name, `hosts`:
 *
 *     switchboard:{hosts}              hash: host -> entry
 *     switchboard:{hosts}:log          stream: fields are pairs host, entry
 *     switchboard:{hosts}:nodes        hash: node -> what it reports
 *     switchboard:{hosts}:snapshot:N   the followers that take a snapshot
 *     switchboard:{hosts}:relay        the store that a relay writes this one
 *                                      from, and its position there
 *
 * A position is the id of a stream entry and a mark of its fields, so that
 * another entry of the same id, after a fail-over, is not taken for it.
 */

#include "redis_link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apr_strings.h"

#include "message.h"

/* Fields that one HSCAN asks for. */
#define SCAN_COUNT  1000

/* Pairs that one XRANGE should bring, 2 MB, and the entries that the first one
 * asks for, of which nothing is known. */
#define READ_PAIRS  10000
#define READ_FIRST  100

/* How long a lease lasts unless it is renewed, seconds. */
#define LEASE_SECONDS 120

/* Entries that the log keeps, about: 82 MB. */
#define LOG_MAX     "1000000"

/* Ids before this time, in ms, are numbers of the writer's own, no times. */
#define TIME_FROM   APR_INT64_C(1000000000000)

typedef struct redis_store {
    follow_store base;
    redis_link link;
    const char *hash, *log, *nodes, *snapshots, *relay;
    /** the lease that is held; 0: none */
    int lease;
    const char *lease_node;
    /** entries that the next XRANGE asks for; 0: READ_FIRST */
    apr_size_t read_count;
    apr_time_t leased;
} redis_store;

/* ---- ids --------------------------------------------------------------- */

typedef struct stream_id {
    apr_uint64_t ms, seq;
} stream_id;

/* "1732690000000-0", with anything after a colon. */
static int id_read(stream_id *id, const char *text)
{
    unsigned long long ms, seq;
    int end = 0;

    if (sscanf(text, "%20llu-%20llu%n", &ms, &seq, &end) != 2
        || (text[end] && text[end] != ':')) {
        return 0;
    }
    id->ms = ms;
    id->seq = seq;

    return 1;
}

static int id_compare(const stream_id *a, const stream_id *b)
{
    if (a->ms != b->ms) {
        return a->ms < b->ms ? -1 : 1;
    }

    return a->seq == b->seq ? 0 : a->seq < b->seq ? -1 : 1;
}

/* ---- entries of the log ------------------------------------------------ */

/* A reply of XRANGE: entries of an id and fields. */
static int is_entry(const redisReply *entry)
{
    const redisReply *fields;
    size_t i;

    if (entry->type != REDIS_REPLY_ARRAY || entry->elements != 2
        || entry->element[0]->type != REDIS_REPLY_STRING
        || entry->element[1]->type != REDIS_REPLY_ARRAY) {
        return 0;
    }
    fields = entry->element[1];
    for (i = 0; i < fields->elements; i++) {
        if (fields->element[i]->type != REDIS_REPLY_STRING) {
            return 0;
        }
    }

    return fields->elements % 2 == 0;
}

/* @return a status of store.h, FOLLOW_EDOWN for what is no entry */
static apr_status_t entry_read(follow_entry *out, hostmap_pair **pairs,
                               const redisReply *entry, hostmap_reason *why)
{
    const redisReply *fields;
    apr_uint32_t mark;
    stream_id id;
    size_t i;

    if (!is_entry(entry) || !id_read(&id, entry->element[0]->str)) {
        return follow_fail(why, FOLLOW_EDOWN, "the log is not of Redis's "
                           "shape");
    }
    fields = entry->element[1];
    out->count = fields->elements / 2;
    *pairs = tool_realloc(*pairs, (out->count + 1) * sizeof(**pairs));
    for (i = 0; i < out->count; i++) {
        const redisReply *key = fields->element[2 * i];
        const redisReply *value = fields->element[2 * i + 1];

        (*pairs)[i].key = hostmap_str_of(key->str, key->len);
        (*pairs)[i].value = hostmap_str_of(value->str, value->len);
    }
    out->pairs = *pairs;
    mark = follow_digest_mark((const hostmap_str *)*pairs, 2 * out->count);
    snprintf(out->position.text, sizeof(out->position.text),
             "%" APR_UINT64_T_FMT "-%" APR_UINT64_T_FMT ":%08x", id.ms, id.seq,
             (unsigned)mark);
    out->time = (apr_time_t)id.ms >= TIME_FROM ? (apr_time_t)id.ms * 1000 : 0;

    return APR_SUCCESS;
}

/* The first or the last entry; APR_EOF: the log has none. */
static apr_status_t log_edge(redis_store *s, follow_entry *edge, int last,
                             hostmap_reason *why)
{
    hostmap_pair *pairs = NULL;
    redisReply *reply;
    apr_status_t rv;

    rv = last ? redis_link_ask(&s->link, &reply, REDIS_REPLY_ARRAY, why,
                               "XREVRANGE %s + - COUNT 1", s->log)
              : redis_link_ask(&s->link, &reply, REDIS_REPLY_ARRAY, why,
                               "XRANGE %s - + COUNT 1", s->log);
    if (rv != APR_SUCCESS) {
        return rv == APR_EGENERAL ? FOLLOW_ENOLOG : rv;
    }
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements == 0) {
        rv = APR_EOF;
    }
    else {
        rv = entry_read(edge, &pairs, reply->element[0], why);
    }
    free(pairs);
    edge->pairs = NULL;
    freeReplyObject(reply);

    return rv;
}

static apr_status_t no_log(const redis_store *s, hostmap_reason *why)
{
    return follow_fail(why, FOLLOW_ENOLOG, "%s has no log %s: a writer's "
                       "first XADD or `hostmap push` begins it",
                       s->link.peer, s->log);
}

static apr_status_t redis_end(follow_store *store, follow_position *end,
                              apr_time_t *time, hostmap_reason *why)
{
    redis_store *s = (redis_store *)store;
    follow_entry edge;
    apr_status_t rv;

    rv = log_edge(s, &edge, 1, why);
    if (rv == APR_EOF) {
        return no_log(s, why);
    }
    if (rv == APR_SUCCESS) {
        *end = edge.position;
        *time = edge.time;
    }

    return rv;
}

/* ---- reading ----------------------------------------------------------- */

/* The log holds nothing at the position, or something else: why? */
static apr_status_t explain(redis_store *s, const stream_id *at,
                            hostmap_reason *why)
{
    follow_entry edge;
    stream_id id;
    apr_status_t rv;

    rv = log_edge(s, &edge, 1, why);
    if (rv == APR_EOF) {
        return no_log(s, why);
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    id_read(&id, edge.position.text);
    if (id_compare(&id, at) < 0) {
        return follow_fail(why, FOLLOW_EBEHIND, "the log of %s ends at "
                           "%" APR_UINT64_T_FMT "-%" APR_UINT64_T_FMT,
                           s->link.peer, id.ms, id.seq);
    }
    rv = log_edge(s, &edge, 0, why);
    if (rv != APR_SUCCESS) {
        return rv == APR_EOF ? no_log(s, why) : rv;
    }
    id_read(&id, edge.position.text);
    if (id_compare(&id, at) > 0) {
        return follow_fail(why, FOLLOW_ELOST, "the log was trimmed past the "
                           "map's position or begun anew");
    }

    return follow_fail(why, FOLLOW_ELOST, "the log has another history than "
                       "the map");
}

/* Is the first entry of a reply the one at the position? */
static int proves(const redisReply *reply, const follow_position *from)
{
    hostmap_pair *pairs = NULL;
    follow_entry first;
    int same;

    if (reply->type != REDIS_REPLY_ARRAY || reply->elements == 0) {
        return 0;
    }
    same = entry_read(&first, &pairs, reply->element[0], NULL) == APR_SUCCESS
           && follow_position_equal(&first.position, from);
    free(pairs);

    return same;
}

static apr_status_t give_out(const redisReply *reply, follow_entry_fn *fn,
                             void *baton, hostmap_reason *why)
{
    hostmap_pair *pairs = NULL;
    apr_status_t rv = APR_SUCCESS;
    size_t i;

    for (i = 1; i < reply->elements && rv == APR_SUCCESS; i++) {
        follow_entry entry;

        rv = entry_read(&entry, &pairs, reply->element[i], why);
        if (rv == APR_SUCCESS) {
            rv = fn(baton, &entry);
        }
    }
    free(pairs);

    return rv;
}

/* As many entries as bring READ_PAIRS, when they are like the last ones: many
 * small ones in few round trips, large ones in bounded memory. */
static void redis_read_adapt(redis_store *s, const redisReply *reply)
{
    apr_size_t pairs = 0, i;

    for (i = 0; i < reply->elements; i++) {
        pairs += reply->element[i]->element[1]->elements / 2;
    }
    s->read_count = READ_PAIRS * reply->elements / (pairs + 1) + 1;
    if (s->read_count > FOLLOW_READ_MAX) {
        s->read_count = FOLLOW_READ_MAX;
    }
}

static apr_status_t redis_read(follow_store *store,
                               const follow_position *from,
                               follow_entry_fn *fn, void *baton, int *more,
                               hostmap_reason *why)
{
    redis_store *s = (redis_store *)store;
    apr_size_t count = s->read_count ? s->read_count : READ_FIRST;
    redisReply *reply;
    stream_id at;
    apr_status_t rv;

    if (!id_read(&at, from->text)) {
        return follow_fail(why, FOLLOW_ELOST, "the map's position is not one "
                           "of Redis");
    }
    rv = redis_link_ask(&s->link, &reply, REDIS_REPLY_ARRAY, why,
                        "XRANGE %s %llu-%llu + COUNT %d", s->log,
                        (unsigned long long)at.ms,
                        (unsigned long long)at.seq, (int)count + 1);
    if (rv != APR_SUCCESS) {
        /* the key is something else than a stream */
        return rv == APR_EGENERAL ? FOLLOW_ENOLOG : rv;
    }
    if (!proves(reply, from)) {
        freeReplyObject(reply);
        return explain(s, &at, why);
    }
    *more = reply->elements == count + 1;
    rv = give_out(reply, fn, baton, why);
    if (rv == APR_SUCCESS) {
        /* all of them have been found to be entries */
        redis_read_adapt(s, reply);
    }
    freeReplyObject(reply);

    return rv;
}

/* XREAD only wakes: what it returns is not looked at.  It does not see that a
 * log was deleted, and reads nothing of one that begins anew. */
static apr_status_t redis_wait(follow_store *store,
                               const follow_position *from,
                               hostmap_reason *why)
{
    redis_store *s = (redis_store *)store;
    redisReply *reply = NULL;
    apr_status_t rv;
    stream_id at;
    int done = 0;

    if (!s->link.context) {
        return redis_link_judge(&s->link, &reply, 0, why);
    }
    if (!id_read(&at, from->text)) {
        /* the next read() tells why it takes a snapshot */
        return APR_SUCCESS;
    }
    redisAppendCommand(s->link.context, "XREAD COUNT 1 BLOCK 1000 STREAMS %s "
                       "%llu-%llu", s->log, (unsigned long long)at.ms,
                       (unsigned long long)at.seq);
    while (!done) {
        if (redisBufferWrite(s->link.context, &done) != REDIS_OK) {
            return redis_link_judge(&s->link, &reply, 0, why);
        }
    }
    rv = redis_link_wait(&s->link, apr_time_from_sec(4));
    if (rv == APR_EINTR) {
        /* its answer would be taken for that of the next command */
        redis_link_close(&s->link);
        return rv;
    }
    if (rv == APR_TIMEUP) {
        redis_link_close(&s->link);
        return follow_fail(why, FOLLOW_EDOWN, "%s has not answered for 4 s",
                           s->link.peer);
    }
    if (redisGetReply(s->link.context, (void **)&reply) != REDIS_OK) {
        reply = NULL;
    }
    rv = redis_link_judge(&s->link, &reply, 0, why);
    if (rv == APR_SUCCESS) {
        freeReplyObject(reply);
    }

    return rv == APR_EGENERAL ? FOLLOW_ENOLOG : rv;
}

/* ---- snapshots --------------------------------------------------------- */

static apr_status_t lease_renew(redis_store *s, hostmap_reason *why)
{
    apr_time_t now = apr_time_now();

    if (!s->lease || now - s->leased < apr_time_from_sec(LEASE_SECONDS / 4)) {
        return APR_SUCCESS;
    }
    s->leased = now;

    return redis_link_do(&s->link, why, "SET %s%d %s XX EX %d", s->snapshots,
                         s->lease, s->lease_node, LEASE_SECONDS);
}

/* [cursor, [field, value, ...]] */
static apr_status_t scan_page(const redisReply *reply, unsigned long long *at,
                              hostmap_each_fn *fn, void *baton,
                              hostmap_reason *why)
{
    const redisReply *pairs;
    apr_status_t rv = APR_SUCCESS;
    size_t i;

    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2
        || reply->element[0]->type != REDIS_REPLY_STRING
        || reply->element[1]->type != REDIS_REPLY_ARRAY) {
        return follow_fail(why, FOLLOW_EDOWN, "HSCAN's answer is not of "
                           "Redis's shape");
    }
    *at = strtoull(reply->element[0]->str, NULL, 10);
    pairs = reply->element[1];
    for (i = 0; i + 1 < pairs->elements && rv == APR_SUCCESS; i += 2) {
        const redisReply *key = pairs->element[i];
        const redisReply *value = pairs->element[i + 1];

        if (key->type == REDIS_REPLY_STRING
            && value->type == REDIS_REPLY_STRING) {
            rv = fn(baton, hostmap_str_of(key->str, key->len),
                    hostmap_str_of(value->str, value->len));
        }
    }

    return rv;
}

static apr_status_t redis_snapshot(follow_store *store, follow_entry *from,
                                   hostmap_each_fn *fn, void *baton,
                                   hostmap_reason *why)
{
    redis_store *s = (redis_store *)store;
    unsigned long long at = 0;
    apr_status_t rv;

    if (from) {
        rv = redis_end(store, &from->position, &from->time, why);
        if (rv != APR_SUCCESS) {
            return rv;
        }
    }
    do {
        redisReply *reply;

        rv = redis_link_ask(&s->link, &reply, REDIS_REPLY_ARRAY, why,
                            "HSCAN %s %llu COUNT %d", s->hash, at,
                            SCAN_COUNT);
        if (rv == APR_SUCCESS) {
            rv = scan_page(reply, &at, fn, baton, why);
            freeReplyObject(reply);
        }
        if (rv == APR_SUCCESS) {
            rv = lease_renew(s, why);
        }
    } while (rv == APR_SUCCESS && at != 0);

    return rv;
}

/* A replica and a user without the right to write take snapshots without. */
static apr_status_t redis_lease(follow_store *store, int slots,
                                const char *node, hostmap_reason *why)
{
    redis_store *s = (redis_store *)store;
    int i;

    for (i = 1; i <= slots; i++) {
        redisReply *reply = NULL;
        int is_held;

        if (s->link.context) {
            reply = redisCommand(s->link.context, "SET %s%d %s NX EX %d",
                                 s->snapshots, i, node, LEASE_SECONDS);
        }
        if (!reply) {
            return redis_link_judge(&s->link, &reply, 0, why);
        }
        is_held = reply->type == REDIS_REPLY_NIL;
        s->lease = reply->type == REDIS_REPLY_STATUS ? i : 0;
        freeReplyObject(reply);
        if (!is_held) {
            s->lease_node = node;
            s->leased = apr_time_now();
            return APR_SUCCESS;
        }
    }

    return follow_fail(why, FOLLOW_EBUSY, "%d others take a snapshot now",
                       slots);
}

static void redis_release(follow_store *store)
{
    redis_store *s = (redis_store *)store;

    if (s->lease && s->link.context) {
        redis_link_do(&s->link, NULL, "DEL %s%d", s->snapshots, s->lease);
    }
    s->lease = 0;
}

/* ---- reports ----------------------------------------------------------- */

static apr_status_t redis_report(follow_store *store, const char *node,
                                 hostmap_str status, hostmap_reason *why)
{
    redis_store *s = (redis_store *)store;

    return redis_link_do(&s->link, why, "HSET %s %s %b", s->nodes, node,
                         status.ptr, status.len);
}

static apr_status_t redis_nodes(follow_store *store, hostmap_each_fn *fn,
                                void *baton, hostmap_reason *why)
{
    redis_store *s = (redis_store *)store;
    redisReply *reply;
    apr_status_t rv;
    size_t i;

    rv = redis_link_ask(&s->link, &reply, REDIS_REPLY_ARRAY, why,
                        "HGETALL %s", s->nodes);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    for (i = 0; i + 1 < reply->elements && rv == APR_SUCCESS; i += 2) {
        const redisReply *node = reply->element[i];
        const redisReply *status = reply->element[i + 1];

        if (node->type == REDIS_REPLY_STRING
            && status->type == REDIS_REPLY_STRING) {
            rv = fn(baton, hostmap_str_of(node->str, node->len),
                    hostmap_str_of(status->str, status->len));
        }
    }
    freeReplyObject(reply);

    return rv;
}

/* ---- writing ----------------------------------------------------------- */

/* Room for the words of the longest command: two a change. */
typedef struct redis_words {
    hostmap_str *at;
    apr_size_t count;
    /** commands that were appended and not answered yet */
    unsigned commands;
} redis_words;

static void redis_word(redis_words *w, hostmap_str text)
{
    w->at[w->count++] = text;
}

static void redis_word_text(redis_words *w, const char *text)
{
    redis_word(w, hostmap_str_text(text));
}

static void redis_append(redis_store *s, redis_words *w)
{
    redis_link_append(&s->link, w->at, w->count);
    w->commands++;
    w->count = 0;
}

static apr_size_t redis_count(const follow_writes *writes)
{
    apr_size_t count = 0, i;

    for (i = 0; i < writes->transactions; i++) {
        count += writes->counts[i];
    }

    return count;
}

/* Does the hash hold what the changes expect?  It is watched. */
static apr_status_t redis_conditions(redis_store *s,
                                     const follow_writes *writes,
                                     apr_size_t *failed, hostmap_reason *why)
{
    apr_size_t count = redis_count(writes), i;

    for (i = 0; i < count; i++) {
        const follow_write *change = &writes->changes[i];
        hostmap_str old = change->old;
        redisReply *reply;
        apr_status_t rv;
        int holds;

        if (!old.ptr) {
            continue;
        }
        rv = redis_link_ask(&s->link, &reply, REDIS_REPLY_STRING, why,
                            "HGET %s %b", s->hash, change->key.ptr,
                            change->key.len);
        if (rv != APR_SUCCESS) {
            return rv;
        }
        holds = reply->type == REDIS_REPLY_NIL
                ? old.len == 0
                : old.len > 0 && reply->len == old.len
                  && memcmp(reply->str, old.ptr, old.len) == 0;
        freeReplyObject(reply);
        if (!holds) {
            *failed = i;
            return FOLLOW_ECONFLICT;
        }
    }

    return APR_SUCCESS;
}

/* "SOURCE POSITION", what a relay has written of its way; the position may be
 * empty. */
static int redis_place_read(follow_position *at, hostmap_str place,
                            const char *source)
{
    apr_size_t len = strlen(source);

    if (place.len <= len || memcmp(place.ptr, source, len) != 0
        || place.ptr[len] != ' ') {
        return 0;
    }

    return place.len == len + 1
           || follow_position_set(at, hostmap_str_of(place.ptr + len + 1,
                                                     place.len - len - 1));
}

static apr_status_t redis_relayed(follow_store *store, follow_position *at,
                                  const char *source, hostmap_reason *why)
{
    redis_store *s = (redis_store *)store;
    redisReply *reply;
    apr_status_t rv;

    at->text[0] = '\0';
    rv = redis_link_ask(&s->link, &reply, REDIS_REPLY_STRING, why, "GET %s",
                        s->relay);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (reply->type == REDIS_REPLY_STRING
        && !redis_place_read(at, hostmap_str_of(reply->str, reply->len),
                             source)) {
        rv = follow_fail(why, FOLLOW_EREFUSED, "%s says that it is written "
                         "from `%.100s`, not from %s; if that has ended, "
                         "delete this key", s->relay, reply->str, source);
    }
    freeReplyObject(reply);

    return rv;
}

/* A relay's step begins where the last one ended, whoever made that. */
static apr_status_t redis_from(redis_store *s, const follow_writes *writes,
                               apr_size_t *failed, hostmap_reason *why)
{
    follow_position at;
    apr_status_t rv = redis_relayed(&s->base, &at, writes->source, why);

    if (rv == APR_SUCCESS && !follow_position_equal(&at, writes->from)) {
        *failed = redis_count(writes);
        rv = follow_fail(why, FOLLOW_ECONFLICT, "another relay writes it");
    }

    return rv;
}

/* HSET of what comes, HDEL of what goes. */
static void redis_queue_hash(redis_store *s, redis_words *w,
                             const follow_write *changes, apr_size_t count)
{
    int go;

    for (go = 0; go < 2; go++) {
        apr_size_t i;

        redis_word_text(w, go ? "HDEL" : "HSET");
        redis_word_text(w, s->hash);
        for (i = 0; i < count; i++) {
            if ((changes[i].value.len == 0) != go) {
                continue;
            }
            redis_word(w, changes[i].key);
            if (!go) {
                redis_word(w, changes[i].value);
            }
        }
        if (w->count > 2) {
            redis_append(s, w);
        }
        w->count = 0;
    }
}

static void redis_queue_log(redis_store *s, redis_words *w,
                            const follow_write *changes, apr_size_t count)
{
    apr_size_t i;

    redis_word_text(w, "XADD");
    redis_word_text(w, s->log);
    redis_word_text(w, "MAXLEN");
    redis_word_text(w, "~");
    redis_word_text(w, LOG_MAX);
    redis_word_text(w, "*");
    for (i = 0; i < count; i++) {
        redis_word(w, changes[i].key);
        redis_word(w, changes[i].value);
    }
    if (count == 0) {
        redis_word_text(w, "");
        redis_word_text(w, "");
    }
    redis_append(s, w);
}

/* All that comes between MULTI and EXEC, in one piece. */
static void redis_queue(redis_store *s, redis_words *w,
                        const follow_writes *writes)
{
    const follow_write *changes = writes->changes;
    apr_size_t i;

    w->count = 0;
    w->commands = 0;
    for (i = 0; i < writes->transactions; i++) {
        apr_size_t count = writes->counts[i];

        redis_queue_hash(s, w, changes, count);
        redis_queue_log(s, w, changes, count);
        changes += count;
    }
    if (writes->source) {
        char place[FOLLOW_STORE_MAX + sizeof(follow_position) + 2];

        snprintf(place, sizeof(place), "%s %s", writes->source,
                 writes->to->text);
        redis_word_text(w, "SET");
        redis_word_text(w, s->relay);
        redis_word_text(w, place);
        redis_append(s, w);
    }
}

/* What was queued, then EXEC. */
static apr_status_t redis_exec(redis_store *s, redis_words *w,
                               const follow_writes *writes,
                               apr_size_t *failed, hostmap_reason *why)
{
    redisReply *reply;
    apr_status_t rv = APR_SUCCESS;
    size_t i;

    while (w->commands-- > 0 && rv == APR_SUCCESS) {
        rv = redis_link_next(&s->link, &reply, REDIS_REPLY_STATUS, why);
        if (rv == APR_SUCCESS) {
            freeReplyObject(reply);
        }
    }
    if (rv == APR_SUCCESS) {
        rv = redis_link_ask(&s->link, &reply, REDIS_REPLY_ARRAY, why, "EXEC");
    }
    if (rv != APR_SUCCESS) {
        /* the transaction goes with the connection */
        redis_link_close(&s->link);
        return rv;
    }
    if (reply->type == REDIS_REPLY_NIL) {
        *failed = redis_count(writes);
        rv = follow_fail(why, FOLLOW_ECONFLICT, "another program writes it");
    }
    for (i = 0; i < reply->elements && rv == APR_SUCCESS; i++) {
        if (reply->element[i]->type == REDIS_REPLY_ERROR) {
            /* a key of another type */
            rv = follow_fail(why, APR_EGENERAL, "%s answers: %.200s",
                             s->link.peer, reply->element[i]->str);
        }
    }
    freeReplyObject(reply);

    return rv;
}

static apr_size_t redis_longest(const follow_writes *writes)
{
    apr_size_t longest = 0, i;

    for (i = 0; i < writes->transactions; i++) {
        if (writes->counts[i] > longest) {
            longest = writes->counts[i];
        }
    }

    return longest;
}

static apr_status_t redis_write(follow_store *store,
                                const follow_writes *writes,
                                apr_size_t *failed, hostmap_reason *why)
{
    redis_store *s = (redis_store *)store;
    redis_words w;
    apr_status_t rv;

    rv = redis_link_do(&s->link, why, "WATCH %s", writes->source ? s->relay
                                                                 : s->hash);
    if (rv == APR_SUCCESS) {
        rv = writes->source ? redis_from(s, writes, failed, why)
                            : redis_conditions(s, writes, failed, why);
    }
    if (rv != APR_SUCCESS) {
        if (s->link.context) {
            redis_link_do(&s->link, NULL, "UNWATCH");
        }
        return rv;
    }
    /* answered before the rest is sent: without it, that would be executed */
    rv = redis_link_do(&s->link, why, "MULTI");
    if (rv != APR_SUCCESS) {
        redis_link_close(&s->link);
        return rv;
    }
    w.at = tool_realloc(NULL, (2 * redis_longest(writes) + 16)
                              * sizeof(*w.at));
    redis_queue(s, &w, writes);
    free(w.at);

    return redis_exec(s, &w, writes, failed, why);
}

/* ---- the provider ------------------------------------------------------ */

static apr_status_t redis_create(follow_store **store, const follow_url *url,
                                 const follow_access *access,
                                 apr_pool_t *pool, hostmap_reason *why)
{
    redis_store *s = apr_pcalloc(pool, sizeof(*s));
    apr_status_t rv = redis_link_check(url, why);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    s->base.provider = &follow_redis;
    s->link.url = url;
    s->link.access = access;
    s->hash = apr_psprintf(pool, "switchboard:{%.*s}", (int)url->name.len,
                           url->name.ptr);
    s->log = apr_pstrcat(pool, s->hash, ":log", NULL);
    s->nodes = apr_pstrcat(pool, s->hash, ":nodes", NULL);
    s->snapshots = apr_pstrcat(pool, s->hash, ":snapshot:", NULL);
    s->relay = apr_pstrcat(pool, s->hash, ":relay", NULL);
    *store = &s->base;

    return APR_SUCCESS;
}

static apr_status_t redis_connect(follow_store *store, hostmap_reason *why)
{
    redis_store *s = (redis_store *)store;

    return s->link.context ? APR_SUCCESS : redis_link_open(&s->link, why);
}

static void redis_close(follow_store *store)
{
    redis_link_close(&((redis_store *)store)->link);
}

const follow_provider follow_redis = {
    "redis",
    redis_create,
    redis_connect,
    redis_close,
    redis_end,
    redis_read,
    redis_wait,
    redis_snapshot,
    redis_lease,
    redis_release,
    redis_report,
    redis_nodes,
    redis_relayed,
    redis_write
};

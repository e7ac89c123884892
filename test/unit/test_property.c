/* SPDX-License-Identifier: Apache-2.0 */

/*
 * 100000 random questions to random maps, against the rules said plainly: names
 * are lists of labels, paths are lists of segments, and of all keys that match
 * the best one answers.  Asked of hostmap_match() with the keys in memory, and
 * of hostmap_find() with the same keys in a file.
 */

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "folder.h"
#include "hostmap/hostmap.h"
#include "suites.h"

#define SEED            UINT64_C(0x5377626f61726431)
#define MAPS            1000
#define QUESTIONS       100
#define KEYS_MAX        40
/** a name of 511 bytes has no more labels */
#define PARTS_MAX       256
#define PATH_BYTES      4096

/* ---- chance ------------------------------------------------------------ */

static uint64_t dice;

/** A number below count; xorshift64*. */
static unsigned roll(unsigned count)
{
    dice ^= dice >> 12;
    dice ^= dice << 25;
    dice ^= dice >> 27;
    return (unsigned)((dice * UINT64_C(0x2545f4914f6cdd1d)) >> 32) % count;
}

/** One time of so many. */
static int one_of(unsigned count)
{
    return roll(count) == 0;
}

/* ---- lists of parts ---------------------------------------------------- */

typedef struct part {
    const char *ptr;
    size_t len;
} part;

typedef struct parts {
    part part[PARTS_MAX];
    unsigned count;
    /** there were more */
    int cut;
} parts;

/** Empty parts are none. */
static void split(parts *list, const char *text, size_t len, char separator)
{
    size_t start = 0, i;

    list->count = 0;
    list->cut = 0;
    for (i = 0; i <= len; i++) {
        if (i < len && text[i] != separator) {
            continue;
        }
        if (i > start && list->count == PARTS_MAX) {
            list->cut = 1;
            return;
        }
        if (i > start) {
            list->part[list->count].ptr = text + start;
            list->part[list->count++].len = i - start;
        }
        start = i + 1;
    }
}

/** Are these the parts of list from this one on? */
static int is_at(const parts *list, unsigned from, const parts *these)
{
    unsigned i;

    for (i = 0; i < these->count; i++) {
        const part *a = &list->part[from + i], *b = &these->part[i];

        if (from + i >= list->count || a->len != b->len
            || memcmp(a->ptr, b->ptr, a->len) != 0) {
            return 0;
        }
    }
    return 1;
}

/* ---- the rules --------------------------------------------------------- */

typedef struct map_key {
    char text[HOSTMAP_KEY_MAX + 1];
    size_t len;
    size_t host_len;
    /** its name's, without the star's */
    parts labels;
    parts segments;
} map_key;

static map_key keys[KEYS_MAX];
static unsigned key_count;

static int is_wildcard(const map_key *key)
{
    return key->text[0] == '*';
}

/** 0: the name does not match; 1: `*`; more for the more specific. */
static unsigned name_rank(const map_key *key, const parts *host)
{
    const parts *labels = &key->labels;

    if (!is_wildcard(key)) {
        return host->count == labels->count && is_at(host, 0, labels)
               ? PARTS_MAX + 2 : 0;
    }
    if (key->host_len == 1) {
        return 1;
    }
    return host->count > labels->count
           && is_at(host, host->count - labels->count, labels)
           ? 1 + labels->count : 0;
}

/** The entry that answers, by the rules; NULL: none. */
static const map_key *reference(unsigned features, const parts *host,
                                const parts *path)
{
    const map_key *name = NULL, *best;
    unsigned rank = 0, i;

    for (i = 0; i < key_count; i++) {
        if (keys[i].host_len == keys[i].len
            && (!is_wildcard(&keys[i]) || (features & HOSTMAP_FEATURE_WILDCARD))
            && name_rank(&keys[i], host) > rank) {
            name = &keys[i];
            rank = name_rank(name, host);
        }
    }
    best = name;
    for (i = 0; name && path && (features & HOSTMAP_FEATURE_PATH)
                && i < key_count; i++) {
        if (keys[i].host_len == name->len
            && memcmp(keys[i].text, name->text, name->len) == 0
            && keys[i].segments.count > best->segments.count
            && is_at(path, 0, &keys[i].segments)) {
            best = &keys[i];
        }
    }
    return best;
}

/* ---- maps -------------------------------------------------------------- */

/* Few words, so that names and paths meet. */
static const char *const words[] = {
    "a", "b", "www", "x-1", "a", "b"
};
static const char *const odd_words[] = {
    "A", "a;v=1", "a b", "a%2fb", "...", "..a", "*", "a.b", "\xc3\xa9", "a*",
    "~", "a?b", "ab", "a:b@c", ";", "\x7f", "%", "*.b"
};

#define ANY(list) (list)[roll(sizeof(list) / sizeof((list)[0]))]

/** More parts in rare cases. */
static unsigned roll_depth(unsigned few, unsigned many)
{
    return one_of(8) ? 1 + roll(many) : 1 + roll(few);
}

static size_t put(char *text, size_t len, size_t room, const char *word)
{
    size_t more = strlen(word);

    if (len + more >= room) {
        return len;
    }
    memcpy(text + len, word, more + 1);
    return len + more;
}

static size_t put_name(char *text, size_t len, size_t room, unsigned labels)
{
    while (labels-- > 0) {
        len = put(text, len, room, ANY(words));
        len = put(text, len, room, labels > 0 ? "." : "");
    }
    return len;
}

static size_t put_segment(char *text, size_t len, size_t room)
{
    return put(text, len, room, one_of(6) ? ANY(odd_words) : ANY(words));
}

static size_t put_path(char *text, size_t len, size_t room,
                       unsigned segments)
{
    while (segments-- > 0) {
        len = put(text, len, room, "/");
        len = put_segment(text, len, room);
    }
    return len;
}

/** A key that is in the map, or none; NULL: the map has none. */
static const map_key *any_key(void)
{
    return key_count > 0 ? &keys[roll(key_count)] : NULL;
}

static size_t random_key(char *text)
{
    const map_key *old = any_key();
    const size_t room = HOSTMAP_KEY_MAX + 1;
    size_t len = 0;

    text[0] = '\0';
    if (old && one_of(2)) {
        memcpy(text, old->text, old->len + 1);
        return put_path(text, old->len, room,
                        roll_depth(2, HOSTMAP_SEGMENTS_MAX));
    }
    if (one_of(8)) {
        return put(text, 0, room, "*");
    }
    if (one_of(20)) {
        return put(text, 0, room, one_of(2) ? "::1" : "2001:db8::a");
    }
    if (one_of(2)) {
        len = put(text, 0, room, "*.");
        return put_name(text, len, room, roll_depth(3, HOSTMAP_PARENTS_MAX));
    }
    return put_name(text, 0, room, roll_depth(4, 127));
}

static int is_there(const char *text, size_t len)
{
    unsigned i;

    for (i = 0; i < key_count; i++) {
        if (keys[i].len == len && memcmp(keys[i].text, text, len) == 0) {
            return 1;
        }
    }
    return 0;
}

/** Keys that the tool would refuse are none. */
static void add_key(void)
{
    map_key *key = &keys[key_count];
    size_t from;

    key->len = random_key(key->text);
    if (hostmap_key_check(hostmap_str_of(key->text, key->len), NULL)
            != APR_SUCCESS
        || is_there(key->text, key->len)) {
        return;
    }
    key->host_len = hostmap_key_host_len(hostmap_str_of(key->text, key->len));
    from = is_wildcard(key) ? 1 : 0;
    split(&key->labels, key->text + from, key->host_len - from, '.');
    split(&key->segments, key->text + key->host_len,
          key->len - key->host_len, '/');
    key_count++;
}

/** @return the map's features */
static unsigned make_map(void)
{
    unsigned tries = 1 + roll(KEYS_MAX);
    unsigned features = 0, i;

    key_count = 0;
    while (tries-- > 0) {
        add_key();
    }
    for (i = 0; i < key_count; i++) {
        features |= hostmap_key_features(hostmap_str_of(keys[i].text,
                                                         keys[i].len));
    }
    return features;
}

/* ---- questions --------------------------------------------------------- */

typedef struct question {
    char host[HOSTMAP_KEY_MAX + 1];
    size_t host_len;
    char text[PATH_BYTES];
    size_t path_len;
    /** text, or NULL: none */
    const char *path;
} question;

/** A name of the map, one below it, or any. */
static void random_host(question *q)
{
    const map_key *key = any_key();
    const size_t room = sizeof(q->host);
    const char *name;
    size_t len = 0;

    q->host[0] = '\0';
    if (!key || key->host_len < 3 || one_of(4)) {
        q->host_len = put_name(q->host, 0, room, roll_depth(4, 127));
        return;
    }
    name = key->text + (is_wildcard(key) ? 2 : 0);
    len = key->host_len - (size_t)(name - key->text);
    if (is_wildcard(key) ? !one_of(5) : one_of(5)) {
        unsigned labels = roll_depth(2, 110);
        size_t front = put_name(q->host, 0, room - len - 1, labels);

        if (front > 0 && q->host[front - 1] != '.') {
            front = put(q->host, front, room, ".");
        }
        memcpy(q->host + front, name, len);
        q->host_len = front + len;
    }
    else {
        memcpy(q->host, name, len);
        q->host_len = len;
    }
    q->host[q->host_len] = '\0';
}

/** Put a path again, with some of its slashes doubled. */
static size_t put_doubled(char *text, const char *path, size_t path_len)
{
    size_t len = 0, i;

    for (i = 0; i < path_len; i++) {
        text[len++] = path[i];
        if (path[i] == '/' && one_of(6)) {
            text[len++] = '/';
        }
    }
    text[len] = '\0';
    return len;
}

/** Below a path of the map, beside it, or any; now and then one that is not
 *  a path, or very long. */
static void random_path(question *q)
{
    const map_key *key = any_key();
    const size_t room = sizeof(q->text);
    size_t len = 0;

    q->path = q->text;
    if (one_of(50)) {
        q->path = one_of(2) ? NULL : q->text;
        q->path_len = put(q->text, 0, room, "*");
        return;
    }
    q->text[0] = '\0';
    if (key && key->len > key->host_len && !one_of(4)) {
        len = put_doubled(q->text, key->text + key->host_len,
                          key->len - key->host_len);
        if (one_of(4)) {
            len = put_segment(q->text, len, room);
        }
    }
    len = put_path(q->text, len, room,
                   one_of(100) ? 1000 : roll_depth(4, 40) - 1);
    if (len == 0 || one_of(4)) {
        len = put(q->text, len, room, one_of(4) ? "//" : "/");
    }
    q->path_len = len;
}

/** What the name is in the map's spelling, if a request can have it. */
static int make_question(question *q)
{
    char host[HOSTMAP_KEY_MAX + 1];

    random_host(q);
    memcpy(host, q->host, q->host_len + 1);
    if (hostmap_key_host(q->host, &q->host_len,
                         hostmap_str_of(host, q->host_len), NULL)
        != APR_SUCCESS) {
        return 0;
    }
    random_path(q);
    return 1;
}

/* ---- comparing --------------------------------------------------------- */

static void assert_same(const question *q, unsigned features, apr_status_t rv,
                        const hostmap_matched *m, const map_key *best)
{
    static const char none[] = "(none)";
    const char *expected = best ? best->text : none;
    const char *got = rv == APR_SUCCESS ? m->key : none;
    hostmap_match_kind kind = HOSTMAP_MATCH_EXACT;

    ck_assert_msg(rv == APR_SUCCESS || rv == APR_NOTFOUND, "status %d", rv);
    ck_assert_msg(strcmp(got, expected) == 0, "host %s, path %s, features "
                  "%u: %s, expected %s", q->host, q->path ? q->path : none,
                  features, got, expected);
    if (!best) {
        return;
    }
    if (is_wildcard(best)) {
        kind = best->host_len == 1 ? HOSTMAP_MATCH_DEFAULT
                                   : HOSTMAP_MATCH_WILDCARD;
    }
    ck_assert_int_eq(m->kind, kind);
    ck_assert_uint_eq(m->key_len, best->len);
    ck_assert_uint_eq(m->host_len, best->host_len);
    ck_assert_uint_eq(m->value.len, best->len);
    ck_assert_int_eq(memcmp(m->value.ptr, best->text, best->len), 0);
}

/** hostmap_match_fn */
static apr_status_t look_up(void *baton, hostmap_str *value, hostmap_str key)
{
    unsigned i;

    (void)baton;
    for (i = 0; i < key_count; i++) {
        if (keys[i].len == key.len
            && memcmp(keys[i].text, key.ptr, key.len) == 0) {
            *value = hostmap_str_of(keys[i].text, keys[i].len);
            return APR_SUCCESS;
        }
    }
    return APR_NOTFOUND;
}

static const map_key *compare_match(const question *q, unsigned features)
{
    hostmap_matcher map = { features, look_up, NULL };
    const map_key *best;
    hostmap_matched m;
    parts host, path;
    int has_path = q->path && q->path[0] == '/';
    apr_status_t rv;

    split(&host, q->host, q->host_len, '.');
    split(&path, q->text, q->path_len, '/');
    ck_assert(!host.cut);
    best = reference(features, &host, has_path ? &path : NULL);
    rv = hostmap_match(&m, &map, hostmap_str_of(q->host, q->host_len),
                       hostmap_str_of(q->path, q->path ? q->path_len : 0));
    ck_assert_uint_le(m.lookups, features ? HOSTMAP_MATCH_LOOKUPS : 1);
    assert_same(q, features, rv, &m, best);
    return best;
}

/** What has been asked for, so that a test that asks for little fails. */
typedef struct tally {
    unsigned asked, none, exact, wildcard, fallback, path, deep;
} tally;

static void count(tally *sum, const map_key *best)
{
    sum->asked++;
    if (!best) {
        sum->none++;
        return;
    }
    sum->path += best->len > best->host_len;
    sum->deep += is_wildcard(best) && best->labels.count >= 5;
    sum->exact += !is_wildcard(best);
    sum->fallback += best->host_len == 1 && is_wildcard(best);
    sum->wildcard += best->host_len > 1 && is_wildcard(best);
}

static void assert_varied(const tally *sum, const char *what)
{
    printf("%s: seed 0x%llx: %u questions: %u without an answer, %u exact, "
           "%u wildcard (%u of 5 labels and more), %u default, %u with a "
           "path\n", what, (unsigned long long)SEED, sum->asked, sum->none,
           sum->exact, sum->wildcard, sum->deep, sum->fallback, sum->path);
    fflush(stdout);
    ck_assert_uint_eq(sum->asked, MAPS * QUESTIONS);
    ck_assert_uint_gt(sum->none, sum->asked / 20);
    ck_assert_uint_gt(sum->exact, sum->asked / 20);
    ck_assert_uint_gt(sum->wildcard, sum->asked / 20);
    ck_assert_uint_gt(sum->fallback, sum->asked / 20);
    ck_assert_uint_gt(sum->path, sum->asked / 20);
    ck_assert_uint_gt(sum->deep, sum->asked / 100);
}

START_TEST(random_questions_have_the_answers_of_the_rules)
{
    const unsigned all = HOSTMAP_FEATURE_WILDCARD | HOSTMAP_FEATURE_PATH;
    tally sum = { 0, 0, 0, 0, 0, 0, 0 };
    unsigned map, i;
    question q;

    dice = SEED;
    for (map = 0; map < MAPS; map++) {
        unsigned features = make_map();

        for (i = 0; i < QUESTIONS; i++) {
            while (!make_question(&q)) {
                continue;
            }
            count(&sum, compare_match(&q, features));
            /* a feature that is not there hides what it stands for */
            compare_match(&q, roll(all + 1));
        }
    }
    assert_varied(&sum, "hostmap_match");
}
END_TEST

/* ---- in a file --------------------------------------------------------- */

/* The value is the key: it tells which entry was read. */
static void write_map(const char *type)
{
    hostmap_pair entries[KEYS_MAX];
    unsigned i;

    for (i = 0; i < key_count; i++) {
        entries[i].key = hostmap_str_of(keys[i].text, keys[i].len);
        entries[i].value = entries[i].key;
    }
    map_with("map", type, entries, key_count);
}

static void no_line(void *baton, hostmap_log_level level, const char *line)
{
    (void)baton;
    ck_assert_msg(level != HOSTMAP_LOG_ERR, "%s", line);
}

static hostmap *open_map(const char *type, apr_pool_t *pool)
{
    hostmap_registry *registry;
    hostmap *map;

    ck_assert_int_eq(hostmap_registry_create(&registry, no_line, NULL, pool),
                     APR_SUCCESS);
    ck_assert_int_eq(hostmap_open(&map, registry, folder_file("map"), type,
                                  apr_time_from_sec(1)), APR_SUCCESS);
    return map;
}

static const map_key *compare_find(const question *q, hostmap *map,
                                   unsigned features, apr_pool_t *pool)
{
    const map_key *best = compare_match(q, features);
    hostmap_matched m;
    apr_status_t rv;

    rv = hostmap_find(map, &m, hostmap_str_of(q->host, q->host_len), q->text,
                      pool);
    ck_assert_uint_le(m.lookups, features ? HOSTMAP_MATCH_LOOKUPS : 1);
    assert_same(q, features, rv, &m, best);
    return best;
}

static void ask_file(tally *sum, const char *type, apr_pool_t *pool)
{
    unsigned features = make_map(), i;
    hostmap *map;
    question q;

    write_map(type);
    map = open_map(type, pool);
    for (i = 0; i < QUESTIONS; i++) {
        do {
            while (!make_question(&q)) {
                continue;
            }
        } while (!q.path);
        count(sum, compare_find(&q, map, features, pool));
    }
}

START_TEST(random_files_have_the_answers_of_the_rules)
{
    tally sum = { 0, 0, 0, 0, 0, 0, 0 };
    apr_pool_t *pool;
    unsigned map;

    dice = SEED;
    for (map = 0; map < MAPS; map++) {
        ck_assert_int_eq(apr_pool_create(&pool, folder_pool), APR_SUCCESS);
        ask_file(&sum, map % 50 ? "lmdb" : "sdbm", pool);
        apr_pool_destroy(pool);
    }
    assert_varied(&sum, "hostmap_find");
}
END_TEST

Suite *property_suite(void)
{
    Suite *suite = suite_create("property");
    TCase *tcase = tcase_create("property");

    tcase_add_test(tcase, random_questions_have_the_answers_of_the_rules);
    suite_add_tcase(suite, tcase);

    tcase = tcase_create("files");
    /* how long a busy machine takes is not what is tested */
    tcase_set_timeout(tcase, 600);
    tcase_add_checked_fixture(tcase, folder_setup_in_memory, folder_teardown);
    tcase_add_test(tcase, random_files_have_the_answers_of_the_rules);
    suite_add_tcase(suite, tcase);
    return suite;
}

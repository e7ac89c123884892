/* SPDX-License-Identifier: Apache-2.0 */

/*
 * stat.c: `hostmap cert stat`, counts for people and for monitoring.
 */

#include "cert.h"

#include <string.h>

#include "apr_strings.h"

#include "json.h"
#include "map.h"

#define DAY 86400

/* Bounds of the days until a name's certificate expires. */
static const struct stat_bucket {
    const char *name;
    int days;
} stat_buckets[] = {
    { "expired", 0 },
    { "under_1_day", 1 },
    { "under_7_days", 7 },
    { "under_14_days", 14 },
    { "under_30_days", 30 },
    { "under_60_days", 60 },
    { "under_90_days", 90 },
};

#define BUCKETS (sizeof(stat_buckets) / sizeof(*stat_buckets))
#define KEYS_MAX 8

typedef struct summary {
    apr_int64_t now;
    apr_int64_t names, wildcards, ec, rsa, both, bad, chains, bytes;
    apr_int64_t buckets[BUCKETS + 1];
    apr_int64_t first;          /* expiry; of first_name */
    char first_name[CERTMAP_NAME_MAX + 1];
    /* master keys that are in use */
    unsigned key_count;
    unsigned char keys[KEYS_MAX][CERTMAP_KEY_ID];
    apr_int64_t records;        /* of this shard */
} summary;

static void count_expiry(summary *s, hostmap_str key, apr_int64_t expires)
{
    apr_size_t i = 0;

    while (i < BUCKETS
           && expires >= s->now + (apr_int64_t)stat_buckets[i].days * DAY) {
        i++;
    }
    s->buckets[i]++;
    if (!s->first_name[0] || expires < s->first) {
        s->first = expires;
        apr_cpystrn(s->first_name, key.ptr, key.len + 1);
    }
}

static void count_key(summary *s, const unsigned char *id)
{
    unsigned i;

    for (i = 0; i < s->key_count; i++) {
        if (memcmp(s->keys[i], id, CERTMAP_KEY_ID) == 0) {
            return;
        }
    }
    if (s->key_count < KEYS_MAX) {
        memcpy(s->keys[s->key_count++], id, CERTMAP_KEY_ID);
    }
}

/* map_record_fn */
static apr_status_t count_record(void *baton, hostmap_str key,
                                 hostmap_str bytes)
{
    certmap_cert certs[CERTMAP_CERTS];
    certmap_record record;
    summary *s = baton;
    unsigned count;

    s->records++;
    if (key.len > CERTMAP_NAME_MAX
        || map_certs(certs, &count, bytes, NULL) != APR_SUCCESS) {
        s->bad++;
        return APR_SUCCESS;
    }
    s->names++;
    s->wildcards += key.ptr[0] == '*';
    if (count == 2) {
        s->both++;
    }
    else {
        *(certs[0].kind == CERTMAP_EC ? &s->ec : &s->rsa) += 1;
    }
    certmap_record_split(&record, bytes, NULL);
    count_key(s, record.key_id);
    count_expiry(s, key, map_expires(certs, count));
    return APR_SUCCESS;
}

static apr_status_t count_shard(void *baton, unsigned shard,
                                hostmap_file *file)
{
    summary *s = baton;
    hostmap_stat st;

    (void)shard;
    hostmap_file_stat(file, &st);
    s->bytes += st.size;
    s->chains += st.entries - s->records;
    s->records = 0;
    return APR_SUCCESS;
}

static void print_text(const summary *s, const char *dir)
{
    char day[16];
    apr_size_t i;

    printf("map        %s\n", dir);
    printf("names      %" APR_INT64_T_FMT ", of these wildcards %"
           APR_INT64_T_FMT "\n", s->names, s->wildcards);
    printf("keys       %" APR_INT64_T_FMT " EC, %" APR_INT64_T_FMT " RSA, %"
           APR_INT64_T_FMT " both\n", s->ec, s->rsa, s->both);
    printf("chains     %" APR_INT64_T_FMT "\n", s->chains);
    printf("size       %" APR_INT64_T_FMT " bytes\n", s->bytes);
    printf("masters    %u in use\n", s->key_count);
    for (i = 0; i < BUCKETS; i++) {
        if (s->buckets[i]) {
            printf("%s %" APR_INT64_T_FMT "\n", stat_buckets[i].name,
                   s->buckets[i]);
        }
    }
    if (s->names) {
        map_day(day, sizeof(day), s->first);
        printf("first      %s expires on %s\n", s->first_name, day);
    }
    if (s->bad) {
        printf("damaged    %" APR_INT64_T_FMT ", see `hostmap cert check`\n",
               s->bad);
    }
}

static void print_json(const summary *s, const char *dir)
{
    apr_size_t i;
    json j;

    json_begin(&j);
    json_string(&j, "map", dir);
    json_number(&j, "names", s->names);
    json_number(&j, "wildcards", s->wildcards);
    json_number(&j, "ec", s->ec);
    json_number(&j, "rsa", s->rsa);
    json_number(&j, "both", s->both);
    json_number(&j, "chains", s->chains);
    json_number(&j, "size", s->bytes);
    json_number(&j, "master_keys", s->key_count);
    json_number(&j, "damaged", s->bad);
    for (i = 0; i < BUCKETS; i++) {
        json_number(&j, stat_buckets[i].name, s->buckets[i]);
    }
    json_number(&j, "later", s->buckets[BUCKETS]);
    json_string(&j, "first_name", s->names ? s->first_name : NULL);
    json_number(&j, "first_expiry", s->first);
    json_end(&j);
}

int cert_stat(tool *t)
{
    summary s = { apr_time_sec(apr_time_now()) };
    map_walk walk = { count_record, count_shard, &s };
    int status = map_each(t, t->operands[0], &walk);

    if (status != TOOL_DONE) {
        return status;
    }
    if (t->flags & TOOL_JSON) {
        print_json(&s, t->operands[0]);
    }
    else {
        print_text(&s, t->operands[0]);
    }
    return TOOL_DONE;
}

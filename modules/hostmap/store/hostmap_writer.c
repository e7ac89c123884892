/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file hostmap_writer.c
 * @brief The content of a new map: the entries of the present one, those that
 *        are put and removed, and the features of all keys.
 *
 * hostmap_place.c makes the file and puts it in the place of the map.
 */

#include "hostmap_writer.h"
#include "hostmap_place.h"

#include "hostmap/hostmap_key.h"

#include "apr_hash.h"
#include "apr_strings.h"

#include <string.h>

/* How long to wait for a program that changes the map in place. */
#define BUSY_WAIT apr_time_from_sec(10)
#define BUSY_POLL apr_time_from_msec(20)

struct hostmap_writer {
    const hostmap_provider *provider;
    apr_pool_t *pool;
    hostmap_place place;
    unsigned flags;
    unsigned features;          /* of the keys so far */
    apr_hash_t *gone;           /* host keys that were removed; values: any */
    void *out;                  /* the provider's, NULL when closed */
};

/* ---- the entries of the present map ------------------------------------ */

static apr_status_t writer_add_entry(void *baton, hostmap_str key,
                                     hostmap_str value)
{
    hostmap_writer *writer = baton;

    return writer->provider->put(writer->out, key, value, NULL);
}

static apr_status_t writer_add_present(hostmap_writer *writer,
                                       hostmap_file *present,
                                       hostmap_reason *why)
{
    apr_status_t rv;

    if (!present) {
        return APR_SUCCESS;
    }
    why->text[0] = '\0';
    rv = hostmap_file_features(present, &writer->features, writer->pool, why);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    return hostmap_file_each(present, writer_add_entry, writer, writer->pool,
                             why);
}

/* Waits for a program that changes the map in place. */
static apr_status_t writer_open_present(hostmap_writer *writer,
                                        hostmap_file **present,
                                        hostmap_reason *why)
{
    apr_time_t deadline = apr_time_now() + BUSY_WAIT;
    apr_status_t rv;

    *present = NULL;
    while ((rv = hostmap_file_open(present, writer->place.path,
                                   writer->provider->name, writer->pool, why))
           == HOSTMAP_EBUSY && apr_time_now() < deadline) {
        apr_sleep(BUSY_POLL);
    }
    return rv;
}

/* Under the lock of programs that change it in place; db has none, but a change
 * is seen afterwards. */
static apr_status_t writer_copy_present(hostmap_writer *writer,
                                        const hostmap_file *present,
                                        hostmap_reason *why)
{
    apr_file_t *lock = NULL;
    hostmap_id id;
    apr_status_t rv;

    rv = writer->provider->hold(present, &lock, writer->pool, why);
    if (rv == APR_SUCCESS) {
        rv = hostmap_place_copy(&writer->place, why);
    }
    if (rv == APR_SUCCESS) {
        rv = hostmap_id_of(&id, &writer->place.names, writer->pool, why);
    }
    if (rv == APR_SUCCESS && !hostmap_id_equal(&id, &present->id)) {
        rv = hostmap_fail(why, HOSTMAP_ESTALE, "it was changed by another "
                          "program at the same time, try again");
    }
    if (lock) {
        apr_file_close(lock);
    }
    return rv;
}

/* ---- beginning --------------------------------------------------------- */

static apr_status_t writer_change(hostmap_writer *writer,
                                  const hostmap_spec *spec,
                                  hostmap_reason *why)
{
    hostmap_file *present;
    apr_status_t rv;
    void *out;

    rv = writer_open_present(writer, &present, why);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = hostmap_file_features(present, &writer->features, writer->pool, why);
    if (rv == APR_SUCCESS) {
        rv = writer_copy_present(writer, present, why);
    }
    hostmap_file_close(present);
    if (rv == APR_SUCCESS) {
        rv = writer->provider->change(&out, spec, writer->pool, why);
    }
    if (rv == APR_SUCCESS) {
        writer->out = out;
    }
    return rv;
}

static apr_status_t writer_begin(hostmap_writer *writer, apr_uint64_t bytes,
                                 hostmap_reason *why)
{
    hostmap_spec spec = { writer->provider, writer->place.work, bytes };
    hostmap_file *present = NULL;
    apr_status_t rv = APR_SUCCESS;
    void *out;

    if (writer->flags & HOSTMAP_WRITER_CHANGE) {
        return writer_change(writer, &spec, why);
    }
    if (writer->flags & HOSTMAP_WRITER_ADD) {
        rv = writer_open_present(writer, &present, why);
        if (APR_STATUS_IS_ENOENT(rv)) {
            rv = APR_SUCCESS;
        }
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (present) {
        spec.bytes += present->id.size;
    }
    rv = writer->provider->create(&out, &spec, writer->pool, why);
    if (rv == APR_SUCCESS) {
        writer->out = out;
        rv = writer_add_present(writer, present, why);
    }
    if (present) {
        hostmap_file_close(present);
    }
    return rv;
}

static apr_status_t writer_cleanup(void *data)
{
    hostmap_writer *writer = data;

    if (writer->out) {
        writer->provider->finish(writer->out, 0, NULL);
        writer->out = NULL;
    }
    hostmap_place_close(&writer->place);
    return APR_SUCCESS;
}

/* Only lmdb maps follow a store.  One that cannot be read is replaced. */
static apr_status_t writer_check_followed(hostmap_writer *writer,
                                          hostmap_reason *why)
{
    hostmap_reason ignored;
    hostmap_file *present;
    hostmap_str state;
    apr_status_t rv;

    if ((writer->flags & (HOSTMAP_WRITER_FOLLOW | HOSTMAP_WRITER_UNFOLLOW))
        || writer->provider != &hostmap_provider_lmdb
        || hostmap_file_open(&present, writer->place.path, "lmdb", writer->pool,
                             &ignored) != APR_SUCCESS) {
        return APR_SUCCESS;
    }
    rv = hostmap_file_state(present, &state, writer->pool, &ignored);
    hostmap_file_close(present);
    if (rv != APR_SUCCESS) {
        return APR_SUCCESS;
    }
    return hostmap_fail(why, HOSTMAP_EFOLLOWS, "it follows a store, which is "
                        "what has to be changed; --unfollow breaks away from "
                        "it");
}

/* The copy of a map that follows a store. */
static apr_status_t writer_unfollow(hostmap_writer *writer,
                                    hostmap_reason *why)
{
    apr_status_t rv;

    rv = writer->provider->remove(writer->out, hostmap_state_key(), why);

    return rv == APR_NOTFOUND ? APR_SUCCESS : rv;
}

apr_status_t hostmap_writer_open(hostmap_writer **out, const char *path,
                                 const hostmap_writer_options *options,
                                 apr_pool_t *pool, hostmap_reason *why)
{
    hostmap_writer *writer = apr_pcalloc(pool, sizeof(*writer));
    apr_status_t rv;

    writer->pool = pool;
    writer->flags = options->flags;
    writer->gone = apr_hash_make(pool);
    writer->place.lock_fd = -1;
    apr_pool_cleanup_register(pool, writer, writer_cleanup,
                              apr_pool_cleanup_null);
    rv = hostmap_provider_of(&writer->provider, path, options->type, pool,
                             why);
    if (rv == APR_SUCCESS) {
        rv = hostmap_place_open(&writer->place, writer->provider, path, pool,
                                why);
    }
    if (rv == APR_SUCCESS) {
        rv = writer_check_followed(writer, why);
    }
    if (rv == APR_SUCCESS) {
        rv = writer_begin(writer, options->bytes, why);
        rv = hostmap_place_explain(&writer->place, rv, why);
    }
    if (rv == APR_SUCCESS && (writer->flags & HOSTMAP_WRITER_UNFOLLOW)) {
        rv = writer_unfollow(writer, why);
    }
    if (rv != APR_SUCCESS) {
        hostmap_writer_abort(writer);
        return rv;
    }
    *out = writer;
    return APR_SUCCESS;
}

apr_status_t hostmap_writer_put(hostmap_writer *writer, hostmap_str key,
                                hostmap_str value, hostmap_reason *why)
{
    apr_size_t key_max = writer->provider->key_max;
    apr_size_t pair_max = writer->provider->pair_max;
    apr_status_t rv;

    if (key.len == 0 || (key_max && key.len > key_max)) {
        return hostmap_fail(why, APR_EINVAL, "a key of %" APR_SIZE_T_FMT
                            " bytes, type %s takes 1 to %" APR_SIZE_T_FMT,
                            key.len, writer->provider->name, key_max);
    }
    if (pair_max && key.len + value.len > pair_max) {
        return hostmap_fail(why, APR_EINVAL, "key and value of %"
                            APR_SIZE_T_FMT " bytes, type %s takes %"
                            APR_SIZE_T_FMT ": use lmdb",
                            key.len + value.len, writer->provider->name,
                            pair_max);
    }
    if (hostmap_is_own_key(key)) {
        return hostmap_fail(why, APR_EINVAL,
                            "this key is reserved for the map itself");
    }
    if (!(writer->flags & HOSTMAP_WRITER_ANY_KEY)) {
        writer->features |= hostmap_key_features(key);
    }
    if (apr_hash_count(writer->gone) > 0) {
        apr_hash_set(writer->gone, key.ptr, key.len, NULL);
    }
    rv = writer->provider->put(writer->out, key, value, why);
    return hostmap_place_explain(&writer->place, rv, why);
}

/* The entry of the features is hidden from callers. */
static int writer_can_hold(const hostmap_writer *writer, hostmap_str key)
{
    apr_size_t key_max = writer->provider->key_max;

    return key.len > 0 && (!key_max || key.len <= key_max)
           && !hostmap_is_own_key(key);
}

apr_status_t hostmap_writer_get(hostmap_writer *writer, hostmap_str *value,
                                hostmap_str key, hostmap_reason *why)
{
    if (!writer_can_hold(writer, key)) {
        return APR_NOTFOUND;
    }
    return writer->provider->get(writer->out, value, key, why);
}

apr_status_t hostmap_writer_remove(hostmap_writer *writer, hostmap_str key,
                                   hostmap_reason *why)
{
    apr_status_t rv;

    if (!writer_can_hold(writer, key)) {
        return APR_NOTFOUND;
    }
    rv = writer->provider->remove(writer->out, key, why);
    if (rv == APR_SUCCESS && (writer->features & HOSTMAP_FEATURE_PATH)
        && hostmap_key_host_len(key) == key.len) {
        apr_hash_set(writer->gone, apr_pmemdup(writer->pool, key.ptr, key.len),
                     key.len, writer);
    }
    return rv;
}

apr_status_t hostmap_writer_state(hostmap_writer *writer, hostmap_str *state,
                                  hostmap_reason *why)
{
    return writer->provider->get(writer->out, state, hostmap_state_key(),
                                 why);
}

apr_status_t hostmap_writer_set_state(hostmap_writer *writer,
                                      hostmap_str state, hostmap_reason *why)
{
    apr_status_t rv = writer->provider->put(writer->out, hostmap_state_key(),
                                            state, why);

    return hostmap_place_explain(&writer->place, rv, why);
}

/* ---- paths whose host was removed -------------------------------------- */

typedef struct orphan {
    hostmap_writer *writer;
    /* look for keys that begin with these bytes; empty: with any removed
     * host */
    hostmap_str begin;
    /* the key that was found */
    hostmap_str key;
} orphan;

/* hostmap_key_fn */
static int writer_orphan_look(void *baton, hostmap_str key)
{
    orphan *o = baton;
    apr_size_t host_len = hostmap_key_host_len(key);
    int found;

    if (o->begin.len) {
        found = key.len >= o->begin.len
                && memcmp(key.ptr, o->begin.ptr, o->begin.len) == 0;
    }
    else {
        found = host_len < key.len
                && apr_hash_get(o->writer->gone, key.ptr, host_len);
    }
    if (found) {
        o->key.ptr = apr_pstrmemdup(o->writer->pool, key.ptr, key.len);
        o->key.len = key.len;
    }
    /* keys are sorted: the first one without the prefix comes after all that
     * have it */
    return found || o->begin.len;
}

/* A type without an order is searched once, for all removed hosts. */
static apr_status_t writer_orphan_search(orphan *o, hostmap_reason *why)
{
    const hostmap_provider *provider = o->writer->provider;
    apr_hash_index_t *at;
    apr_status_t rv = APR_SUCCESS;

    if (!provider->cursor_open) {
        return provider->each_key(o->writer->out, o->begin,
                                  writer_orphan_look, o, why);
    }
    for (at = apr_hash_first(o->writer->pool, o->writer->gone);
         at && !o->key.ptr && rv == APR_SUCCESS; at = apr_hash_next(at)) {
        const void *host;
        apr_ssize_t len;

        apr_hash_this(at, &host, &len, NULL);
        o->begin.ptr = apr_pstrcat(o->writer->pool,
                                   apr_pstrmemdup(o->writer->pool, host, len),
                                   "/", NULL);
        o->begin.len = len + 1;
        rv = provider->each_key(o->writer->out, o->begin, writer_orphan_look,
                                o, why);
    }
    return rv;
}

apr_status_t hostmap_writer_orphan(hostmap_writer *writer, hostmap_str *key,
                                   hostmap_reason *why)
{
    orphan o = { writer, { NULL, 0 }, { NULL, 0 } };
    apr_status_t rv;

    if (apr_hash_count(writer->gone) == 0) {
        return APR_NOTFOUND;
    }
    rv = writer_orphan_search(&o, why);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    *key = o.key;
    return o.key.ptr ? APR_SUCCESS : APR_NOTFOUND;
}

/* ---- putting it in place ----------------------------------------------- */

/* The last entry: in the order of lmdb it comes after all others. */
static apr_status_t writer_put_features(hostmap_writer *writer,
                                        hostmap_reason *why)
{
    if (!writer->features) {
        return APR_SUCCESS;
    }
    return writer->provider->put(writer->out, hostmap_features_key(),
                                 hostmap_features_value(writer->features),
                                 why);
}

static apr_status_t writer_finish(hostmap_writer *writer, hostmap_reason *why)
{
    void *out = writer->out;
    apr_status_t rv;

    rv = writer_put_features(writer, why);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    writer->out = NULL;
    rv = writer->provider->finish(out, 1, why);
    rv = hostmap_place_explain(&writer->place, rv, why);
    return rv == APR_SUCCESS ? hostmap_place_commit(&writer->place, why) : rv;
}

apr_status_t hostmap_writer_commit(hostmap_writer *writer,
                                   hostmap_reason *why)
{
    apr_status_t rv = writer_finish(writer, why);

    hostmap_writer_abort(writer);
    return rv;
}

void hostmap_writer_abort(hostmap_writer *writer)
{
    apr_pool_cleanup_run(writer->pool, writer, writer_cleanup);
}

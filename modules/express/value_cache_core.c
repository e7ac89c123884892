/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A place for each value, by a hash of it.  Whoever finds the place taken, by
 * another thread or another value that has just been met, parses.
 */

#include "value_cache_core.h"

#include <string.h>

#include "base/hash.h"

static void known_move(hostmap_str *str, const char *from, const char *to)
{
    if (str->ptr) {
        str->ptr = to + (str->ptr - from);
    }
}

/* An entry refers to bytes; have it refer to equal ones elsewhere. */
static void known_copy(hostmap_entry *entry, const known_slot *slot,
                       const char *value)
{
    *entry = slot->entry;
    known_move(&entry->socket, slot->value, value);
    known_move(&entry->url, slot->value, value);
    known_move(&entry->scheme, slot->value, value);
    known_move(&entry->host, slot->value, value);
    known_move(&entry->path, slot->value, value);
    known_move(&entry->words, slot->value, value);
}

/* With the slot to ourselves. */
static apr_status_t known_ask(known_slot *slot, hostmap_entry *entry,
                              hostmap_str value, hostmap_bad *bad)
{
    apr_status_t rv;

    if (slot->len != value.len
        || memcmp(slot->value, value.ptr, value.len) != 0) {
        memcpy(slot->value, value.ptr, value.len);
        rv = hostmap_entry_parse(&slot->entry,
                                 hostmap_str_of(slot->value, value.len), bad);
        slot->len = rv == APR_SUCCESS ? value.len : 0;
        if (rv != APR_SUCCESS) {
            return rv;
        }
    }
    known_copy(entry, slot, value.ptr);
    return APR_SUCCESS;
}

apr_status_t known_parse(known_values *known, hostmap_entry *entry,
                         hostmap_str value, hostmap_bad *bad)
{
    known_slot *slot;
    apr_status_t rv;

    if (value.len == 0 || value.len > KNOWN_VALUE_MAX) {
        return hostmap_entry_parse(entry, value, bad);
    }
    slot = &known->slots[hostmap_hash(value) % KNOWN_SLOTS];
    if (__atomic_exchange_n(&slot->busy, 1, __ATOMIC_ACQUIRE)) {
        return hostmap_entry_parse(entry, value, bad);
    }
    rv = known_ask(slot, entry, value, bad);
    __atomic_store_n(&slot->busy, 0, __ATOMIC_RELEASE);
    return rv;
}

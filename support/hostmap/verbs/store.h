/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file store.h
 * @brief The store that a verb's URL and options name.
 */

#ifndef VERBS_STORE_H
#define VERBS_STORE_H

#include "follow/follower.h"
#include "follow/store.h"
#include "tool.h"

typedef struct verb_store {
    follow_url url;
    follow_access access;
    follow_store *store;
    /** "redis:hosts" */
    char name[FOLLOW_STORE_MAX + 1];
} verb_store;

/** Make the store of a URL; nothing is connected.
 *  @return TOOL_DONE, or TOOL_FAILED: reported */
int verb_store_open(verb_store *s, tool *t, const char *url);

/** The same of --push, with the password that belongs to it. */
int verb_store_open_push(verb_store *s, tool *t);

/** Connect.  @return TOOL_DONE, or reported: FOLLOW_UNREACHED, TOOL_FAILED */
int verb_store_connect(verb_store *s);

/** Report why a call of the store's failed.  @return an exit status, as
 *  follow --once has them */
int verb_store_failed(const verb_store *s, apr_status_t rv,
                      const hostmap_reason *why);

/**
 * Read a time, "250ms", "30s", "10min", "1h"; a bare number is seconds.
 * @param option for the message
 * @param time left alone when text is NULL
 * @return TOOL_DONE, or TOOL_FAILED: reported
 */
int verb_read_time(apr_interval_time_t *time, const char *option,
                   const char *text);

/**
 * A map of all that the store holds now, and the log's end.
 * @param map where it is put; replaces what follows the same store
 * @param max_removed as for follow_options
 * @return an exit status
 */
int verb_store_snapshot(verb_store *s, tool *t, const char *map,
                        int max_removed);

/** A folder for maps that go when the pool does; reported: NULL. */
const char *verb_temporary(apr_pool_t *pool);

#endif /* VERBS_STORE_H */

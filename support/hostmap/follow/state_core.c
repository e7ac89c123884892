/* SPDX-License-Identifier: Apache-2.0 */

/*
 * state_core.c: the text that a followed map keeps about itself.
 */

#include "state_core.h"

#include <stdio.h>
#include <string.h>

#include "base/scan.h"

#define VERSION "1"

/* What has been read: all of it has to be there. */
#define SEEN_STORE      0x01
#define SEEN_POSITION   0x02
#define SEEN_TIME       0x04
#define SEEN_ENTRIES    0x08
#define SEEN_DIGEST     0x10
#define SEEN_ALL        0x1f

static int is_visible(hostmap_str text)
{
    apr_size_t i;

    for (i = 0; i < text.len; i++) {
        if (text.ptr[i] <= ' ' || text.ptr[i] > '~') {
            return 0;
        }
    }

    return text.len > 0;
}

int follow_position_set(follow_position *position, hostmap_str text)
{
    if (text.len > FOLLOW_POSITION_MAX || !is_visible(text)) {
        return 0;
    }
    memcpy(position->text, text.ptr, text.len);
    position->text[text.len] = '\0';

    return 1;
}

int follow_position_equal(const follow_position *a, const follow_position *b)
{
    return strcmp(a->text, b->text) == 0;
}

apr_size_t follow_state_write(const follow_state *state, char *text)
{
    char digest[FOLLOW_DIGEST_TEXT + 1];

    follow_digest_write(&state->digest, digest);
    snprintf(text, FOLLOW_STATE_TEXT + 1,
             VERSION " store=%s position=%s time=%" APR_TIME_T_FMT
             " entries=%" APR_INT64_T_FMT " digest=%s", state->store,
             state->position.text, state->time, state->entries, digest);

    return strlen(text);
}

static int take_store(follow_state *state, hostmap_str value)
{
    if (value.len > FOLLOW_STORE_MAX || !is_visible(value)) {
        return 0;
    }
    memcpy(state->store, value.ptr, value.len);
    state->store[value.len] = '\0';

    return 1;
}

/* @return the SEEN_ bit of a word; 0: it is not one of ours; -1: its value is
 *         wrong */
static int take_word(follow_state *state, hostmap_str word)
{
    apr_size_t len = hostmap_scan_before(word, '=');
    hostmap_str name = hostmap_str_of(word.ptr, len), value;
    apr_int64_t number;

    if (len == word.len) {
        return 0;
    }
    value = hostmap_scan_after(word, len + 1);
    if (hostmap_scan_equal(name, "store")) {
        return take_store(state, value) ? SEEN_STORE : -1;
    }
    if (hostmap_scan_equal(name, "position")) {
        return follow_position_set(&state->position, value) ? SEEN_POSITION
                                                            : -1;
    }
    if (hostmap_scan_equal(name, "digest")) {
        return follow_digest_read(&state->digest, value) ? SEEN_DIGEST : -1;
    }
    if (hostmap_scan_equal(name, "time")) {
        state->time = hostmap_scan_number(&number, value) ? number : 0;
        return SEEN_TIME;
    }
    if (hostmap_scan_equal(name, "entries")) {
        if (!hostmap_scan_number(&number, value)) {
            return -1;
        }
        state->entries = number;
        return SEEN_ENTRIES;
    }

    return 0;
}

apr_status_t follow_state_read(follow_state *state, hostmap_str text,
                               hostmap_bad *bad)
{
    hostmap_scan scan = { text.ptr, bad };
    hostmap_str rest = text, word;
    int seen = 0;

    memset(state, 0, sizeof(*state));
    word = hostmap_scan_word(&rest);
    if (!hostmap_scan_equal(word, VERSION)) {
        return hostmap_scan_fail(&scan, text.ptr, "of another version");
    }
    for (word = hostmap_scan_word(&rest); word.len;
         word = hostmap_scan_word(&rest)) {
        int bit = take_word(state, word);

        if (bit < 0) {
            return hostmap_scan_fail(&scan, word.ptr, "not a value of this "
                                     "word");
        }
        seen |= bit;
    }
    if (seen != SEEN_ALL) {
        return hostmap_scan_fail(&scan, text.ptr, "a word is missing");
    }

    return APR_SUCCESS;
}

/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Input: a letter for what is read (u: the URL of a store, s: what a map says
 * of itself, r: a report, t: a table for SQL, c: a change, its key before
 * the first comma), then its bytes.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "follow/change_core.h"
#include "follow/report_core.h"
#include "follow/sql_core.h"
#include "follow/state_core.h"
#include "follow/url_core.h"

static void require(int holds)
{
    if (!holds) {
        abort();
    }
}

static int is_within(hostmap_str part, hostmap_str text)
{
    return part.len == 0
           || (part.ptr >= text.ptr
               && part.ptr + part.len <= text.ptr + text.len);
}

static void fuzz_url(hostmap_str text)
{
    hostmap_bad bad = { NULL, 0 };
    follow_url url;
    unsigned i;

    if (follow_url_parse(&url, text, &bad) != APR_SUCCESS) {
        require(bad.reason && bad.pos <= text.len);
        return;
    }
    require(url.count <= FOLLOW_HOSTS_MAX);
    for (i = 0; i < url.count; i++) {
        require(url.hosts[i].port > 0 && url.hosts[i].name.len > 0
                && is_within(url.hosts[i].name, text));
    }
    require(is_within(url.user, text) && is_within(url.socket, text)
            && is_within(url.master, text) && is_within(url.before, text)
            && is_within(url.after, text));
    require(url.name.len > 0 && url.name.len <= FOLLOW_NAME_MAX);
    require(url.scheme == FOLLOW_POSTGRESQL || url.count > 0
            || url.socket.len > 0);
}

/** What was read is what is written. */
static void fuzz_state(hostmap_str text)
{
    char written[FOLLOW_STATE_TEXT + 1];
    hostmap_bad bad = { NULL, 0 };
    follow_state state, again;
    apr_size_t len;

    if (follow_state_read(&state, text, &bad) != APR_SUCCESS) {
        require(bad.reason && bad.pos <= text.len);
        return;
    }
    len = follow_state_write(&state, written);
    require(follow_state_read(&again, hostmap_str_of(written, len), NULL)
            == APR_SUCCESS);
    require(strcmp(again.store, state.store) == 0
            && follow_position_equal(&again.position, &state.position)
            && again.entries == state.entries && again.time == state.time
            && follow_digest_equal(&again.digest, &state.digest));
}

static void fuzz_change(hostmap_str text)
{
    const char *comma = text.len ? memchr(text.ptr, ',', text.len) : NULL;
    const char *reason = NULL;
    hostmap_str key = text, value = { NULL, 0 };
    follow_kind kind;

    if (comma) {
        key.len = (apr_size_t)(comma - text.ptr);
        value = hostmap_str_of(comma + 1, text.len - key.len - 1);
    }
    kind = follow_change_judge(key, value, &reason);
    require((kind == FOLLOW_BAD) == (reason != NULL));
    require(kind != FOLLOW_DELETE || (value.len == 0 && key.len > 0));
    require(kind != FOLLOW_PUT || (value.len > 0 && key.len > 0));
}

static void fuzz_report(hostmap_str text)
{
    hostmap_str value;

    require(follow_report_field(&value, text, "position") == (value.len > 0)
            || value.len == 0);
    require(is_within(value, text));
    follow_report_number(text, "lag_seconds");
}

static void fuzz_table(hostmap_str text)
{
    hostmap_bad bad = { NULL, 0 };
    follow_table table;

    if (follow_table_parse(&table, text, &bad) != APR_SUCCESS) {
        require(bad.reason && bad.pos <= text.len);
        return;
    }
    require(table.name.len > 0 && table.name.len <= FOLLOW_TABLE_MAX);
    require(table.host.len > 0 && table.entry.len > 0);
    require(!memchr(table.host.ptr, ';', table.host.len)
            && !memchr(table.entry.ptr, '$', table.entry.len));
    require(is_within(table.table, text) && is_within(table.entry, text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    hostmap_str text;
    char *bytes;

    if (size == 0) {
        return 0;
    }
    /* a copy of its own: bytes after the text are out of bounds */
    bytes = malloc(size);
    require(bytes != NULL);
    memcpy(bytes, data + 1, size - 1);
    text = hostmap_str_of(bytes, size - 1);
    switch (data[0]) {
    case 'u':
        fuzz_url(text);
        break;
    case 's':
        fuzz_state(text);
        break;
    case 't':
        fuzz_table(text);
        break;
    case 'r':
        fuzz_report(text);
        break;
    default:
        fuzz_change(text);
    }
    free(bytes);
    return 0;
}

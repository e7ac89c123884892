/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file hostmap_mark.c
 * @brief The entry that says that a map holds more than whole names.
 */

#include <string.h>

#include "hostmap_provider.h"
#include "base/scan.h"

#define MARK_WILDCARDS  "wildcards"
#define MARK_PATHS      "paths"

int hostmap_mark_is(const char *key, apr_size_t len)
{
    return len == HOSTMAP_MARK_KEY_LEN
           && memcmp(key, HOSTMAP_MARK_KEY, HOSTMAP_MARK_KEY_LEN) == 0;
}

const char *hostmap_mark_value(unsigned marks)
{
    if (!(marks & HOSTMAP_MARK_PATH)) {
        return MARK_WILDCARDS;
    }
    return marks & HOSTMAP_MARK_WILDCARD ? MARK_WILDCARDS " " MARK_PATHS
                                         : MARK_PATHS;
}

unsigned hostmap_mark_read(const char *value, apr_size_t len)
{
    hostmap_str rest = { value, len };
    unsigned marks = 0;
    hostmap_str word;

    for (;;) {
        word = hostmap_scan_word(&rest);
        if (word.len == 0) {
            return marks;
        }
        if (hostmap_scan_equal(word, MARK_WILDCARDS)) {
            marks |= HOSTMAP_MARK_WILDCARD;
        }
        else if (hostmap_scan_equal(word, MARK_PATHS)) {
            marks |= HOSTMAP_MARK_PATH;
        }
    }
}

/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file hostmap_features.c
 * @brief The map's own entries: which kinds of keys it holds besides whole
 *        names, and which store it follows.
 */

#include <string.h>

#include "base/scan.h"
#include "hostmap/hostmap_key.h"
#include "hostmap_provider.h"

#define FEATURES_WILDCARDS  "wildcards"
#define FEATURES_PATHS      "paths"

hostmap_str hostmap_features_key(void)
{
    return hostmap_str_of(HOSTMAP_FEATURES_KEY,
                          sizeof(HOSTMAP_FEATURES_KEY) - 1);
}

hostmap_str hostmap_state_key(void)
{
    return hostmap_str_of(HOSTMAP_STATE_KEY, sizeof(HOSTMAP_STATE_KEY) - 1);
}

static int features_is_same(hostmap_str a, hostmap_str b)
{
    return a.len == b.len && memcmp(a.ptr, b.ptr, a.len) == 0;
}

int hostmap_is_own_key(hostmap_str key)
{
    return key.len > 0 && key.ptr[0] == '\xff'
           && (features_is_same(key, hostmap_features_key())
               || features_is_same(key, hostmap_state_key()));
}

hostmap_str hostmap_features_value(unsigned features)
{
    if (!(features & HOSTMAP_FEATURE_PATH)) {
        return hostmap_str_text(FEATURES_WILDCARDS);
    }
    return hostmap_str_text(features & HOSTMAP_FEATURE_WILDCARD
                            ? FEATURES_WILDCARDS " " FEATURES_PATHS
                            : FEATURES_PATHS);
}

unsigned hostmap_features_read(hostmap_str value)
{
    unsigned features = 0;
    hostmap_str word;

    for (;;) {
        word = hostmap_scan_word(&value);
        if (word.len == 0) {
            return features;
        }
        if (hostmap_scan_equal(word, FEATURES_WILDCARDS)) {
            features |= HOSTMAP_FEATURE_WILDCARD;
        }
        else if (hostmap_scan_equal(word, FEATURES_PATHS)) {
            features |= HOSTMAP_FEATURE_PATH;
        }
    }
}

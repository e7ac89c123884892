/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file hostmap_features.c
 * @brief The entry that says which kinds of keys a map holds besides whole
 *        names.
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

int hostmap_features_is_key(hostmap_str key)
{
    return key.len == sizeof(HOSTMAP_FEATURES_KEY) - 1
           && memcmp(key.ptr, HOSTMAP_FEATURES_KEY, key.len) == 0;
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

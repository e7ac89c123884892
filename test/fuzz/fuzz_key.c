/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Input: a host name.  What is made of it, and what passes the check without a
 * wildcard or a path, is made of itself.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "hostmap/hostmap_key.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    hostmap_str host = { (const char *)data, size };
    char key[HOSTMAP_KEY_MAX + 1];
    apr_size_t len = 0;
    hostmap_bad bad = { NULL, 0 };
    apr_status_t made = hostmap_key_host(key, &len, host, &bad);

    if (made == APR_SUCCESS) {
        if (len == 0 || len > HOSTMAP_KEY_MAX || strlen(key) != len
            || hostmap_key_check(hostmap_str_of(key, len), NULL)
               != APR_SUCCESS) {
            abort();
        }
    }
    else if (bad.reason == NULL || bad.pos > size) {
        abort();
    }

    if (hostmap_key_check(host, &bad) == APR_SUCCESS) {
        if (hostmap_key_features(host) == 0
            && (made != APR_SUCCESS || len != size
                || memcmp(key, host.ptr, len) != 0)) {
            abort();
        }
    }
    else if (bad.reason == NULL || bad.pos > size) {
        abort();
    }
    return 0;
}

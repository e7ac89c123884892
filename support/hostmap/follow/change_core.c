/* SPDX-License-Identifier: Apache-2.0 */

/*
 * change_core.c: is a change one that a map can take?
 */

#include "change_core.h"

#include "hostmap/hostmap_group.h"
#include "hostmap/hostmap_key.h"

static follow_kind bad(const char **reason, const char *text)
{
    *reason = text;

    return FOLLOW_BAD;
}

follow_kind follow_change_judge(hostmap_str key, hostmap_str value,
                                const char **reason)
{
    hostmap_entry entry;
    hostmap_bad fault;

    if (key.len == 0) {
        return value.len == 0 ? FOLLOW_NOTHING : bad(reason, "an empty key");
    }
    if (key.ptr[0] == '\xff') {
        return bad(reason, "a key of the map's own");
    }
    if (hostmap_key_check(key, &fault) != APR_SUCCESS) {
        return bad(reason, fault.reason);
    }
    if (value.len == 0) {
        return FOLLOW_DELETE;
    }
    if (value.len > HOSTMAP_VALUE_MAX) {
        return bad(reason, "a value longer than 4096 bytes");
    }
    if (hostmap_value_check(&entry, key, value, &fault) != APR_SUCCESS) {
        return bad(reason, fault.reason);
    }

    return FOLLOW_PUT;
}

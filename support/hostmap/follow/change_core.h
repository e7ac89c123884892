/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file change_core.h
 * @brief A change of a store's entry, judged: every byte of it is hostile.
 *
 * Pure: no allocation, no I/O, any thread.
 */

#ifndef FOLLOW_CHANGE_CORE_H
#define FOLLOW_CHANGE_CORE_H

#include "base/str.h"

typedef enum {
    /** an entry comes, or becomes another */
    FOLLOW_PUT,
    /** an entry goes: the value is empty */
    FOLLOW_DELETE,
    /** no change: the key and the value are empty, a log begins so */
    FOLLOW_NOTHING,
    /** not taken: reason says why */
    FOLLOW_BAD
} follow_kind;

/**
 * What a pair of a store's log means.  It depends on the pair alone, so all
 * nodes judge alike.
 * @param reason set for FOLLOW_BAD, static text
 */
follow_kind follow_change_judge(hostmap_str key, hostmap_str value,
                                const char **reason);

#endif /* FOLLOW_CHANGE_CORE_H */

/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file top_screen.h
 * @brief What `hostmap top` prints of the JSON of mod_switchboard_status.
 */

#ifndef HOSTMAP_TOP_SCREEN_H
#define HOSTMAP_TOP_SCREEN_H

#include <stdio.h>

#include "base/str.h"

/** The totals of the screen before, for rates.  Zero it. */
typedef struct top_before {
    double time;
    double requests;
    double errors;
    double bytes;
} top_before;

typedef struct top_screen {
    /** columns and lines of the terminal; lines 0: everything is printed */
    int width, height;
    /** the key of a list of hosts, one of TOP_ORDERS */
    char order;
    /** what ends a line and clears what was there before, or "\n" */
    const char *eol;
    top_before before;
} top_screen;

/** The keys of the lists of hosts. */
#define TOP_ORDERS "cnebs"

/**
 * Print a screen.
 * @param text JSON that hostmap_json_check() took
 * @return 1; 0: it is not what mod_switchboard_status writes, nothing is
 *         printed
 */
int top_screen_print(top_screen *screen, hostmap_str text, FILE *to);

#endif /* HOSTMAP_TOP_SCREEN_H */

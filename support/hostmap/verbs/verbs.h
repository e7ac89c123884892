/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file verbs.h
 * @brief The verbs: VERB.c each; set, delete and apply are in change.c.
 *
 * Each takes the command line as main.c has read it, prints its own messages
 * and returns an exit status.
 */

#ifndef HOSTMAP_VERBS_H
#define HOSTMAP_VERBS_H

#include "tool.h"

int tool_build(tool *t);
int tool_set(tool *t);
int tool_delete(tool *t);
int tool_diff(tool *t);
int tool_apply(tool *t);
int tool_get(tool *t);
int tool_list(tool *t);
int tool_check(tool *t);
int tool_stat(tool *t);
int tool_top(tool *t);
int tool_convert(tool *t);
int tool_httxt2dbm(tool *t);
int tool_follow(tool *t);
int tool_push(tool *t);
int tool_pull(tool *t);
int tool_verify(tool *t);
int tool_fleet(tool *t);

#endif /* HOSTMAP_VERBS_H */

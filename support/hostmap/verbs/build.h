/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file build.h
 * @brief Making a map from a source: for `hostmap build` and for the verbs that
 *        get their entries from elsewhere.
 */

#ifndef HOSTMAP_BUILD_H
#define HOSTMAP_BUILD_H

#include "entries/source.h"
#include "tool.h"

/**
 * The type that the map at path is to get: that of the map that exists, else
 * -t, else lmdb.
 * @return TOOL_DONE, or TOOL_FAILED: reported
 */
int build_choose_type(const char **type, tool *t, const char *path);

/**
 * Make or replace the map, as the options say, and print what changed.
 * @return an exit status
 */
int build_from_source(tool *t, source *s, const char *path, const char *type);

/** Report that nothing was written because of wrong lines.
 *  @return TOOL_FAILED */
int build_refuse(const source *s, const char *path);

/** Report how many wrong lines were left out, if any. */
void build_report_skipped(const source *s);

#endif /* HOSTMAP_BUILD_H */

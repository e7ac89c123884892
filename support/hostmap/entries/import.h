/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file import.h
 * @brief A source that is not a text of ours: other lists, and maps.
 */

#ifndef HOSTMAP_IMPORT_H
#define HOSTMAP_IMPORT_H

#include "source.h"
#include "tool.h"

/**
 * Read what `hostmap convert` is given: by --from, else a map, else a text.
 * @param type as for source_read()
 * @return TOOL_DONE, also when entries are wrong; TOOL_FAILED: reported
 */
int import_source(source **s, tool *t, const char *path, const char *type);

#endif /* HOSTMAP_IMPORT_H */

/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file text.h
 * @brief A text on disk that is replaced as a whole: a new file beside it,
 *        flushed and renamed over it, so that it is never seen half done.
 *
 *     text_open() -> write to text.to -> text_commit() or text_abort()
 *
 * What maps have in hostmap_writer.h.  One thread.
 */

#ifndef TOOL_TEXT_H
#define TOOL_TEXT_H

#include <stdio.h>

#include "apr_pools.h"

typedef struct text {
    /** where it is written to; errors are found by text_commit() */
    FILE *to;
    const char *path;
    /** symbolic links resolved */
    const char *real;
    /** PATH.hostmap-new, locked */
    const char *work;
    apr_pool_t *pool;
} text;

/**
 * Begin a new text.  Waits while another process writes the same one.
 * @param path the file that a symbolic link names is the one that is replaced
 * @param pool owns the names
 * @return TOOL_DONE, or TOOL_FAILED: reported
 */
int text_open(text *t, const char *path, apr_pool_t *pool);

/**
 * Flush it to the disk, give it the rights of the text that is replaced, rename
 * it over.  It is closed afterwards.
 * @return TOOL_DONE when it is in place, also with a warning printed;
 *         TOOL_FAILED: reported, the old text is as it was
 */
int text_commit(text *t);

/** Remove the new file. */
void text_abort(text *t);

#endif /* TOOL_TEXT_H */

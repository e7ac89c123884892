/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file message.h
 * @brief What the tool prints: errors on standard error, and entries on
 *        standard output as a text of `key value` lines can hold them.
 *
 * The lowest floor of the tool: everything may use it, and it uses nothing but
 * the line of the progress.  One thread.
 */

#ifndef HOSTMAP_MESSAGE_H
#define HOSTMAP_MESSAGE_H

#include <stdio.h>

#include "apr_errno.h"

#include "hostmap/store/hostmap_file.h"

/* Exit statuses, the same for every verb. */
#define TOOL_DONE       0
#define TOOL_FAILED     1
#define TOOL_NOT_FOUND  2
#define TOOL_DIFFERS    2

/** Print `hostmap: ...` on standard error.  @return TOOL_FAILED */
int tool_error(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

/**
 * Print `hostmap: PATH: ...` on standard error.
 * @param why printed if it has a text, else the system's text for rv
 * @return TOOL_FAILED
 */
int tool_file_error(const char *path, apr_status_t rv,
                    const hostmap_reason *why);

/** Print `hostmap: PATH: warning: ...` if there is a text: the warning of a
 *  writer whose map is in place. */
void tool_file_warn(const char *path, const hostmap_reason *warning);

/**
 * Write bytes so that they stay on their line: control bytes, and blanks in a
 * key, become \xHH.  In messages also the bytes that only terminals take for
 * control bytes.
 * @param key 1: the bytes are a key, which must not begin with `#` either
 * @return 1 if something was replaced, else 0
 */
int tool_write(FILE *to, const char *bytes, apr_size_t len, int key);

/** Write a line `key value` to standard output.  @return as tool_write() */
int tool_write_entry(const char *key, apr_size_t key_len,
                     const char *value, apr_size_t value_len);

/** The same, to another file. */
int tool_write_entry_to(FILE *to, const char *key, apr_size_t key_len,
                        const char *value, apr_size_t value_len);

/**
 * What was asked for has been done: the file at this path is in place.  When
 * output is lost after that, the message says so.
 * @param path lives until tool_finish()
 */
void tool_in_place(const char *path);

/**
 * Flush standard output.
 * @return status; TOOL_FAILED, reported, if output was lost.  A reader that has
 *         closed the pipe is not reported, and no failure once a file is in
 *         place
 */
int tool_finish(int status);

/** As realloc(); ends the program with a message if there is no memory. */
void *tool_realloc(void *old, apr_size_t size);

#endif /* HOSTMAP_MESSAGE_H */

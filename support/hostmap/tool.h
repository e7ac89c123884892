/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file tool.h
 * @brief What the verbs of the hostmap tool share: the command line as it was
 *        read, messages, and output that a text of `key value` lines can hold.
 */

#ifndef HOSTMAP_TOOL_H
#define HOSTMAP_TOOL_H

#include <stdio.h>

#include "apr_errno.h"
#include "apr_getopt.h"
#include "apr_pools.h"

#include "hostmap/hostmap.h"

/* Exit statuses, the same for every verb. */
#define TOOL_DONE       0
#define TOOL_FAILED     1
#define TOOL_NOT_FOUND  2
#define TOOL_DIFFERS    2

/* Options without a letter. */
#define TOOL_OPT_DRY_RUN    256
#define TOOL_OPT_SKIP_BAD   257
#define TOOL_OPT_JSON       258
#define TOOL_OPT_QUIET      259
#define TOOL_OPT_FROM       260
#define TOOL_OPT_KEY        261
#define TOOL_OPT_VALUE      262
#define TOOL_OPT_VALUE_FORMAT 263
#define TOOL_OPT_MAX_REMOVED 264

/* tool.flags */
#define TOOL_DRY_RUN    0x1
#define TOOL_SKIP_BAD   0x2
#define TOOL_JSON       0x4
#define TOOL_QUIET      0x8

typedef struct tool {
    apr_pool_t *pool;
    /** -t as written, NULL: not given */
    const char *type;
    /** --max-removed as written, NULL: not given */
    const char *max_removed;
    /** the same as a number, -1: not given */
    int percent;
    unsigned flags;
    /** convert's; NULL: not given */
    const char *from, *key, *value, *value_format;
    /** the words that are not options */
    int count;
    const char **operands;
    /** what the user called: "hostmap VERB", or another face */
    const char *called;
    /** the command line from the verb on, for verbs without options */
    int argc;
    const char *const *argv;
} tool;

/** A row of the table of verbs. */
typedef struct tool_verb {
    const char *name;
    /** @return an exit status */
    int (*run)(tool *t);
    /** what apr_getopt_long() takes; NULL: the verb reads argv by itself */
    const apr_getopt_option_t *options;
    /** how many operands it takes */
    int min, max;
    const char *synopsis;
    /** one line, for the list of verbs */
    const char *brief;
    /** for `hostmap VERB --help`, below the synopsis */
    const char *help;
} tool_verb;

/* The verbs: hostmap_VERB.c; list is in hostmap_read.c */
int tool_build(tool *t);
int tool_set(tool *t);
int tool_delete(tool *t);
int tool_diff(tool *t);
int tool_apply(tool *t);
int tool_get(tool *t);
int tool_list(tool *t);
int tool_check(tool *t);
int tool_stat(tool *t);
int tool_convert(tool *t);
int tool_httxt2dbm(tool *t);

/** Say `hostmap: ...` on standard error.  @return TOOL_FAILED */
int tool_error(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

/** Say why something about a file failed.  @return TOOL_FAILED */
int tool_file_error(const char *path, apr_status_t rv,
                    const hostmap_reason *why);

/** Say who can write to a map that should not: a line in a map leads to any
 *  unix socket or port of this machine. */
void tool_warn_exposed(const char *path, apr_pool_t *pool);

/**
 * Write bytes so that they stay on their line: control bytes, and blanks in a
 * key, become \xHH; those that only terminals take for such, in messages.
 * @param key 1: the bytes are a key, which must not begin with `#` either
 * @return 1 when something had to be replaced, else 0
 */
int tool_write(FILE *to, const char *bytes, apr_size_t len, int key);

/** Write a line `key value`.  @return as tool_write() */
int tool_write_entry(const char *key, apr_size_t key_len,
                     const char *value, apr_size_t value_len);

/** The same, to another file. */
int tool_write_entry_to(FILE *to, const char *key, apr_size_t key_len,
                        const char *value, apr_size_t value_len);

/** Say on standard output what was done, unless --quiet. */
void tool_report(const tool *t, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/**
 * Open a map.  A program that changes it in place, and one that is about to
 * put another in its place, is waited for.
 * @param type as for hostmap_file_open
 */
apr_status_t tool_open_map(hostmap_file **file, const char *path,
                           const char *type, apr_pool_t *pool,
                           hostmap_reason *why);

/** A map that is replaced again and again while it is opened and read. */
#define TOOL_READ_TRIES 10

/** What is done with a map that is open.  HOSTMAP_ESTALE: begin again with the
 *  file that is there now. */
typedef apr_status_t tool_read_fn(void *baton, hostmap_file *file,
                                  hostmap_reason *why);

/**
 * Open a map, do something with it, close it; a map that is replaced between
 * being opened and being read is opened again.
 * @param type as for hostmap_file_open
 */
apr_status_t tool_read_map(const char *path, const char *type,
                           tool_read_fn *fn, void *baton, apr_pool_t *pool,
                           hostmap_reason *why);

/** Flush standard output.  @return status, or TOOL_FAILED when what was
 *  written did not get out */
int tool_finish(int status);

/**
 * Which map is at a path, looking at the file only.
 * @param type set to its type
 * @return APR_SUCCESS; APR_ENOENT: nothing, or an empty file; HOSTMAP_EFORMAT:
 *         something that is not a map; else what the system says
 */
apr_status_t tool_map_at(const char **type, const char *path,
                         apr_pool_t *pool, hostmap_reason *why);

/**
 * Read a host name of the command line, spelled as a client may.
 * @param key room for HOSTMAP_KEY_MAX + 1 bytes
 * @return TOOL_DONE, or TOOL_FAILED: said
 */
int tool_read_host(char *key, apr_size_t *len, const char *host);

/** As realloc(); ends the program when there is no memory. */
void *tool_room(void *old, apr_size_t size);

struct source;

/** The flags of a source that the command line asks for. */
unsigned tool_source_flags(const tool *t);

/**
 * Read a text.
 * @param type, flags as for source_read()
 * @return TOOL_DONE, also when lines are wrong; TOOL_FAILED: said
 */
int tool_read_source(struct source **s, const tool *t, const char *path,
                     const char *type, unsigned flags);

/* ---- making a map of a source: hostmap_build.c ------------------------- */

/**
 * The type that the map at path is to get: what is there decides, then -t.
 * @return TOOL_DONE, or TOOL_FAILED: said
 */
int tool_choose_type(const char **type, tool *t, const char *path);

/**
 * Make or replace the map, as the options say, and say what became different.
 * @return an exit status
 */
int tool_build_source(tool *t, struct source *s, const char *path,
                      const char *type);

/** Say that nothing was written because of wrong lines.
 *  @return TOOL_FAILED */
int tool_refuse_source(const struct source *s, const char *path);

/** Say how many wrong lines were left out, if any. */
void tool_say_skipped(const struct source *s);

#endif /* HOSTMAP_TOOL_H */

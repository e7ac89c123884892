/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file tool.h
 * @brief What the verbs of the hostmap tool share: the command line as it was
 *        read, and opening maps and texts.  One thread.
 */

#ifndef HOSTMAP_TOOL_H
#define HOSTMAP_TOOL_H

#include "apr_errno.h"
#include "apr_getopt.h"
#include "apr_pools.h"

#include "entries/source.h"
#include "hostmap/store/hostmap_file.h"
#include "message.h"

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
#define TOOL_OPT_SEPARATOR  265
#define TOOL_OPT_VARIABLE   266
#define TOOL_OPT_MASTER     300
#define TOOL_OPT_OLD        301
#define TOOL_OPT_CA         302
#define TOOL_OPT_CERT       303
#define TOOL_OPT_ONLY       304
#define TOOL_OPT_PEM        305
#define TOOL_OPT_PRIVATE    306
#define TOOL_OPT_DAYS       307
#define TOOL_OPT_HOSTS      308
#define TOOL_OPT_LIMIT      309

/* Options of the verbs that talk to a store: tool.store, by TOOL_STORE_. */
#define TOOL_OPT_STORE      512

enum {
    TOOL_STORE_ONCE, TOOL_STORE_INTERVAL, TOOL_STORE_BEHIND, TOOL_STORE_KEEP,
    TOOL_STORE_KEEP_INTERVAL, TOOL_STORE_SNAPSHOTS, TOOL_STORE_PASSWORD_FILE,
    TOOL_STORE_CAFILE, TOOL_STORE_CERT, TOOL_STORE_STATUS, TOOL_STORE_REPORT,
    TOOL_STORE_DIFF, TOOL_STORE_PRINT_SQL, TOOL_STORE_REMOVE,
    TOOL_STORE_WHERE, TOOL_STORE_NAME, TOOL_STORE_PUSH,
    TOOL_STORE_PUSH_PASSWORD_FILE, TOOL_STORE_OPTIONS
};

#define TOOL_OPT_UNFOLLOW   511

/* tool.flags */
#define TOOL_DRY_RUN    0x1
#define TOOL_SKIP_BAD   0x2
#define TOOL_JSON       0x4
#define TOOL_QUIET      0x8
#define TOOL_UNFOLLOW   0x10
#define TOOL_ONLY       0x100
#define TOOL_PEM        0x200
#define TOOL_PRIVATE    0x400

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
    const char *from, *key, *value, *value_format, *separator, *variable;
    /** those of the verbs that talk to a store; "" for one that takes no
     *  word, NULL: not given */
    const char *store[TOOL_STORE_OPTIONS];
    /** those of `hostmap cert`; NULL: not given */
    const char *master, *old, *ca, *cert, *days, *hosts, *limit;
    /** the words that are not options */
    int count;
    const char **operands;
    /** what the user called: "hostmap VERB", or another face */
    const char *called;
    /** the command line from the verb on, for verbs without options */
    int argc;
    const char *const *argv;
} tool;

/** Warn if someone can write to a map who should not be able to: a line in a
 *  map leads to any unix socket or port of this machine. */
void tool_warn_exposed(const char *path, apr_pool_t *pool);

/** Print on standard output what was done, unless --quiet was given. */
void tool_report(const tool *t, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/**
 * Open a map.  Waits at most ten seconds for a program that changes it in
 * place, or that is about to rename another file over it.
 * @param type as for hostmap_file_open
 */
apr_status_t tool_open_map(hostmap_file **file, const char *path,
                           const char *type, apr_pool_t *pool,
                           hostmap_reason *why);

/** How often a map that is replaced while it is read is opened again. */
#define TOOL_READ_TRIES 10

/** What is done with a map that is open.  HOSTMAP_ESTALE: begin again with the
 *  file that the name leads to now. */
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

/**
 * Which map is at a path, looking at the file only.
 * @param type set to its type
 * @return APR_SUCCESS; APR_ENOENT: no file, or an empty one; HOSTMAP_EFORMAT:
 *         something that is not a map; else the error of the
 *         system
 */
apr_status_t tool_map_at(const char **type, const char *path,
                         apr_pool_t *pool, hostmap_reason *why);

/**
 * Read a host name of the command line, spelled as a client may.
 * @param key room for HOSTMAP_KEY_MAX + 1 bytes
 * @return TOOL_DONE, or TOOL_FAILED: reported
 */
int tool_read_host(char *key, apr_size_t *len, const char *host);

/** The flags of a writer that the command line asks for. */
unsigned tool_writer_flags(const tool *t);

/** The flags of a source that the command line asks for. */
unsigned tool_source_flags(const tool *t);

/**
 * Read a text.
 * @param type, flags as for source_read()
 * @return TOOL_DONE, also when lines are wrong; TOOL_FAILED: reported
 */
int tool_read_source(source **s, const tool *t, const char *path,
                     const char *type, unsigned flags);

#endif /* HOSTMAP_TOOL_H */

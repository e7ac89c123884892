/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file source.h
 * @brief A text of `key value` lines: read, checked, sorted by key.
 *
 *     source_read() -> source_next() until 0 -> source_status(), source_bad()
 *     source_create() -> source_push() ... -> source_finish() -> the same
 *
 * Wrong lines are reported on standard error, with file and line, and counted;
 * right ones are given out in the order of the keys' bytes.  What does not fit
 * a bound in memory goes through a temporary file (sort.h); its duplicate keys,
 * and its paths without their host, are found only while it is given out.
 */

#ifndef HOSTMAP_SOURCE_H
#define HOSTMAP_SOURCE_H

#include "apr_errno.h"
#include "apr_pools.h"

#include "hostmap/store/hostmap_file.h"
#include "hostmap/hostmap_entry.h"

/** As stock httxt2dbm reads a text: any key, the first word after it is the
 *  value, the last line of a key counts. */
#define SOURCE_HTTXT2DBM    0x1
/** Print each entry on standard error, as httxt2dbm -v does. */
#define SOURCE_VERBOSE      0x2
/** The first word of a line is a key, of any spelling; the rest does not
 *  matter. */
#define SOURCE_KEYS         0x4
/** A line is a sign, `+` or `-`, and an entry.  The sign becomes the first byte
 *  of the value; a key may have any number of lines, in their order. */
#define SOURCE_DIFF         0x8
/** Print no notes. */
#define SOURCE_QUIET        0x10
/** A part of the entries: the host keys of its paths may be in the map. */
#define SOURCE_PART         0x20

typedef struct source source;

typedef struct source_entry {
    const char *key;
    apr_size_t key_len;
    /** words separated by single blanks */
    const char *value;
    apr_size_t value_len;
    apr_size_t line;
} source_entry;

/**
 * Read a whole text.
 * @param path "-" is standard input
 * @param type a type of map whose limits the entries have to keep, or NULL
 * @param flags SOURCE_ bits or 0
 * @param pool owns the source and its bytes
 * @return APR_SUCCESS, also when lines are wrong; else why the text cannot be
 *         read
 */
apr_status_t source_read(source **s, const char *path, const char *type,
                         unsigned flags, apr_pool_t *pool);

/**
 * The same with a text in memory, made of words of the command line: messages
 * name no lines.
 * @param text its bytes are changed and have to outlive the source
 */
apr_status_t source_take(source **s, char *text, const char *type,
                         unsigned flags, apr_pool_t *pool);

/** Begin a source whose entries come from elsewhere; as source_read(). */
source *source_create(const char *path, const char *type, unsigned flags,
                      apr_pool_t *pool);

/**
 * Add an entry.  It is checked like one of a text, and reported if it is wrong;
 * its bytes are copied.
 * @param line where it stands; 0: nowhere that has lines
 */
void source_push(source *s, apr_size_t line, hostmap_str key,
                 hostmap_str value);

/** Report a wrong line.  @param key may be empty */
void source_fault(source *s, apr_size_t line, hostmap_str key,
                  const char *reason);

/** Print that a key is stored in another spelling, unless SOURCE_QUIET.
 *  @param more added to the note */
void source_note(source *s, apr_size_t line, hostmap_str written,
                 const char *stored, const char *more);

/**
 * No entry comes after this: sort them, and find duplicates.
 * @return why a temporary file could not be written or read
 */
apr_status_t source_finish(source *s);

/**
 * The next entry in the order of the keys.
 * @param entry its bytes are valid until the next call
 * @return 0 at the end
 */
int source_next(source *s, source_entry *entry);

/** Was all of the text given out?  Else why a temporary file could not be
 *  read. */
apr_status_t source_status(const source *s);

/** What the source is called in messages. */
const char *source_name(const source *s);

/** The number of entries, or more: duplicates that are found later count. */
apr_size_t source_count(const source *s);

/** Are they in memory, and source_bad() is known before the first one is given
 *  out? */
int source_is_in_memory(const source *s);

/** How many bytes the keys and values have, at most. */
apr_uint64_t source_bytes(const source *s);

/** How many lines were wrong, source_reject()'s included; duplicate keys may
 *  be missing until all entries were given out. */
apr_size_t source_bad(const source *s);

/**
 * How many of the wrong lines were duplicate keys; known when source_bad() is.
 * @param equal set to those with the value of the first line of the key
 * @param contrary set to those with another value
 */
void source_duplicates(const source *s, apr_size_t *equal,
                       apr_size_t *contrary);

/** Report an entry that source_next() has given out as a wrong line. */
void source_reject(source *s, const source_entry *entry, const char *reason);

/** Print how many wrong lines were not printed one by one. */
void source_summary(const source *s);

#endif /* HOSTMAP_SOURCE_H */

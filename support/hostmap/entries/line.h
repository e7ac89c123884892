/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file line.h
 * @brief A line of a text: key and value, or what is wrong with it.
 *
 * A parser is chosen once for a text and knows nothing else of it: not where
 * the lines come from, not what becomes of the entries.  No I/O; one thread.
 */

#ifndef HOSTMAP_LINE_H
#define HOSTMAP_LINE_H

#include "apr_errno.h"

#include "hostmap/hostmap_entry.h"
#include "hostmap/hostmap_key.h"

typedef enum {
    /** `key value`, as hostmap_text.h has it; names in UTF-8 are converted */
    LINE_ENTRY,
    /** as stock httxt2dbm reads it: any key, the first word after it */
    LINE_HTXT2DBM,
    /** the first word is a key, of any spelling; the rest does not matter */
    LINE_KEY,
    /** a sign, `+` or `-`, and an entry.  The sign becomes the first byte of
     *  the value.  What is to go need not be right */
    LINE_CHANGE
} line_kind;

/** What a line holds. */
typedef struct line_pair {
    hostmap_str key;
    /** words separated by single blanks */
    hostmap_str value;
    /** the key as the line spells it, if it is stored in another spelling: key
     *  is then bytes of the parser, valid until its next line; len 0: it is
     *  bytes of the line, like value */
    hostmap_str written;
} line_pair;

/** What is wrong with a line. */
typedef struct line_fault {
    /** the key, as far as it is known; len 0: not */
    hostmap_str key;
    /** the value, where a message has to show it; len 0: not */
    hostmap_str value;
    /** lower case; valid until the parser's next line */
    const char *reason;
    /** of the line, or of the value that is shown; the first byte is 1; 0: all
     *  of it is wrong */
    apr_size_t column;
} line_fault;

typedef struct line_parser line_parser;

/**
 * Parse a line.
 * @param text without its newline; its bytes may be changed
 * @return APR_SUCCESS; APR_EOF: the line holds no entry; APR_EINVAL: it is
 *         wrong, fault is set
 */
typedef apr_status_t line_fn(line_parser *parser, line_pair *pair, char *text,
                             apr_size_t len, line_fault *fault);

/** A map of a million hosts names few backends: a value that was found right a
 *  moment ago need not be parsed again. */
#define LINE_KNOWN_VALUES 256

struct line_parser {
    line_fn *parse;
    /** type of the map whose limits the entries have to keep, NULL: any */
    const char *type;
    apr_size_t pair_max;
    hostmap_str known[LINE_KNOWN_VALUES];
    char stored[HOSTMAP_KEY_MAX + 1];
    char value[HOSTMAP_VALUE_MAX];
    char reason[128];
};

/** @param type a name of hostmap_type_names, or NULL */
void line_init(line_parser *parser, line_kind kind, const char *type);

/** The bytes of the lines so far are about to go. */
void line_forget(line_parser *parser);

/**
 * Check an entry that does not come from a line, as one of LINE_ENTRY whose key
 * is ASCII.
 * @param pair value: bytes of the parser
 * @return APR_SUCCESS; APR_EINVAL: fault is set
 */
apr_status_t line_check(line_parser *parser, line_pair *pair, hostmap_str key,
                        hostmap_str value, line_fault *fault);

#endif /* HOSTMAP_LINE_H */

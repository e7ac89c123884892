/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file import_nginx_core.h
 * @brief `map` blocks of nginx, and files that they include.  Pure, as
 *        import_core.h.
 */

#ifndef IMPORT_NGINX_CORE_H
#define IMPORT_NGINX_CORE_H

#include "import_text.h"

/** As import_next(). */
apr_status_t import_nginx_next(import_text *in, import_item *item);

/** What a text is, and which of its blocks is read. */
typedef enum {
    /** one block, or none at all: the lines that a block includes */
    IMPORT_MAP_FOUND,
    /** no block maps $host or $http_host, or sets the variable */
    IMPORT_MAP_MISSING,
    /** more than one does */
    IMPORT_MAP_SEVERAL,
    /** `key value;` outside of the block */
    IMPORT_MAP_OUTSIDE,
    /** a block that is not `map $source $variable {` */
    IMPORT_MAP_OTHER
} import_map_result;

/** Longest name of a variable or a block that is shown; a longer one is cut. */
#define IMPORT_NAME_MAX 64

/** A block, or a word outside of one. */
typedef struct import_block {
    /** 0: not found */
    apr_size_t line;
    /** what it sets, with `$`, or the word; terminated with NUL */
    char name[IMPORT_NAME_MAX];
    /** what it maps, with `$` */
    char source[IMPORT_NAME_MAX];
} import_block;

/** Which blocks a result is about: the one that is read, or the first two in
 *  question.  IMPORT_MAP_MISSING: the first block of all. */
typedef struct import_map {
    import_block first;
    import_block second;
} import_map;

/**
 * Find the `map` block that is wanted, and go to its first entry: import_next()
 * reads this block and nothing else.  A text without any block stays as it is.
 * @param variable what the block sets, with or without `$`; NULL: the only
 *        block that maps $host or $http_host
 */
import_map_result import_find_map(import_text *in, const char *variable,
                                  import_map *map);

#endif /* IMPORT_NGINX_CORE_H */

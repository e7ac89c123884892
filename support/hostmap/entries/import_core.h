/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file import_core.h
 * @brief Lists of hosts as others keep them: CSV, TSV, map files of HAProxy,
 *        `map` blocks of nginx and what they include.
 *
 * Pure: no allocation, no I/O, any thread.  What an entry of ours cannot
 * express is APR_EINVAL with a reason, entry by entry; reading goes on after
 * it.
 */

#ifndef IMPORT_CORE_H
#define IMPORT_CORE_H

#include "import_text.h"

/**
 * Begin to read a text.  A byte order mark of UTF-8 is passed over.  Columns
 * are the first and the second one, without names.
 */
void import_begin(import_text *in, import_format format,
                  const char *text, apr_size_t len);

/**
 * Read the next entry.
 * @return APR_SUCCESS; APR_EOF; APR_EINVAL: item->line, item->reason and as
 *         much of item->key as was read are set, and reading goes on
 */
apr_status_t import_next(import_text *in, import_item *item);

/**
 * The port of a key, `name:8443` or `[2001:db8::1]:8443`.  A key of ours has
 * none.
 * @return 0: it is missing, or no number
 */
unsigned import_port(const char *key, apr_size_t len);

/**
 * Bring nginx's spelling of a unix socket, `http://unix:/path:/uri` or
 * `unix:/path`, to ours, `unix:/path|http://localhost/uri`.  All other values
 * stay as they are.
 * @param out room for size bytes
 * @return length in out; 0: value is not such a socket, or does not fit
 */
apr_size_t import_unix(char *out, apr_size_t size, const char *value,
                       apr_size_t len);

#endif /* IMPORT_CORE_H */

/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file import_haproxy_core.h
 * @brief Map files of HAProxy.  Pure, as import_core.h.
 */

#ifndef IMPORT_HAPROXY_CORE_H
#define IMPORT_HAPROXY_CORE_H

#include "import_text.h"

/** As import_next(). */
apr_status_t import_haproxy_next(import_text *in, import_item *item);

/**
 * Is this a configuration of HAProxy, which is no map file?  Looks at the first
 * line that is not a comment: a section begins there.  Reads nothing.
 * @return the line of the section; 0: no
 */
apr_size_t import_haproxy_section(const import_text *in);

#endif /* IMPORT_HAPROXY_CORE_H */

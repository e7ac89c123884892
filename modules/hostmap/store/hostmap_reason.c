/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file hostmap_reason.c
 * @brief Why something failed, in one line.
 */

#include "hostmap_reason.h"

#include "apr_strings.h"

#include <stdarg.h>
#include <string.h>

apr_status_t hostmap_fail(hostmap_reason *why, apr_status_t rv,
                          const char *format, ...)
{
    va_list ap;
    apr_size_t len;

    if (!why) {
        return rv;
    }
    va_start(ap, format);
    apr_vsnprintf(why->text, sizeof(why->text), format, ap);
    va_end(ap);
    if (rv < APR_OS_START_USERERR || rv >= APR_OS_START_EAIERR) {
        len = strlen(why->text);
        if (len + 3 < sizeof(why->text)) {
            memcpy(why->text + len, ": ", 3);
            apr_strerror(rv, why->text + len + 2,
                         sizeof(why->text) - len - 2);
        }
    }
    return rv;
}

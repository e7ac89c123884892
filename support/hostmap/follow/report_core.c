/* SPDX-License-Identifier: Apache-2.0 */

/*
 * report_core.c: fields of a node's report.
 */

#include "report_core.h"

#include <string.h>

#include "base/scan.h"

/* The end of a text that begins after its quote; len: there is none. */
static apr_size_t text_end(hostmap_str rest)
{
    apr_size_t i;

    for (i = 0; i < rest.len && rest.ptr[i] != '"'; i++) {
        if (rest.ptr[i] == '\\') {
            i++;
        }
    }

    return i < rest.len ? i : rest.len;
}

static int is_plain(hostmap_str text)
{
    apr_size_t i;

    for (i = 0; i < text.len; i++) {
        if (text.ptr[i] < ' ' || text.ptr[i] > '~' || text.ptr[i] == '\\') {
            return 0;
        }
    }

    return 1;
}

static hostmap_str skip_blanks(hostmap_str rest)
{
    return hostmap_scan_after(rest, hostmap_scan_while(rest,
                                                        HOSTMAP_SCAN_BLANK));
}

/* The value after `: `. */
static int take_value(hostmap_str *value, hostmap_str rest)
{
    apr_size_t len = 0;

    if (rest.len && rest.ptr[0] == '"') {
        rest = hostmap_scan_after(rest, 1);
        len = text_end(rest);
        *value = hostmap_str_of(rest.ptr, len);
        return len < rest.len && is_plain(*value);
    }
    while (len < rest.len && (hostmap_scan_is_digit(rest.ptr[len])
                              || rest.ptr[len] == '.'
                              || rest.ptr[len] == '-')) {
        len++;
    }
    *value = hostmap_str_of(rest.ptr, len);

    return len > 0;
}

int follow_report_field(hostmap_str *value, hostmap_str report,
                        const char *name)
{
    hostmap_str rest = report;

    while (rest.len) {
        hostmap_str word;
        apr_size_t len;

        if (rest.ptr[0] != '"') {
            rest = hostmap_scan_after(rest, 1);
            continue;
        }
        rest = hostmap_scan_after(rest, 1);
        len = text_end(rest);
        if (len == rest.len) {
            break;
        }
        word = hostmap_str_of(rest.ptr, len);
        rest = skip_blanks(hostmap_scan_after(rest, len + 1));
        if (rest.len && rest.ptr[0] == ':') {
            rest = skip_blanks(hostmap_scan_after(rest, 1));
            if (word.len == strlen(name)
                && memcmp(word.ptr, name, word.len) == 0) {
                if (take_value(value, rest)) {
                    return 1;
                }
                break;
            }
            if (rest.len && rest.ptr[0] == '"') {
                /* a value is no name */
                rest = hostmap_scan_after(rest, 1);
                len = text_end(rest);
                rest = hostmap_scan_after(rest, len < rest.len ? len + 1
                                                                : len);
            }
        }
    }
    *value = hostmap_str_of("", 0);

    return 0;
}

apr_int64_t follow_report_number(hostmap_str report, const char *name)
{
    apr_int64_t number;
    hostmap_str value;

    if (!follow_report_field(&value, report, name)) {
        return 0;
    }
    value.len = hostmap_scan_before(value, '.');

    return hostmap_scan_number(&number, value) ? number : 0;
}

/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Text that grows in malloc's memory: a page of a megabyte would stay in the
 * pools of the thread that made it.
 */

#include "status_out_core.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OUT_FIRST 65536

static int out_room(status_out *out, apr_size_t len)
{
    apr_size_t room = out->room ? out->room : OUT_FIRST;
    char *text;

    while (room - out->len < len) {
        room *= 2;
    }
    if (room == out->room) {
        return 1;
    }
    text = realloc(out->text, room);
    if (!text) {
        out->failed = 1;
        return 0;
    }
    out->text = text;
    out->room = room;
    return 1;
}

void status_put(status_out *out, const char *bytes, apr_size_t len)
{
    if (len > 0 && !out->failed && out_room(out, len)) {
        memcpy(out->text + out->len, bytes, len);
        out->len += len;
    }
}

void status_puts(status_out *out, const char *text)
{
    status_put(out, text, strlen(text));
}

void status_putf(status_out *out, const char *format, ...)
{
    char text[400];
    va_list ap;
    int len;

    va_start(ap, format);
    len = vsnprintf(text, sizeof(text), format, ap);
    va_end(ap);
    if (len > 0) {
        status_put(out, text, (apr_size_t)len < sizeof(text)
                              ? (apr_size_t)len : sizeof(text) - 1);
    }
}

/* What stands for a byte, NULL: itself. */
static const char *out_escape(status_syntax syntax, char byte)
{
    if (syntax == STATUS_HTML) {
        switch (byte) {
        case '&':
            return "&amp;";
        case '<':
            return "&lt;";
        case '>':
            return "&gt;";
        case '"':
            return "&quot;";
        case '\'':
            return "&#39;";
        default:
            return NULL;
        }
    }
    return byte == '"' && syntax != STATUS_PLAIN ? "\\\"" : NULL;
}

static void out_hex(status_out *out, status_syntax syntax, unsigned char byte)
{
    status_putf(out, syntax == STATUS_JSON || syntax == STATUS_LABEL
                     ? "\\\\x%02x" : "\\x%02x", byte);
}

void status_name(status_out *out, status_syntax syntax, hostmap_str bytes)
{
    apr_size_t i, from = 0;

    for (i = 0; i < bytes.len; i++) {
        char byte = bytes.ptr[i];
        int printable = byte >= ' ' && byte <= '~' && byte != '\\';
        const char *escape = printable ? out_escape(syntax, byte) : NULL;

        if (printable && !escape) {
            continue;
        }
        status_put(out, bytes.ptr + from, i - from);
        from = i + 1;
        if (escape) {
            status_puts(out, escape);
        }
        else {
            out_hex(out, syntax, (unsigned char)byte);
        }
    }
    status_put(out, bytes.ptr + from, i - from);
}

void status_text(status_out *out, status_syntax syntax, const char *text)
{
    if (text) {
        status_name(out, syntax, hostmap_str_of(text, strlen(text)));
    }
}

void status_seconds(status_out *out, apr_uint64_t micros)
{
    status_putf(out, "%" APR_UINT64_T_FMT ".%06u",
                micros / APR_USEC_PER_SEC,
                (unsigned)(micros % APR_USEC_PER_SEC));
}

void status_duration(status_out *out, apr_uint64_t micros)
{
    double seconds = (double)micros / APR_USEC_PER_SEC;

    if (micros < 1000) {
        status_putf(out, "%u us", (unsigned)micros);
    }
    else if (seconds < 1) {
        status_putf(out, "%.3g ms", (double)micros / 1000);
    }
    else if (seconds < 120) {
        status_putf(out, "%.3g s", seconds);
    }
    else if (seconds < 7200) {
        status_putf(out, "%.0f min", seconds / 60);
    }
    else if (seconds < 2 * 86400) {
        status_putf(out, "%.0f h", seconds / 3600);
    }
    else {
        status_putf(out, "%.0f days", seconds / 86400);
    }
}

void status_amount(status_out *out, apr_uint64_t n)
{
    static const char units[] = "KMGTPE";
    double value = (double)n;
    int unit = -1;

    if (n < 10000) {
        status_putf(out, "%u", (unsigned)n);
        return;
    }
    while (value >= 1000 && unit < 5) {
        value /= 1000;
        unit++;
    }
    status_putf(out, value < 10 ? "%.2f %c" : value < 100 ? "%.1f %c"
                : "%.0f %c", value, units[unit]);
}

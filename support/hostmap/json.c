/* SPDX-License-Identifier: Apache-2.0 */

/*
 * json.c: answers for programs, on standard output.
 */

#include "json.h"

#include <stdio.h>
#include <string.h>

/* Length of the UTF-8 sequence at the front, 0: it is none. */
static apr_size_t json_utf8(const unsigned char *at, apr_size_t len)
{
    apr_size_t more, i;
    unsigned code;

    if (at[0] < 0x80) {
        return 1;
    }
    more = at[0] >= 0xf0 ? 3 : at[0] >= 0xe0 ? 2 : 1;
    if (at[0] < 0xc2 || at[0] > 0xf4 || len <= more) {
        return 0;
    }
    code = at[0] & (0x3f >> more);
    for (i = 1; i <= more; i++) {
        if ((at[i] & 0xc0) != 0x80) {
            return 0;
        }
        code = code << 6 | (at[i] & 0x3f);
    }
    if ((more == 2 && (code < 0x800 || (code >= 0xd800 && code <= 0xdfff)))
        || (more == 3 && (code < 0x10000 || code > 0x10ffff))) {
        return 0;
    }

    return more + 1;
}

static void json_quote(const char *text, apr_size_t len)
{
    const unsigned char *at = (const unsigned char *)text;
    const unsigned char *end = at + len;

    putchar('"');
    while (at < end) {
        apr_size_t bytes = json_utf8(at, (apr_size_t)(end - at));

        if (bytes == 0) {
            fputs("\\ufffd", stdout);
            bytes = 1;
        }
        else if (*at < ' ' || *at == 0x7f) {
            printf("\\u%04x", *at);
        }
        else {
            if (*at == '"' || *at == '\\') {
                putchar('\\');
            }
            fwrite(at, 1, bytes, stdout);
        }
        at += bytes;
    }
    putchar('"');
}

static void json_name(json *j, const char *name)
{
    if (j->more) {
        fputs(", ", stdout);
    }
    j->more = 1;
    json_quote(name, strlen(name));
    fputs(": ", stdout);
}

void json_begin(json *j)
{
    j->more = 0;
    putchar('{');
}

void json_text(json *j, const char *name, const char *text, apr_size_t len)
{
    json_name(j, name);
    if (text) {
        json_quote(text, len);
    }
    else {
        fputs("null", stdout);
    }
}

void json_string(json *j, const char *name, const char *text)
{
    json_text(j, name, text, text ? strlen(text) : 0);
}

void json_number(json *j, const char *name, apr_int64_t number)
{
    json_name(j, name);
    printf("%" APR_INT64_T_FMT, number);
}

void json_fraction(json *j, const char *name, double number)
{
    json_name(j, name);
    printf("%.3f", number);
}

void json_truth(json *j, const char *name, int truth)
{
    json_name(j, name);
    fputs(truth ? "true" : "false", stdout);
}

void json_strings(json *j, const char *name, const char *const *texts)
{
    int more = 0;

    json_name(j, name);
    putchar('[');
    for (; *texts; texts++) {
        if (more++) {
            fputs(", ", stdout);
        }
        json_quote(*texts, strlen(*texts));
    }
    putchar(']');
}

void json_end(json *j)
{
    puts("}");
}

/* SPDX-License-Identifier: Apache-2.0 */

/*
 * json.c: answers for programs.
 */

#include "json.h"

#include <stdio.h>
#include <string.h>

/* Length of the UTF-8 sequence at the front; 0: it is not UTF-8. */
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

static void json_quote(FILE *to, const char *text, apr_size_t len)
{
    const unsigned char *at = (const unsigned char *)text;
    const unsigned char *end = at + len;

    putc('"', to);
    while (at < end) {
        apr_size_t bytes = json_utf8(at, (apr_size_t)(end - at));

        if (bytes == 0) {
            fputs("\\ufffd", to);
            bytes = 1;
        }
        else if (*at < ' ' || *at == 0x7f) {
            fprintf(to, "\\u%04x", *at);
        }
        else {
            if (*at == '"' || *at == '\\') {
                putc('\\', to);
            }
            fwrite(at, 1, bytes, to);
        }
        at += bytes;
    }
    putc('"', to);
}

static void json_name(json *j, const char *name)
{
    if (j->more) {
        fputs(", ", j->to);
    }
    j->more = 1;
    json_quote(j->to, name, strlen(name));
    fputs(": ", j->to);
}

void json_begin_to(json *j, FILE *to)
{
    j->more = 0;
    j->to = to;
    putc('{', to);
}

void json_begin(json *j)
{
    json_begin_to(j, stdout);
}

void json_text(json *j, const char *name, const char *text, apr_size_t len)
{
    json_name(j, name);
    if (text) {
        json_quote(j->to, text, len);
    }
    else {
        fputs("null", j->to);
    }
}

void json_string(json *j, const char *name, const char *text)
{
    json_text(j, name, text, text ? strlen(text) : 0);
}

void json_number(json *j, const char *name, apr_int64_t number)
{
    json_name(j, name);
    fprintf(j->to, "%" APR_INT64_T_FMT, number);
}

void json_fraction(json *j, const char *name, double number)
{
    json_name(j, name);
    fprintf(j->to, "%.3f", number);
}

void json_truth(json *j, const char *name, int truth)
{
    json_name(j, name);
    fputs(truth ? "true" : "false", j->to);
}

void json_strings(json *j, const char *name, const char *const *texts)
{
    int more = 0;

    json_name(j, name);
    putc('[', j->to);
    for (; *texts; texts++) {
        if (more++) {
            fputs(", ", j->to);
        }
        json_quote(j->to, *texts, strlen(*texts));
    }
    putc(']', j->to);
}

void json_end(json *j)
{
    fputs("}\n", j->to);
}

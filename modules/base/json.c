/* SPDX-License-Identifier: Apache-2.0 */

/*
 * json.c: reading JSON in place.  json_skip() alone knows the grammar; the
 * others step from value to value with it.
 */

#include "json.h"

#include <stdlib.h>

/* Of a number, enough for 2^64 and an exponent. */
#define JSON_NUMBER_MAX 40

static const char *json_skip(const char *p, const char *end, int depth);

static const char *json_blanks(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r')) {
        p++;
    }
    return p;
}

static int json_is_digit(const char *p, const char *end)
{
    return p < end && *p >= '0' && *p <= '9';
}

static int json_hex(char c)
{
    return c >= '0' && c <= '9' ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The four digits of \uXXXX; -1: they are not four digits. */
static int json_unit(const char *p, const char *end)
{
    int unit = 0, i;

    if (end - p < 4) {
        return -1;
    }
    for (i = 0; i < 4; i++) {
        int digit = json_hex(p[i]);

        if (digit < 0) {
            return -1;
        }
        unit = unit * 16 + digit;
    }
    return unit;
}

/* p is at the quote.  As the others: the end of it, NULL if it is wrong. */
static const char *json_skip_text(const char *p, const char *end)
{
    for (p++; p < end && *p != '"'; p++) {
        if ((unsigned char)*p < ' ') {
            return NULL;
        }
        if (*p != '\\') {
            continue;
        }
        p++;
        if (p == end || *p == '\0' || !strchr("\"\\/bfnrtu", *p)
            || (*p == 'u' && json_unit(p + 1, end) < 0)) {
            return NULL;
        }
    }
    return p < end ? p + 1 : NULL;
}

static const char *json_skip_digits(const char *p, const char *end)
{
    if (!json_is_digit(p, end)) {
        return NULL;
    }
    while (json_is_digit(p, end)) {
        p++;
    }
    return p;
}

static const char *json_skip_number(const char *p, const char *end)
{
    if (*p == '-') {
        p++;
    }
    if (p < end && *p == '0') {
        p++;
    }
    else {
        p = json_skip_digits(p, end);
    }
    if (p && p < end && *p == '.') {
        p = json_skip_digits(p + 1, end);
    }
    if (p && p < end && (*p == 'e' || *p == 'E')) {
        p++;
        if (p < end && (*p == '+' || *p == '-')) {
            p++;
        }
        p = json_skip_digits(p, end);
    }
    return p;
}

/* From a member's name to its value. */
static const char *json_skip_name(const char *p, const char *end)
{
    if (p == end || *p != '"') {
        return NULL;
    }
    p = json_skip_text(p, end);
    if (!p) {
        return NULL;
    }
    p = json_blanks(p, end);
    return p < end && *p == ':' ? json_blanks(p + 1, end) : NULL;
}

/* p is at the bracket. */
static const char *json_skip_all(const char *p, const char *end, int depth)
{
    char close = *p == '{' ? '}' : ']';

    p = json_blanks(p + 1, end);
    if (p < end && *p == close) {
        return p + 1;
    }
    while (p && p < end) {
        if (close == '}') {
            p = json_skip_name(p, end);
        }
        p = p ? json_skip(p, end, depth) : NULL;
        if (!p) {
            return NULL;
        }
        p = json_blanks(p, end);
        if (p < end && *p == close) {
            return p + 1;
        }
        if (p == end || *p != ',') {
            return NULL;
        }
        p = json_blanks(p + 1, end);
    }
    return NULL;
}

static const char *json_skip_word(const char *p, const char *end,
                                  const char *word)
{
    size_t len = strlen(word);

    return (size_t)(end - p) >= len && memcmp(p, word, len) == 0 ? p + len
                                                                 : NULL;
}

/* The end of the value at p; NULL: there is none. */
static const char *json_skip(const char *p, const char *end, int depth)
{
    if (p == end) {
        return NULL;
    }
    switch (*p) {
    case '"':
        return json_skip_text(p, end);
    case '{':
    case '[':
        return depth > 0 ? json_skip_all(p, end, depth - 1) : NULL;
    case 't':
        return json_skip_word(p, end, "true");
    case 'f':
        return json_skip_word(p, end, "false");
    case 'n':
        return json_skip_word(p, end, "null");
    default:
        return json_skip_number(p, end);
    }
}

apr_status_t hostmap_json_check(hostmap_str text)
{
    const char *end = text.ptr + text.len;
    const char *p = json_skip(json_blanks(text.ptr, end), end,
                              HOSTMAP_JSON_DEPTH);

    return p && json_blanks(p, end) == end ? APR_SUCCESS : APR_EINVAL;
}

/* Where the first value of an object or array begins, or a comma before the
 * next one; NULL: it is neither, or it has ended. */
static const char *json_inside(hostmap_str all, char open)
{
    const char *end = all.ptr + all.len;
    const char *p = json_blanks(all.ptr, end);

    if (p == end || (*p != open && *p != ',')) {
        return NULL;
    }
    p = json_blanks(p + 1, end);
    return p < end && *p != ']' && *p != '}' ? p : NULL;
}

hostmap_str hostmap_json_get(hostmap_str object, const char *name)
{
    const hostmap_str none = { NULL, 0 };
    const char *end = object.ptr + object.len, *p;
    size_t len = strlen(name);

    while ((p = json_inside(object, '{')) != NULL) {
        const char *value = json_skip_name(p, end);
        const char *after = value ? json_skip(value, end, HOSTMAP_JSON_DEPTH)
                                  : NULL;

        if (!after) {
            return none;
        }
        if ((size_t)(end - p) > len + 1 && memcmp(p + 1, name, len) == 0
            && p[len + 1] == '"') {
            return hostmap_str_of(value, (apr_size_t)(after - value));
        }
        object = hostmap_str_of(after, (apr_size_t)(end - after));
    }
    return none;
}

int hostmap_json_next(hostmap_str *array, hostmap_str *value)
{
    const char *end = array->ptr + array->len;
    const char *p = json_inside(*array, '[');
    const char *after = p ? json_skip(p, end, HOSTMAP_JSON_DEPTH) : NULL;

    if (!after) {
        return 0;
    }
    *value = hostmap_str_of(p, (apr_size_t)(after - p));
    *array = hostmap_str_of(after, (apr_size_t)(end - after));
    return 1;
}

double hostmap_json_number(hostmap_str value, double otherwise)
{
    char digits[JSON_NUMBER_MAX + 1];
    const char *end = value.ptr + value.len;

    if (value.len == 0 || value.len > JSON_NUMBER_MAX
        || (*value.ptr != '-' && !json_is_digit(value.ptr, end))
        || json_skip_number(value.ptr, end) != end) {
        return otherwise;
    }
    memcpy(digits, value.ptr, value.len);
    digits[value.len] = '\0';
    return strtod(digits, NULL);
}

int hostmap_json_true(hostmap_str value)
{
    return value.len == 4 && memcmp(value.ptr, "true", 4) == 0;
}

/* A character as UTF-8; its length. */
static apr_size_t json_utf8(char *bytes, unsigned c)
{
    if (c < 0x80) {
        bytes[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        bytes[0] = (char)(0xc0 | c >> 6);
        bytes[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        bytes[0] = (char)(0xe0 | c >> 12);
        bytes[1] = (char)(0x80 | (c >> 6 & 0x3f));
        bytes[2] = (char)(0x80 | (c & 0x3f));
        return 3;
    }
    bytes[0] = (char)(0xf0 | c >> 18);
    bytes[1] = (char)(0x80 | (c >> 12 & 0x3f));
    bytes[2] = (char)(0x80 | (c >> 6 & 0x3f));
    bytes[3] = (char)(0x80 | (c & 0x3f));
    return 4;
}

/* What stands after a `u`: one unit, or the two of a pair.  Half a pair is no
 * character.  @return the character; p is moved on */
static unsigned json_character(const char **p, const char *end)
{
    int first = json_unit(*p, end), second = -1;

    *p += 4;
    if (first >= 0xd800 && first < 0xdc00 && end - *p >= 6 && (*p)[0] == '\\'
        && (*p)[1] == 'u') {
        second = json_unit(*p + 2, end);
    }
    if (second >= 0xdc00 && second < 0xe000) {
        *p += 6;
        return 0x10000u + ((unsigned)(first - 0xd800) << 10)
               + (unsigned)(second - 0xdc00);
    }
    return first <= 0 || (first >= 0xd800 && first < 0xe000)
           ? '?' : (unsigned)first;
}

apr_size_t hostmap_json_text(char *buffer, apr_size_t size, hostmap_str value)
{
    static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
    const char *p = value.ptr, *end = value.ptr + value.len;
    apr_size_t used = 0;

    if (value.len >= 2 && *p == '"' && json_skip_text(p, end) == end) {
        for (p++, end--; p < end; ) {
            char bytes[4];
            apr_size_t len = 1;

            bytes[0] = *p++;
            if (bytes[0] == '\\') {
                const char *known = strchr(from, *p);

                bytes[0] = known ? to[known - from] : *p;
                if (*p++ == 'u') {
                    len = json_utf8(bytes, json_character(&p, end));
                }
            }
            if (used + len >= size) {
                break;
            }
            memcpy(buffer + used, bytes, len);
            used += len;
        }
    }
    buffer[used] = '\0';
    return used;
}

/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Reads files of test vectors and compares.
 */

#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guard.h"
#include "vectors.h"

void vector_add(char *answer, const char *format, ...)
{
    size_t used = strlen(answer);
    va_list args;
    int added;

    va_start(args, format);
    added = vsnprintf(answer + used, VECTOR_ANSWER - used, format, args);
    va_end(args);
    ck_assert_msg(added >= 0 && (size_t)added < VECTOR_ANSWER - used,
                  "the answer is too long: %s", answer);
}

void vector_add_bad(char *answer, apr_status_t rv, const hostmap_bad *bad,
                    size_t len)
{
    ck_assert_int_eq(rv, APR_EINVAL);
    ck_assert_ptr_nonnull(bad->reason);
    ck_assert_uint_le(bad->pos, len);
    vector_add(answer, "bad %lu %s", (unsigned long)bad->pos, bad->reason);
}

/** Resolves the escapes of a field in place; the new length. */
static size_t vector_unescape(char *field)
{
    const char *from = field;
    char *to = field;

    while (*from) {
        if (*from != '\\') {
            *to++ = *from++;
        }
        else if (from[1] == 't') {
            *to++ = '\t';
            from += 2;
        }
        else if (from[1] == '\\') {
            *to++ = '\\';
            from += 2;
        }
        else {
            unsigned byte;

            ck_assert_msg(sscanf(from, "\\x%2x", &byte) == 1,
                          "not an escape: %s", from);
            *to++ = (char)byte;
            from += 4;
        }
    }
    *to = '\0';
    return (size_t)(to - field);
}

/** 1 when the answer is the expected one. */
static int vector_check(const char *path, int number, char *line,
                        vector_fn *fn)
{
    char answer[VECTOR_ANSWER] = "";
    char *expected = strchr(line, '\t');
    guard input;
    size_t len;
    int same;

    ck_assert_msg(expected != NULL, "%s:%d: no tab", path, number);
    *expected++ = '\0';
    len = vector_unescape(line);
    vector_unescape(expected);
    input = guard_bytes(line, len);
    fn(answer, input.bytes, len);
    guard_free(&input);
    same = (strcmp(answer, expected) == 0);
    if (!same) {
        fprintf(stderr, "%s:%d: %s\n  expected: %s\n  answer:   %s\n", path,
                number, line, expected, answer);
    }
    return same;
}

static void vectors_path(char *path, size_t size, const char *file)
{
    const char *folder = getenv("VECTORS");
    const char *top = getenv("top_srcdir");

    if (folder) {
        snprintf(path, size, "%s/%s", folder, file);
    }
    else {
        ck_assert_msg(top != NULL, "neither VECTORS nor top_srcdir says "
                      "where %s is", file);
        snprintf(path, size, "%s/test/unit/vectors/%s", top, file);
    }
}

void vectors_run(const char *file, vector_fn *fn)
{
    char path[4096];
    char *line = NULL;
    size_t room = 0;
    ssize_t len;
    int number = 0, count = 0, wrong = 0;
    FILE *in;

    vectors_path(path, sizeof(path), file);
    in = fopen(path, "r");
    ck_assert_msg(in != NULL, "%s: cannot open", path);
    while ((len = getline(&line, &room, in)) >= 0) {
        number++;
        if (len > 0 && line[len - 1] == '\n') {
            line[len - 1] = '\0';
        }
        if (line[0] == '\0' || line[0] == '#') {
            continue;
        }
        count++;
        wrong += !vector_check(path, number, line, fn);
    }
    free(line);
    fclose(in);
    ck_assert_msg(count > 0, "%s: holds no vector", path);
    ck_assert_msg(wrong == 0, "%s: %d of %d vectors differ", path, wrong,
                  count);
}

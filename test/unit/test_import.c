/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Lists of hosts as others keep them.
 */

#include <stdlib.h>
#include <string.h>

#include "entries/import_core.h"
#include "entries/import_csv_core.h"
#include "entries/import_haproxy_core.h"
#include "entries/import_nginx_core.h"
#include "suites.h"
#include "vectors.h"

/** "LINE key|value" or "LINE key: reason", `.` before a key that stands for
 *  the names below it too, `; ` between. */
static void answer_text(char *answer, import_text *in)
{
    import_item *item = malloc(sizeof(*item));
    apr_status_t rv;

    ck_assert_ptr_nonnull(item);
    for (;;) {
        rv = import_next(in, item);
        if (rv == APR_EOF) {
            break;
        }
        vector_add(answer, "%s%lu %s%.*s", answer[0] ? "; " : "",
                   (unsigned long)item->line, item->below ? "." : "",
                   (int)item->key_len, item->key);
        if (rv == APR_SUCCESS) {
            vector_add(answer, "|%.*s", (int)item->value_len, item->value);
        }
        else {
            ck_assert_int_eq(rv, APR_EINVAL);
            ck_assert_ptr_nonnull(item->reason);
            vector_add(answer, ": %s", item->reason);
        }
    }
    ck_assert_ptr_eq(in->at, in->end);
    free(item);
}

static void answer_csv(char *answer, const char *input, size_t len)
{
    import_text in;

    import_begin(&in, IMPORT_CSV, input, len);
    answer_text(answer, &in);
}

static void answer_haproxy(char *answer, const char *input, size_t len)
{
    import_text in;

    import_begin(&in, IMPORT_HAPROXY, input, len);
    answer_text(answer, &in);
}

static void answer_nginx(char *answer, const char *input, size_t len)
{
    import_text in;

    import_begin(&in, IMPORT_NGINX, input, len);
    answer_text(answer, &in);
}

/** What import_find_map() says, and the entries that are read then. */
static void answer_map(char *answer, const char *variable, const char *input,
                       size_t len)
{
    static const char *const results[] = {
        "found", "missing", "several", "outside", "other"
    };
    import_map_result result;
    import_text in;
    import_map map;

    import_begin(&in, IMPORT_NGINX, input, len);
    result = import_find_map(&in, variable, &map);
    vector_add(answer, "%s", results[result]);
    if (map.first.line) {
        vector_add(answer, " %lu %s", (unsigned long)map.first.line,
                   map.first.name);
    }
    if (map.second.line) {
        vector_add(answer, ", %lu %s", (unsigned long)map.second.line,
                   map.second.name);
    }
    if (result == IMPORT_MAP_FOUND) {
        answer_text(answer, &in);
    }
}

static void answer_found(char *answer, const char *input, size_t len)
{
    answer_map(answer, NULL, input, len);
}

/** The block that sets $backend. */
static void answer_named(char *answer, const char *input, size_t len)
{
    answer_map(answer, "backend", input, len);
}

static void answer_unix(char *answer, const char *input, size_t len)
{
    char value[64];
    apr_size_t value_len = import_unix(value, sizeof(value), input, len);

    ck_assert_uint_le(value_len, sizeof(value));
    vector_add(answer, "%.*s", (int)value_len, value);
}

static void answer_port(char *answer, const char *input, size_t len)
{
    vector_add(answer, "%u", import_port(input, len));
}

/** The character that separates fields, when the columns are a and b. */
static void answer_separator(char *answer, const char *input, size_t len)
{
    static const char *const names[] = { "a", "b" };
    import_text in;

    import_begin(&in, IMPORT_CSV, input, len);
    import_guess_separator(&in, names);
    vector_add(answer, in.separator == '\t' ? "tab" : "%c", in.separator);
}

/** The same when nothing is known of the columns. */
static void answer_separator_unnamed(char *answer, const char *input,
                                     size_t len)
{
    static const char *const names[] = { NULL, NULL };
    import_text in;

    import_begin(&in, IMPORT_CSV, input, len);
    import_guess_separator(&in, names);
    vector_add(answer, in.separator == '\t' ? "tab" : "%c", in.separator);
}

static void answer_section(char *answer, const char *input, size_t len)
{
    import_text in;

    import_begin(&in, IMPORT_HAPROXY, input, len);
    vector_add(answer, "%lu", (unsigned long)import_haproxy_section(&in));
}

START_TEST(map_vectors)
{
    vectors_run("import_map.tsv", answer_found);
    vectors_run("import_map_named.tsv", answer_named);
}
END_TEST

START_TEST(unix_vectors)
{
    vectors_run("import_unix.tsv", answer_unix);
}
END_TEST

START_TEST(port_vectors)
{
    vectors_run("import_port.tsv", answer_port);
}
END_TEST

START_TEST(separator_vectors)
{
    vectors_run("import_separator.tsv", answer_separator);
    vectors_run("import_separator_unnamed.tsv", answer_separator_unnamed);
}
END_TEST

START_TEST(section_vectors)
{
    vectors_run("import_section.tsv", answer_section);
}
END_TEST

START_TEST(a_header_is_one_record)
{
    static const char text[] =
        "\"the\ndomain\",\"Backend\n URL\"\na,b\n";
    char answer[VECTOR_ANSWER] = "";
    import_text in;

    import_begin(&in, IMPORT_CSV, text, sizeof(text) - 1);
    ck_assert_int_eq(import_column(&in, "The Domain", 10), 0);
    ck_assert_int_eq(import_column(&in, "backend url", 11), 1);
    ck_assert_int_eq(import_column(&in, "backend\n url", 12), 1);
    import_skip_header(&in);
    answer_text(answer, &in);
    ck_assert_str_eq(answer, "4 a|b");

    /* a quote that is not closed takes its line only */
    import_begin(&in, IMPORT_CSV, "\"x,y\na,b\n", 9);
    import_skip_header(&in);
    answer[0] = '\0';
    answer_text(answer, &in);
    ck_assert_str_eq(answer, "2 a|b");
}
END_TEST

START_TEST(csv_vectors)
{
    vectors_run("import_csv.tsv", answer_csv);
}
END_TEST

START_TEST(haproxy_vectors)
{
    vectors_run("import_haproxy.tsv", answer_haproxy);
}
END_TEST

START_TEST(nginx_vectors)
{
    vectors_run("import_nginx.tsv", answer_nginx);
}
END_TEST

START_TEST(columns_are_found_by_name)
{
    static const char text[] =
        "\xef\xbb\xbfid, Domain ,\"back \"\"end\",x\n1,a,b,c\n";
    char answer[VECTOR_ANSWER] = "";
    import_text in;

    import_begin(&in, IMPORT_CSV, text, sizeof(text) - 1);
    ck_assert_int_eq(import_column(&in, "ID", 2), 0);
    ck_assert_int_eq(import_column(&in, "domain", 6), 1);
    ck_assert_int_eq(import_column(&in, "back \"end", 9), 2);
    ck_assert_int_eq(import_column(&in, "x", 1), 3);
    ck_assert_int_eq(import_column(&in, "y", 1), -1);
    in.key_column = 3;
    in.value_column = 1;
    import_skip_header(&in);
    answer_text(answer, &in);
    ck_assert_str_eq(answer, "2 c|a");

    import_begin(&in, IMPORT_CSV, text, 0);
    ck_assert_int_eq(import_column(&in, "x", 1), -1);
    import_skip_header(&in);
    ck_assert_uint_eq(in.line, 1);
}
END_TEST

START_TEST(tabs_separate_tsv)
{
    static const char text[] = "a,b\tc d\te\n\"f\tg\"\th\n";
    char answer[VECTOR_ANSWER] = "";
    import_text in;

    import_begin(&in, IMPORT_TSV, text, sizeof(text) - 1);
    answer_text(answer, &in);
    ck_assert_str_eq(answer, "1 a,b|c d; 2 f\tg|h");
}
END_TEST

START_TEST(the_longest_field_is_4096_bytes)
{
    static const struct {
        import_format format;
        const char *before, *after;
    } shapes[] = {
        { IMPORT_CSV, "k,", "\n" }, { IMPORT_CSV, "k,\"", "\"" },
        { IMPORT_HAPROXY, "k ", "" }, { IMPORT_NGINX, "k ", ";" },
        { IMPORT_NGINX, "k '", "';" }
    };
    static char text[IMPORT_FIELD_MAX + 16];
    static import_item item;
    size_t i, more;

    for (i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        for (more = 0; more < 2; more++) {
            size_t before = strlen(shapes[i].before);
            size_t len = IMPORT_FIELD_MAX + more;
            import_text in;

            memcpy(text, shapes[i].before, before);
            memset(text + before, 'v', len);
            memcpy(text + before + len, shapes[i].after,
                   strlen(shapes[i].after));
            import_begin(&in, shapes[i].format, text,
                         before + len + strlen(shapes[i].after));
            ck_assert_int_eq(import_next(&in, &item),
                             more ? APR_EINVAL : APR_SUCCESS);
            if (more) {
                ck_assert_str_eq(item.reason, "longer than 4096 bytes");
            }
            else {
                ck_assert_uint_eq(item.value_len, IMPORT_FIELD_MAX);
            }
            ck_assert_int_eq(import_next(&in, &item), APR_EOF);
        }
    }
}
END_TEST

Suite *import_suite(void)
{
    Suite *suite = suite_create("import");
    TCase *tcase = tcase_create("import");

    tcase_add_test(tcase, csv_vectors);
    tcase_add_test(tcase, haproxy_vectors);
    tcase_add_test(tcase, nginx_vectors);
    tcase_add_test(tcase, map_vectors);
    tcase_add_test(tcase, unix_vectors);
    tcase_add_test(tcase, port_vectors);
    tcase_add_test(tcase, separator_vectors);
    tcase_add_test(tcase, section_vectors);
    tcase_add_test(tcase, a_header_is_one_record);
    tcase_add_test(tcase, columns_are_found_by_name);
    tcase_add_test(tcase, tabs_separate_tsv);
    tcase_add_test(tcase, the_longest_field_is_4096_bytes);
    suite_add_tcase(suite, tcase);
    return suite;
}

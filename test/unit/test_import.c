/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Lists of hosts as others keep them.
 */

#include <stdlib.h>
#include <string.h>

#include "entries/import_core.h"
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
    tcase_add_test(tcase, columns_are_found_by_name);
    tcase_add_test(tcase, tabs_separate_tsv);
    tcase_add_test(tcase, the_longest_field_is_4096_bytes);
    suite_add_tcase(suite, tcase);
    return suite;
}

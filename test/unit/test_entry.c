/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Values of a map.
 */

#include <stdio.h>
#include <string.h>

#include "base/url.h"
#include "hostmap/hostmap_entry.h"
#include "hostmap/hostmap_group.h"
#include "base/option.h"
#include "suites.h"
#include "vectors.h"

static void add_str(char *answer, const char *name, hostmap_str str)
{
    if (str.len > 0) {
        vector_add(answer, " %s=%.*s", name, (int)str.len, str.ptr);
    }
}

static void add_options(char *answer, const hostmap_entry *entry)
{
    hostmap_str words = entry->words;
    hostmap_option option;
    hostmap_bad bad;
    apr_status_t rv;

    if (entry->flags & HOSTMAP_FLAG_NOCANON) {
        vector_add(answer, " nocanon");
    }
    if (entry->flags & HOSTMAP_FLAG_NOQUERY) {
        vector_add(answer, " noquery");
    }
    if (entry->flags & HOSTMAP_FLAG_NOREVERSE) {
        vector_add(answer, " noreverse");
    }
    while ((rv = hostmap_option_next(&option, &words, &bad))
           == APR_SUCCESS) {
        vector_add(answer, " %s:%" APR_INT64_T_FMT, option.def->name,
                   option.number);
    }
    ck_assert_int_eq(rv, APR_EOF);
}

static void add_member(char *answer, const hostmap_member *member)
{
    vector_add(answer, " [%.*s", (int)member->backend.url.len,
               member->backend.url.ptr);
    if (member->weight != 1) {
        vector_add(answer, " weight=%u", member->weight);
    }
    if (member->backup) {
        vector_add(answer, " backup");
    }
    add_options(answer, &member->backend);
    vector_add(answer, "]");
}

static void answer_group(char *answer, hostmap_str value)
{
    static const char *const policies[] = {
        "roundrobin", "leastconn", "hash", "first"
    };
    hostmap_bad bad = { NULL, 0 };
    hostmap_member member;
    hostmap_group group;
    hostmap_str rest;
    unsigned count = 0;
    apr_status_t rv = hostmap_group_parse(&group, value, &bad);

    if (rv != APR_SUCCESS) {
        vector_add_bad(answer, rv, &bad, value.len);
        return;
    }
    vector_add(answer, " %s", policies[group.policy]);
    add_str(answer, "sticky", group.sticky);
    if (group.retries != -1) {
        vector_add(answer, " retries=%d", group.retries);
    }
    if (group.failon.len > 0) {
        vector_add(answer, " 500:%d 503:%d", hostmap_group_fails(&group, 500),
                   hostmap_group_fails(&group, 503));
    }
    rest = group.members;
    while (hostmap_member_next(&member, &rest) == APR_SUCCESS) {
        add_member(answer, &member);
        count++;
    }
    ck_assert_uint_eq(count, group.count);
}

static void answer_value(char *answer, const char *input, size_t len)
{
    hostmap_bad bad = { NULL, 0 };
    hostmap_entry entry;
    apr_status_t rv = hostmap_entry_parse(&entry, hostmap_str_of(input, len),
                                          &bad);

    if (rv != APR_SUCCESS) {
        vector_add_bad(answer, rv, &bad, len);
        return;
    }
    switch (entry.kind) {
    case HOSTMAP_ENTRY_PROXY:
        vector_add(answer, "proxy %.*s", (int)entry.scheme.len,
                   entry.scheme.ptr);
        add_str(answer, "host", entry.host);
        if (entry.port) {
            vector_add(answer, " port=%u", (unsigned)entry.port);
        }
        add_str(answer, "path", entry.path);
        add_str(answer, "socket", entry.socket);
        add_options(answer, &entry);
        break;
    case HOSTMAP_ENTRY_GROUP:
        vector_add(answer, "group");
        add_str(answer, "name", entry.group);
        add_str(answer, "path", entry.path);
        if (entry.group.len > 0) {
            add_options(answer, &entry);
        }
        else {
            answer_group(answer, entry.words);
        }
        break;
    case HOSTMAP_ENTRY_NONE:
        vector_add(answer, "none");
        break;
    case HOSTMAP_ENTRY_REDIRECT:
        vector_add(answer, "redirect %d %.*s", entry.status,
                   (int)entry.url.len, entry.url.ptr);
        break;
    case HOSTMAP_ENTRY_STATUS:
        vector_add(answer, "status %d", entry.status);
        break;
    }
}

START_TEST(entry_vectors)
{
    vectors_run("entry.tsv", answer_value);
}
END_TEST

/** Parses a string; sets *bad when it is bad. */
static apr_status_t parse(hostmap_entry *entry, const char *value,
                          hostmap_bad *bad)
{
    return hostmap_entry_parse(entry, hostmap_str_text(value), bad);
}

START_TEST(url_is_the_first_word_as_it_stands)
{
    static const char value[] = " \tunix:/run/a.sock|HTTP://B/x/ ping=1 \t";
    hostmap_entry entry;

    ck_assert_int_eq(parse(&entry, value, NULL), APR_SUCCESS);
    ck_assert_uint_eq(entry.url.len, strlen("unix:/run/a.sock|HTTP://B/x/"));
    ck_assert_ptr_eq(entry.url.ptr, value + 2);
    ck_assert_uint_eq(entry.words.len, strlen("ping=1"));
    ck_assert_ptr_eq(entry.path.ptr + entry.path.len,
                     entry.url.ptr + entry.url.len);
}
END_TEST

START_TEST(only_what_the_kind_has_is_set)
{
    hostmap_entry entry;

    ck_assert_int_eq(parse(&entry, "301 http://a.example/x?y#z", NULL),
                     APR_SUCCESS);
    ck_assert_uint_eq(entry.host.len + entry.path.len + entry.words.len
                      + entry.scheme.len + entry.port + entry.flags, 0);
    ck_assert_int_eq(parse(&entry, "!", NULL), APR_SUCCESS);
    ck_assert_int_eq(entry.status, 0);
    ck_assert_uint_eq(entry.url.len, 0);
}
END_TEST

START_TEST(every_number_but_a_status_is_bad)
{
    int number;

    for (number = 0; number < 1200; number++) {
        int redirect = number >= 300 && number <= 308;
        int status = number >= 400 && number <= 599;
        hostmap_entry entry;
        char value[64];

        snprintf(value, sizeof(value), "%d", number);
        ck_assert_msg((parse(&entry, value, NULL) == APR_SUCCESS) == status,
                      "%s", value);
        snprintf(value, sizeof(value), "%d http://a.example/", number);
        ck_assert_msg((parse(&entry, value, NULL) == APR_SUCCESS) == redirect,
                      "%s", value);
    }
}
END_TEST

START_TEST(longest_value_is_4096_bytes)
{
    char value[HOSTMAP_VALUE_MAX + 1];
    hostmap_entry entry;
    hostmap_bad bad;

    memset(value, 'x', sizeof(value));
    memcpy(value, "http://b/", 9);
    ck_assert_int_eq(hostmap_entry_parse(&entry,
                                         hostmap_str_of(value,
                                                        HOSTMAP_VALUE_MAX),
                                         &bad), APR_SUCCESS);
    ck_assert_uint_eq(entry.path.len, HOSTMAP_VALUE_MAX - 8);
    ck_assert_int_eq(hostmap_entry_parse(&entry,
                                         hostmap_str_of(value, sizeof(value)),
                                         &bad),
                     APR_EINVAL);
    ck_assert_uint_eq(bad.pos, HOSTMAP_VALUE_MAX);
}
END_TEST

/** Parses prefix, len times `a`, suffix; the position of the fault, or -1. */
static long fault_of(const char *prefix, int len, const char *suffix)
{
    char value[1024];
    char filler[512];
    hostmap_entry entry;
    hostmap_bad bad;

    memset(filler, 'a', sizeof(filler));
    snprintf(value, sizeof(value), "%s%.*s%s", prefix, len, filler, suffix);
    if (parse(&entry, value, &bad) == APR_SUCCESS) {
        return -1;
    }
    return (long)bad.pos;
}

START_TEST(host_and_socket_fit_the_fields_of_a_worker)
{
    ck_assert_int_eq(fault_of("http://", 255, "/"), -1);
    ck_assert_int_eq(fault_of("http://", 256, "/"), 7 + 255);
    /* 95 bytes with the slash */
    ck_assert_int_eq(fault_of("unix:/", 94, "|http://b"), -1);
    ck_assert_int_eq(fault_of("unix:/", 95, "|http://b"), 5 + 95);
}
END_TEST

START_TEST(every_scheme_has_the_port_of_mod_proxy)
{
    static const struct {
        const char *scheme;
        int port;
    } rows[] = {
        { "http", 80 }, { "ws", 80 }, { "h2c", 80 }, { "HTTP", 80 },
        { "https", 443 }, { "wss", 443 }, { "h2", 443 }, { "ajp", 8009 },
        { "fcgi", 8000 }, { "scgi", 4000 }, { "uwsgi", 3031 }, { "ftp", 21 },
        { "balancer", 0 }, { "gopher", 0 }, { "", 0 }, { "htt", 0 }
    };
    size_t i;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        hostmap_str scheme = { rows[i].scheme, strlen(rows[i].scheme) };

        ck_assert_msg(hostmap_scheme_port(scheme) == rows[i].port, "%s",
                      rows[i].scheme);
    }
}
END_TEST

Suite *entry_suite(void)
{
    Suite *suite = suite_create("entry");
    TCase *tcase = tcase_create("entry");

    tcase_add_test(tcase, entry_vectors);
    tcase_add_test(tcase, url_is_the_first_word_as_it_stands);
    tcase_add_test(tcase, only_what_the_kind_has_is_set);
    tcase_add_test(tcase, every_number_but_a_status_is_bad);
    tcase_add_test(tcase, longest_value_is_4096_bytes);
    tcase_add_test(tcase, host_and_socket_fit_the_fields_of_a_worker);
    tcase_add_test(tcase, every_scheme_has_the_port_of_mod_proxy);
    suite_add_tcase(suite, tcase);
    return suite;
}

/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file suites.h
 * @brief The suites of the program `unit`.
 *
 * A new one: declare it here, add it in unit.c, list its file in
 * modules/sources.mk.
 */

#ifndef SUITES_H
#define SUITES_H

#include <check.h>

Suite *key_suite(void);
Suite *option_suite(void);
Suite *entry_suite(void);
Suite *text_suite(void);
Suite *reverse_suite(void);
Suite *json_suite(void);
Suite *loop_suite(void);
Suite *loop_memory_suite(void);
Suite *target_suite(void);
Suite *match_suite(void);
Suite *import_suite(void);
Suite *property_suite(void);
Suite *cache_suite(void);
Suite *certmap_cache_suite(void);
Suite *certmap_core_suite(void);
Suite *certmap_pair_suite(void);
Suite *file_suite(void);
Suite *serve_suite(void);
Suite *limit_suite(void);
Suite *follow_suite(void);
Suite *pages_suite(void);
Suite *pool_suite(void);
Suite *pool_health_suite(void);
Suite *pool_limit_suite(void);
Suite *pool_choice_suite(void);
Suite *pool_options_suite(void);
Suite *reproxy_url_suite(void);
Suite *reproxy_allow_suite(void);
Suite *reproxy_cache_suite(void);
Suite *reproxy_headers_suite(void);
Suite *slots_suite(void);
Suite *hitters_suite(void);
Suite *status_suite(void);
Suite *value_cache_suite(void);

#endif /* SUITES_H */

/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Runs every suite.  Check's own environment variables choose among them
 * (CK_RUN_SUITE, CK_RUN_CASE) and keep a test in this process (CK_FORK=no).
 */

#include <stdlib.h>

#include "apr_general.h"

#include "suites.h"

int main(void)
{
    SRunner *runner;
    int failed;

    if (apr_initialize() != APR_SUCCESS) {
        return EXIT_FAILURE;
    }
    atexit(apr_terminate);

    runner = srunner_create(key_suite());
    srunner_add_suite(runner, option_suite());
    srunner_add_suite(runner, entry_suite());
    srunner_add_suite(runner, text_suite());
    srunner_add_suite(runner, reverse_suite());
    srunner_add_suite(runner, json_suite());
    srunner_add_suite(runner, loop_suite());
    srunner_add_suite(runner, loop_memory_suite());
    srunner_add_suite(runner, target_suite());
    srunner_add_suite(runner, match_suite());
    srunner_add_suite(runner, import_suite());
    srunner_add_suite(runner, property_suite());
    srunner_add_suite(runner, cache_suite());
    srunner_add_suite(runner, certmap_core_suite());
    srunner_add_suite(runner, file_suite());
    srunner_add_suite(runner, serve_suite());
    srunner_add_suite(runner, limit_suite());
    srunner_add_suite(runner, follow_suite());
    srunner_add_suite(runner, pages_suite());
    srunner_add_suite(runner, pool_suite());
    srunner_add_suite(runner, pool_health_suite());
    srunner_add_suite(runner, pool_limit_suite());
    srunner_add_suite(runner, pool_choice_suite());
    srunner_add_suite(runner, pool_options_suite());
    srunner_add_suite(runner, reproxy_url_suite());
    srunner_add_suite(runner, reproxy_allow_suite());
    srunner_add_suite(runner, reproxy_cache_suite());
    srunner_add_suite(runner, reproxy_headers_suite());
    srunner_add_suite(runner, slots_suite());
    srunner_add_suite(runner, hitters_suite());
    srunner_add_suite(runner, status_suite());
    srunner_add_suite(runner, value_cache_suite());

    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

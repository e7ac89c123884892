/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Runs the suites that need OpenSSL: a program of their own, as a build without
 * it has none.
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

    runner = srunner_create(certmap_pair_suite());
    srunner_add_suite(runner, certmap_cache_suite());

    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

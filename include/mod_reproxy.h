/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file mod_reproxy.h
 * @brief What mod_reproxy offers to other modules: optional functions.
 *
 * Retrieve them with APR_RETRIEVE_OPTIONAL_FN in post_config; a NULL means
 * that the module is not loaded.
 */

#ifndef MOD_REPROXY_H
#define MOD_REPROXY_H

#include "httpd.h"
#include "apr_optional.h"

#ifdef __cplusplus
extern "C" {
#endif

/** More than there are results. */
#define REPROXY_FACTS_RESULTS 16

/** What became of a request whose app named what to serve. */
typedef struct reproxy_facts {
    unsigned attempts;          /**< URLs that were tried; 1 for a file */
    int file;                   /**< the app named a file */
    /** how many attempts ended in each result, by its number */
    unsigned char results[REPROXY_FACTS_RESULTS];
} reproxy_facts;

/**
 * What became of a request; meant for log_transaction, with the first request
 * of a chain of redirects.
 * @return 1 and facts set; 0: its app named nothing
 */
APR_DECLARE_OPTIONAL_FN(int, reproxy_facts_get,
                        (request_rec *r, reproxy_facts *facts));

/** The word of a result, as the note reproxy-result has it, by its number; NULL
 *  after the last. */
APR_DECLARE_OPTIONAL_FN(const char *, reproxy_result_word, (unsigned result));

#ifdef __cplusplus
}
#endif

#endif /* MOD_REPROXY_H */

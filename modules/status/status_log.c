/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A directive of mod_log_config's LogFormat, so that a request whose log does
 * not name it costs nothing.
 */

#include "status_log.h"

#include <string.h>

#include "apr_strings.h"

#include "httpd.h"
#include "http_config.h"
#include "mod_log_config.h"

#include "status_count.h"
#include "status_view_core.h"

typedef const char *status_field_fn(request_rec *r,
                                    const proxy_pool_facts *facts);

static const char *status_field_backend(request_rec *r,
                                        const proxy_pool_facts *facts)
{
    (void)r;
    return facts->name;
}

static const char *status_field_attempts(request_rec *r,
                                         const proxy_pool_facts *facts)
{
    return apr_psprintf(r->pool, "%u", facts->attempts);
}

static const char *status_field_failure(request_rec *r,
                                        const proxy_pool_facts *facts)
{
    (void)r;
    return facts->failure;
}

static const char *status_field_first_byte(request_rec *r,
                                           const proxy_pool_facts *facts)
{
    return facts->first_byte < 0 ? NULL
           : apr_psprintf(r->pool, "%" APR_TIME_T_FMT, facts->first_byte);
}

static const char *status_field_outcome(request_rec *r)
{
    proxy_express_answer answer;

    return status_from.answered
           ? status_outcomes[status_from.answered(r, &answer)] : NULL;
}

/* mod_log_config's: NULL is written as "-". */
static const char *status_field(request_rec *r, char *word)
{
    static const struct {
        const char *word;
        status_field_fn *value;
    } fields[] = {
        { "backend", status_field_backend },
        { "attempts", status_field_attempts },
        { "failure", status_field_failure },
        { "first-byte", status_field_first_byte }
    };
    proxy_pool_facts facts;
    apr_size_t i;

    if (strcmp(word, "outcome") == 0) {
        return status_field_outcome(r);
    }
    if (!status_from.pool_facts || !status_from.pool_facts(r, &facts)) {
        return NULL;
    }
    for (i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        if (strcmp(word, fields[i].word) == 0) {
            return fields[i].value(r, &facts);
        }
    }
    return NULL;
}

static int status_pre_config(apr_pool_t *p, apr_pool_t *plog,
                             apr_pool_t *ptemp)
{
    APR_OPTIONAL_FN_TYPE(ap_register_log_handler) *log_handler =
        APR_RETRIEVE_OPTIONAL_FN(ap_register_log_handler);

    (void)plog;
    (void)ptemp;
    if (log_handler) {
        /* of the first request of a chain: an error document has no backend */
        log_handler(p, apr_pstrdup(p, "^SB"), status_field, 1);
    }
    return OK;
}

void status_log_register(void)
{
    ap_hook_pre_config(status_pre_config, NULL, NULL, APR_HOOK_MIDDLE);
}

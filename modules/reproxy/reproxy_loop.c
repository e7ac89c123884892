/* SPDX-License-Identifier: Apache-2.0 */

/*
 * URLs that lead back to the app that names them.  Requests to storage carry
 * this server's name in CDN-Loop (RFC 8586), which no signature covers; so a
 * request tells how often it was reproxied on its way.  One that was so too
 * often is answered 508, and the attempt that waits for it learns from
 * Proxy-Status (RFC 9209) that a next URL would only go round again.
 */

#include "reproxy.h"

#include "apr_strings.h"

#include "http_config.h"
#include "http_protocol.h"

#include "base/loop.h"

/* An app of this server may name a URL of another one, which names storage's.
 * Each round holds a worker. */
#define LOOP_ROUNDS 2

#define LOOP_NAME "switchboard-reproxy-"
#define LOOP_REASON "; error=proxy_loop_detected"

/* Kept over restarts, so that a request that is under way during one is still
 * known; the same in all children, to which it may come back. */
typedef struct loop_kept {
    char id[sizeof(LOOP_NAME) + 16];
    char status[sizeof(LOOP_NAME) + 16 + sizeof(LOOP_REASON)];
} loop_kept;

static loop_kept *loop_server;

apr_status_t reproxy_loop_start(void)
{
    static const char key[] = "switchboard_reproxy_loop";
    unsigned char random[8];
    char hex[2 * sizeof(random) + 1];
    apr_status_t rv;

    loop_server = ap_retained_data_get(key);
    if (loop_server) {
        return APR_SUCCESS;
    }
    rv = apr_generate_random_bytes(random, sizeof(random));
    if (rv != APR_SUCCESS) {
        return rv;
    }
    loop_server = ap_retained_data_create(key, sizeof(*loop_server));
    ap_bin2hex(random, sizeof(random), hex);
    apr_snprintf(loop_server->id, sizeof(loop_server->id), LOOP_NAME "%s",
                 hex);
    apr_snprintf(loop_server->status, sizeof(loop_server->status),
                 "%s" LOOP_REASON, loop_server->id);
    return APR_SUCCESS;
}

static int loop_rounds(request_rec *r)
{
    const char *field = apr_table_getm(r->pool, r->headers_in,
                                       REPROXY_LOOP_HEADER);

    return field ? hostmap_loop_count(field, loop_server->id) : 0;
}

int reproxy_loop_is(request_rec *r)
{
    return loop_rounds(r) >= LOOP_ROUNDS;
}

int reproxy_loop_refuse(request_rec *r)
{
    if (loop_rounds(r) == 0) {
        /* the client, which knows nothing of this */
        return HTTP_BAD_GATEWAY;
    }
    apr_table_setn(r->err_headers_out, REPROXY_STATUS_HEADER,
                   loop_server->status);
    return HTTP_LOOP_DETECTED;
}

void reproxy_loop_mark(apr_table_t *headers)
{
    apr_table_mergen(headers, REPROXY_LOOP_HEADER, loop_server->id);
}

int reproxy_loop_answered(request_rec *r)
{
    const char *field;

    if (r->status != HTTP_LOOP_DETECTED) {
        return 0;
    }
    field = apr_table_getm(r->pool, r->headers_out, REPROXY_STATUS_HEADER);
    return field && hostmap_loop_count(field, loop_server->id);
}

/* SPDX-License-Identifier: Apache-2.0 */

/*
 * get_http.c: one GET.  HTTP/1.0, so that the answer ends with the connection
 * and has no coding.
 */

#include "get_http.h"

#include <stdlib.h>
#include <string.h>

#include "apr_network_io.h"
#include "apr_strings.h"
#include "apr_uri.h"

#include "message.h"

#define HTTP_TIMEOUT apr_time_from_sec(10)

static apr_status_t http_parse(apr_uri_t *uri, const char *url,
                               apr_pool_t *pool, hostmap_reason *why)
{
    const char *c;

    for (c = url; *c; c++) {
        if ((unsigned char)*c <= ' ' || *c == 0x7f) {
            return hostmap_fail(why, HOSTMAP_EFORMAT, "no URL has such a byte");
        }
    }
    if (apr_uri_parse(pool, url, uri) != APR_SUCCESS || !uri->scheme
        || strcmp(uri->scheme, "http") != 0 || !uri->hostname
        || !*uri->hostname
        || uri->user) {
        return hostmap_fail(why, HOSTMAP_EFORMAT, "expected "
                            "http://host[:port][/path]");
    }
    if (!uri->port_str) {
        uri->port = 80;
    }
    return APR_SUCCESS;
}

static apr_status_t http_connect(apr_socket_t **socket, const apr_uri_t *uri,
                                 apr_pool_t *pool, hostmap_reason *why)
{
    apr_sockaddr_t *address;
    apr_status_t rv;

    rv = apr_sockaddr_info_get(&address, uri->hostname, APR_UNSPEC, uri->port,
                               0, pool);
    if (rv != APR_SUCCESS) {
        return hostmap_fail(why, rv, "the name cannot be resolved");
    }
    for (; address; address = address->next) {
        rv = apr_socket_create(socket, address->family, SOCK_STREAM,
                               APR_PROTO_TCP, pool);
        if (rv != APR_SUCCESS) {
            continue;
        }
        apr_socket_timeout_set(*socket, HTTP_TIMEOUT);
        rv = apr_socket_connect(*socket, address);
        if (rv == APR_SUCCESS) {
            return rv;
        }
        apr_socket_close(*socket);
    }
    return hostmap_fail(why, rv, "cannot connect");
}

static apr_status_t http_send(apr_socket_t *socket, const char *text)
{
    apr_size_t left = strlen(text);
    apr_status_t rv = APR_SUCCESS;

    while (left > 0 && rv == APR_SUCCESS) {
        apr_size_t len = left;

        rv = apr_socket_send(socket, text, &len);
        text += len;
        left -= len;
    }
    return rv;
}

/* All until the end of the connection, malloc'ed. */
static apr_status_t http_receive(hostmap_str *answer, apr_socket_t *socket,
                                 hostmap_reason *why)
{
    apr_size_t size = 1 << 16, used = 0;
    char *bytes = tool_realloc(NULL, size);
    apr_status_t rv = APR_SUCCESS;

    while (rv == APR_SUCCESS && used < GET_HTTP_MAX) {
        apr_size_t len;

        if (used == size) {
            size *= 2;
            bytes = tool_realloc(bytes, size);
        }
        len = size - used;
        rv = apr_socket_recv(socket, bytes + used, &len);
        used += len;
    }
    *answer = hostmap_str_of(bytes, used);
    if (rv == APR_SUCCESS) {
        return hostmap_fail(why, HOSTMAP_EFORMAT, "the answer is longer than "
                            "%d bytes", GET_HTTP_MAX);
    }
    if (!APR_STATUS_IS_EOF(rv)) {
        return hostmap_fail(why, rv, "no whole answer");
    }
    return APR_SUCCESS;
}

/* The body of an answer with status 200. */
static apr_status_t http_judge(hostmap_str *body, hostmap_str answer,
                               apr_pool_t *pool, hostmap_reason *why)
{
    const char *text = apr_pstrmemdup(pool, answer.ptr, answer.len);
    const char *end = strstr(text, "\r\n\r\n");
    int status = 0;

    if (strncmp(text, "HTTP/1.", 7) == 0 && strlen(text) > 12) {
        status = atoi(text + 9);
    }
    if (status < 100 || !end) {
        return hostmap_fail(why, HOSTMAP_EFORMAT, "what answers is no HTTP "
                            "server");
    }
    if (status != 200) {
        return hostmap_fail(why, HOSTMAP_EFORMAT, "answered with status %d%s",
                            status, status == 403 ? ", see Require in the "
                            "configuration" : "");
    }
    *body = hostmap_str_of(end + 4, answer.len - (apr_size_t)(end + 4 - text));
    return APR_SUCCESS;
}

apr_status_t get_http(hostmap_str *body, const char *url, const char *accept,
                      apr_pool_t *pool, hostmap_reason *why)
{
    hostmap_str answer = { NULL, 0 };
    apr_socket_t *socket;
    const char *request;
    apr_uri_t uri;
    apr_status_t rv;

    rv = http_parse(&uri, url, pool, why);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = http_connect(&socket, &uri, pool, why);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    request = apr_pstrcat(pool, "GET ", uri.path ? uri.path : "/",
                          uri.query ? "?" : "", uri.query ? uri.query : "",
                          " HTTP/1.0\r\nHost: ", uri.hostinfo,
                          "\r\nAccept: ", accept, "\r\n\r\n", NULL);
    rv = http_send(socket, request);
    rv = rv == APR_SUCCESS ? http_receive(&answer, socket, why)
                           : hostmap_fail(why, rv, "cannot send");
    apr_socket_close(socket);
    if (rv == APR_SUCCESS) {
        rv = http_judge(body, answer, pool, why);
    }
    free((char *)answer.ptr);
    return rv;
}

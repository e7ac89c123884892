/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file get_http.h
 * @brief What a URL answers: one GET over HTTP, without TLS.
 */

#ifndef HOSTMAP_GET_HTTP_H
#define HOSTMAP_GET_HTTP_H

#include "apr_errno.h"
#include "apr_pools.h"

#include "base/str.h"
#include "hostmap/store/hostmap_reason.h"

/** The longest answer that is read. */
#define GET_HTTP_MAX (64 << 20)

/**
 * Ask, and wait for all of the answer: at most 10 seconds for each part of it.
 * @param body set to the answer, in pool
 * @param url http://host[:port][/path][?query]
 * @param accept the Accept header
 * @param pool what the answer and the request take of it stays until it is
 *        cleared
 * @param why what is wrong
 * @return APR_SUCCESS: it was answered with 200; HOSTMAP_EFORMAT: no such URL,
 *         or another answer; else the error of the system
 */
apr_status_t get_http(hostmap_str *body, const char *url, const char *accept,
                      apr_pool_t *pool, hostmap_reason *why);

#endif /* HOSTMAP_GET_HTTP_H */

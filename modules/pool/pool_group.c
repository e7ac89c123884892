/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Groups of backends.
 *
 * A member that fails is left for the next one within the same request when
 * that is safe: with any method when nothing was sent to it (mod_proxy answers
 * 503 for a connection that it could not make), with an idempotent one without
 * a body also later, as long as the client has got nothing.  An output filter
 * before all others of the request sees the response's beginning: a status that
 * is a failure for the group is swallowed; anything else goes on, and from then
 * on the filter is gone, so that streams are not held.
 *
 * What this relies on in mod_proxy, by name: the note uds_path (the socket of
 * the backend), the note proxy_timedout, and the userdata proxy-req-input,
 * where mod_proxy_http keeps the part of a body that it has read already; that
 * must stay for the next member.
 */

#include "pool_group.h"

#include "apr_strings.h"
#include "http_log.h"
#include "http_protocol.h"
#include "http_request.h"
#include "mod_proxy.h"
#include "util_cookies.h"
#include "util_filter.h"

#include "base/limit.h"
#include "pool_attempt.h"
#include "pool_health_core.h"
#include "pool_request.h"

extern module AP_MODULE_DECLARE_DATA proxy_pool_module;
APLOG_USE_MODULE(proxy_pool);

#define POOL_GROUP_FILTER "PROXY_POOL_GROUP"
/* Of the body of a response that is a failure: beyond this a new connection is
 * the cheaper one. */
#define POOL_SWALLOW_MAX (64 * 1024)

static ap_filter_rec_t *pool_group_filter_handle;
static hostmap_limit_table pool_none_logged;
static apr_uint32_t pool_turn;

/* ---- who may serve ------------------------------------------------------ */

/* The same in each child, on each front end, and after a restart. */
static apr_uint64_t pool_member_id(const char *origin)
{
    apr_uint64_t id = APR_UINT64_C(0xcbf29ce484222325);

    while (*origin) {
        id = (id ^ (unsigned char)*origin++) * APR_UINT64_C(0x100000001b3);
    }
    return id ? id : 1;
}

static apr_uint64_t pool_sticky_of(const proxy_pool_group *group,
                                   request_rec *r)
{
    const char *value = NULL;
    char *end;
    apr_uint64_t id;

    if (!group->sticky
        || ap_cookie_read(r, group->sticky, &value, 0) != APR_SUCCESS
        || !value || strlen(value) != 16) {
        return 0;
    }
    id = (apr_uint64_t)strtoull(value, &end, 16);
    return *end ? 0 : id;
}

/* What all children know of the members, now. */
static void pool_members_see(pool_group *group, apr_time_t now)
{
    unsigned i;

    for (i = 0; i < group->group->count; i++) {
        pool_flight_member(&group->members[i],
                           group->group->members[i].origin,
                           group->left > 0 && group->repeatable, now);
    }
}

void pool_group_begin(pool_group *group, request_rec *r)
{
    const proxy_pool_group *spec = group->group;
    unsigned i;

    for (i = 0; i < spec->count; i++) {
        group->members[i].id = pool_member_id(spec->members[i].origin);
        group->members[i].weight = spec->members[i].weight;
        group->members[i].backup = spec->members[i].backup;
    }
    group->chosen = -1;
    group->left = spec->retries < 0 ? (int)spec->count - 1 : spec->retries;
    group->repeatable = pool_attempt_repeatable(r);
    group->headers_out = apr_table_copy(r->pool, r->headers_out);
    group->err_headers_out = apr_table_copy(r->pool, r->err_headers_out);
}

static int pool_group_choose(pool_group *group, request_rec *r)
{
    const proxy_pool_group *spec = group->group;
    apr_time_t now = apr_time_now();
    pool_choice choice;
    int found;

    choice.policy = (pool_policy)spec->policy;
    choice.hash = pool_member_id(r->useragent_ip);
    choice.sticky = pool_sticky_of(spec, r);
    do {
        choice.turn = __atomic_fetch_add(&pool_turn, 1, __ATOMIC_RELAXED);
        pool_members_see(group, now);
        found = pool_choose(&choice, group->members, (int)spec->count);
        /* a member that is out is asked by one request at a time: if another
         * one was faster, it is seen as out now */
    } while (found != -1
             && !pool_flight_claim(spec->members[found].origin, now));
    return found;
}

/* scheme://host:port of a URL. */
static const char *pool_path_of(const char *url)
{
    const char *host = ap_strchr_c(url, ':');

    if (!host || strncmp(host, "://", 3) != 0) {
        return url + strlen(url);
    }
    host += 3;
    return host + strcspn(host, "/?");
}

static void pool_log_none(const pool_group *group, request_rec *r)
{
    hostmap_limit_more more;

    if (hostmap_limit_table_pass(&pool_none_logged, &more,
                                 hostmap_str_text(group->group->about),
                                 r->request_time)) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r, "SB0108: %s: each member "
                      "of the group that may be asked has failed%s",
                      group->group->about, more.text);
    }
}

int pool_group_next(pool_group *group, request_rec *r, char **url)
{
    const char *origin, *bar;
    int found = pool_group_choose(group, r);

    if (found == -1) {
        pool_log_none(group, r);
        return 0;
    }
    group->chosen = found;
    group->members[found].tried = 1;
    origin = group->group->members[found].origin;
    bar = ap_strchr_c(origin, '|');
    if (bar) {
        apr_table_setn(r->notes, "uds_path",
                       apr_pstrndup(r->pool, origin + strlen("unix:"),
                                    bar - origin - strlen("unix:")));
        origin = bar + 1;
    }
    else {
        apr_table_unset(r->notes, "uds_path");
    }
    *url = apr_pstrcat(r->pool, origin, pool_path_of(*url), NULL);
    r->filename = apr_pstrcat(r->pool, "proxy:", *url, NULL);
    return 1;
}

hostmap_str pool_group_words(const pool_group *group)
{
    const proxy_pool_member *member = &group->group->members[group->chosen];

    return hostmap_str_of(member->words, member->words_len);
}

/* ---- the response ------------------------------------------------------- */

static int pool_is_failure(const proxy_pool_group *group, int status)
{
    const int *at = group->failon;

    while (*at && *at != status) {
        at++;
    }
    return *at != 0;
}

/* Keeps the client at this member; the value says nothing of its address to
 * who does not know it. */
static void pool_set_cookie(const pool_group *group, request_rec *r)
{
    const proxy_pool_group *spec = group->group;
    apr_uint64_t id = group->members[group->chosen].id;

    if (spec->sticky && pool_sticky_of(spec, r) != id) {
        apr_table_addn(r->headers_out, "Set-Cookie",
                       apr_psprintf(r->pool, "%s=%016" APR_UINT64_T_HEX_FMT
                                    "; Path=/; HttpOnly; SameSite=Lax%s",
                                    spec->sticky, id,
                                    strcmp(ap_http_scheme(r), "https") == 0
                                    ? "; Secure" : ""));
    }
}

static apr_status_t pool_swallow(pool_group *group, apr_bucket_brigade *bb)
{
    apr_off_t length = 0;

    apr_brigade_length(bb, 0, &length);
    apr_brigade_cleanup(bb);
    group->swallowed += length > 0 ? length : 0;
    /* an error has mod_proxy close the connection */
    return group->swallowed > POOL_SWALLOW_MAX ? APR_ENOSPC : APR_SUCCESS;
}

static apr_status_t pool_group_filter(ap_filter_t *f, apr_bucket_brigade *bb)
{
    pool_group *group = f->ctx;

    if (group->judging && !APR_BRIGADE_EMPTY(bb)) {
        group->judging = 0;
        group->failed = pool_is_failure(group->group, f->r->status);
        group->rejected = group->failed && group->left > 0
                          && group->repeatable;
        if (!group->rejected) {
            pool_set_cookie(group, f->r);
        }
    }
    if (group->rejected) {
        return pool_swallow(group, bb);
    }
    ap_remove_output_filter(f);
    return ap_pass_brigade(f->next, bb);
}

void pool_group_watch(pool_group *group, request_rec *r)
{
    group->judging = 1;
    group->failed = group->rejected = 0;
    group->swallowed = 0;
    ap_add_output_filter_handle(pool_group_filter_handle, group, r,
                                r->connection);
}

static void pool_unwatch(request_rec *r)
{
    ap_filter_t *f, *next;

    for (f = r->output_filters; f; f = next) {
        next = f->next;
        if (f->frec == pool_group_filter_handle && f->r == r) {
            ap_remove_output_filter(f);
        }
    }
}

/* The response as it was before the first attempt. */
static void pool_reset(const pool_group *group, request_rec *r, int sent)
{
    r->status = HTTP_OK;
    r->status_line = NULL;
    r->headers_out = apr_table_copy(r->pool, group->headers_out);
    r->err_headers_out = apr_table_copy(r->pool, group->err_headers_out);
    r->trailers_out = apr_table_make(r->pool, 5);
    r->content_type = NULL;
    r->content_encoding = NULL;
    r->content_languages = NULL;
    r->clength = 0;
    r->chunked = 0;
    r->sent_bodyct = 0;
    r->eos_sent = 0;
    apr_table_unset(r->notes, "error-notes");
    apr_table_unset(r->notes, "verbose-error-to");
    apr_table_unset(r->notes, "proxy_timedout");
    apr_table_unset(r->notes, "proxy-status");
    if (sent) {
        apr_pool_userdata_setn(NULL, "proxy-req-input", NULL, r->pool);
    }
}

/* Was nothing of the request sent?  uwsgi's handler answers 503 also when
 * sending broke off. */
static int pool_is_unsent(int rc, const pool_request *state)
{
    return rc == HTTP_SERVICE_UNAVAILABLE && !state->attempt.opened
           && !state->attempt.connected && !state->attempt.answered
           && strncmp(state->name, "uwsgi:", 6) != 0;
}

int pool_group_is_failed(const pool_group *group, int rc, int answered)
{
    /* with ProxyErrorOverride the status of the answer is what is returned */
    return group->failed || (answered && pool_is_failure(group->group, rc));
}

int pool_group_failed(pool_group *group, request_rec *r, int rc,
                      const pool_request *state)
{
    int unsent = pool_is_unsent(rc, state);
    int failed = group->rejected || unsent;

    if (!failed && group->repeatable && rc >= 500) {
        failed = state->attempt.answered ? pool_is_failure(group->group, rc)
                                         : 1;
    }
    pool_unwatch(r);
    if (failed && group->left == 0) {
        pool_log_none(group, r);
        return 0;
    }
    /* judging: nothing was passed on */
    if (!failed || !(group->judging || group->rejected)
        || r->connection->aborted) {
        return 0;
    }
    group->left--;
    ap_log_rerror(APLOG_MARK, APLOG_DEBUG, 0, r, "SB0109: %s: %s has failed "
                  "with %d: another member is asked", group->group->about,
                  state->name, group->rejected ? r->status : rc);
    pool_reset(group, r, !unsent);
    return 1;
}

void pool_group_register(void)
{
    /* before mod_reproxy's filter, which judges what the app's members leave */
    pool_group_filter_handle =
        ap_register_output_filter(POOL_GROUP_FILTER, pool_group_filter, NULL,
                                  (ap_filter_type)(AP_FTYPE_RESOURCE - 6));
}

/* SPDX-License-Identifier: Apache-2.0 */

/*
 * mod_reproxy.c: the app says where the bytes are, httpd serves them.
 *
 * Owns the directives, and the way of a request in their scope: the app's
 * handler runs, its answer is read, and the URLs that it names are tried until
 * one can be served.  One mechanism serves every kind of app: our handler
 * comes before all others and runs them itself.  What happens on that way has
 * its files, reproxy.h lists them; transport is mod_proxy's.
 *
 * Writes no shared state while it serves: what a request needs lies in its
 * request_config.
 */

#include "apr_hash.h"
#include "apr_lib.h"
#include "apr_strings.h"

#include "httpd.h"
#include "http_config.h"
#include "http_core.h"
#include "http_log.h"
#include "http_protocol.h"
#include "http_request.h"
#include "ap_mpm.h"
#include "mod_proxy.h"

#include "reproxy_allow_core.h"
#include "reproxy_headers_core.h"
#include "base/limit.h"
#include "reproxy.h"

module AP_MODULE_DECLARE_DATA reproxy_module;

#define MAX_URLS_DEFAULT 8
#define MAX_URLS_MOST 1000
#define TIMEOUT_DEFAULT apr_time_from_sec(10)
#define POOL_WORDS(msec) "connectiontimeout=" msec "ms"
#define POOL_WORDS_DEFAULT POOL_WORDS("10000")
#define TIMEOUT_LEAST apr_time_from_msec(1)

/* Messages about what repeats are held back by what they are about. */
#define SAID_SLOTS 64

static hostmap_limit said[REPROXY_SAID_KINDS][SAID_SLOTS];

/* Where AllowReproxy was switched on, while the configuration is read. */
typedef struct switched_on {
    const reproxy_conf *conf;
    server_rec *server;
    const ap_directive_t *directive;
} switched_on;

static apr_array_header_t *all_switched_on;

/* ---- configuration ----------------------------------------------------- */

static void *reproxy_dir_create(apr_pool_t *p, char *dir)
{
    reproxy_conf *conf = apr_pcalloc(p, sizeof(*conf));

    (void)dir;
    conf->enabled = -1;
    return conf;
}

static void *reproxy_dir_merge(apr_pool_t *p, void *basev, void *addv)
{
    reproxy_conf *conf = apr_palloc(p, sizeof(*conf));
    const reproxy_conf *base = basev, *add = addv;

    conf->enabled = add->enabled != -1 ? add->enabled : base->enabled;
    conf->max_urls = add->max_urls ? add->max_urls : base->max_urls;
    conf->timeout = add->timeout ? add->timeout : base->timeout;
    conf->pool_words = add->timeout ? add->pool_words : base->pool_words;
    conf->preserve = add->preserve ? add->preserve : base->preserve;
    conf->forward = add->forward ? add->forward : base->forward;
    conf->allow = add->allow ? add->allow : base->allow;
    conf->roots = add->roots ? add->roots : base->roots;
    return conf;
}

/* AllowOverrideList lets a .htaccess file use any directive that a directory
 * may have: here that would be its author's word on where httpd goes. */
#define NOT_OF_HTACCESS(cmd) \
    do { \
        const char *refused_ = ap_check_cmd_context((cmd), NOT_IN_HTACCESS); \
        if (refused_) { \
            return refused_; \
        } \
    } while (0)

static const char *set_enable(cmd_parms *cmd, void *dconf, int flag)
{
    reproxy_conf *conf = dconf;
    switched_on *on;

    NOT_OF_HTACCESS(cmd);
    conf->enabled = flag;
    if (flag && all_switched_on) {
        on = apr_array_push(all_switched_on);
        on->conf = conf;
        on->server = cmd->server;
        on->directive = cmd->directive;
    }
    return NULL;
}

static void list_add(cmd_parms *cmd, apr_array_header_t **list,
                     const char *item)
{
    if (!*list) {
        *list = apr_array_make(cmd->pool, 4, sizeof(const char *));
    }
    APR_ARRAY_PUSH(*list, const char *) = item;
}

static const char *header_name_wrong(cmd_parms *cmd, const char *name)
{
    const char *wrong = NULL;

    if (!reproxy_header_is_name(name)) {
        wrong = "is not the name of a header";
    }
    else if (reproxy_header_is_framing(name)) {
        wrong = "belongs to one message or one connection and cannot be "
                "carried over";
    }
    return wrong ? apr_pstrcat(cmd->pool, cmd->cmd->name, ": `", name, "` ",
                               wrong, NULL) : NULL;
}

static const char *set_preserve(cmd_parms *cmd, void *dconf, const char *arg)
{
    reproxy_conf *conf = dconf;
    const char *wrong;

    NOT_OF_HTACCESS(cmd);
    wrong = header_name_wrong(cmd, arg);
    if (!wrong) {
        list_add(cmd, &conf->preserve, arg);
    }
    return wrong;
}

static const char *set_forward(cmd_parms *cmd, void *dconf, const char *arg)
{
    reproxy_conf *conf = dconf;
    const char *wrong;

    NOT_OF_HTACCESS(cmd);
    wrong = header_name_wrong(cmd, arg);
    if (!wrong) {
        list_add(cmd, &conf->forward, arg);
    }
    return wrong;
}

static const char *set_allow(cmd_parms *cmd, void *dconf, const char *arg)
{
    reproxy_conf *conf = dconf;
    reproxy_allow rule;
    hostmap_bad bad;

    NOT_OF_HTACCESS(cmd);
    if (reproxy_allow_parse(&rule, arg, strlen(arg), &bad) != APR_SUCCESS) {
        return apr_psprintf(cmd->pool, "ReproxyAllow: `%s`: %s at column %"
                            APR_SIZE_T_FMT, arg, bad.reason, bad.pos + 1);
    }
    if (!conf->allow) {
        conf->allow = apr_array_make(cmd->pool, 4, sizeof(rule));
    }
    APR_ARRAY_PUSH(conf->allow, reproxy_allow) = rule;
    return NULL;
}

static const char *set_root(cmd_parms *cmd, void *dconf, const char *arg)
{
    reproxy_conf *conf = dconf;
    char *folder;
    apr_size_t len;

    NOT_OF_HTACCESS(cmd);
    folder = *arg ? ap_server_root_relative(cmd->pool, arg) : NULL;
    if (!folder) {
        return apr_pstrcat(cmd->pool, "ReproxyFileRoot: `", arg, "` is not a "
                           "path", NULL);
    }
    folder = apr_pstrdup(cmd->pool, folder);
    for (len = strlen(folder); len > 0 && folder[len - 1] == '/'; len--) {
        folder[len - 1] = '\0';
    }
    if (!*folder) {
        return apr_pstrcat(cmd->pool, "ReproxyFileRoot: `", arg, "` would "
                           "let apps name every file", NULL);
    }
    list_add(cmd, &conf->roots, folder);
    return NULL;
}

static const char *set_max_urls(cmd_parms *cmd, void *dconf, const char *arg)
{
    char *end;
    apr_int64_t max = apr_strtoi64(arg, &end, 10);

    NOT_OF_HTACCESS(cmd);
    if (*end || end == arg || max < 1 || max > MAX_URLS_MOST) {
        return apr_pstrcat(cmd->pool, "ReproxyMaxURLs: `", arg, "` is not a "
                           "number of 1 to "
                           APR_STRINGIFY(MAX_URLS_MOST), NULL);
    }
    ((reproxy_conf *)dconf)->max_urls = (int)max;
    return NULL;
}

static const char *set_timeout(cmd_parms *cmd, void *dconf, const char *arg)
{
    reproxy_conf *conf = dconf;
    apr_interval_time_t timeout;

    NOT_OF_HTACCESS(cmd);
    if (ap_timeout_parameter_parse(arg, &timeout, "s") != APR_SUCCESS
        || timeout < TIMEOUT_LEAST) {
        return apr_pstrcat(cmd->pool, "ReproxyTimeout: `", arg, "` is not a "
                           "time of at least 1ms", NULL);
    }
    conf->timeout = timeout;
    conf->pool_words = apr_psprintf(cmd->pool, POOL_WORDS("%" APR_TIME_T_FMT),
                                    apr_time_as_msec(timeout));
    return NULL;
}

static const command_rec reproxy_directives[] = {
    AP_INIT_FLAG("AllowReproxy", set_enable, NULL, RSRC_CONF | ACCESS_CONF,
                 "On: apps may answer with X-Reproxy-URL or X-Reproxy-File"),
    AP_INIT_ITERATE("PreserveHeaders", set_preserve, NULL,
                    RSRC_CONF | ACCESS_CONF,
                    "headers of the app's answer that the response keeps"),
    AP_INIT_ITERATE("ReproxyAllow", set_allow, NULL, RSRC_CONF | ACCESS_CONF,
                    "URL prefixes and *.suffixes that apps may name"),
    AP_INIT_ITERATE("ReproxyFileRoot", set_root, NULL, RSRC_CONF | ACCESS_CONF,
                    "folders whose files apps may name in X-Reproxy-File"),
    AP_INIT_ITERATE("ReproxyForwardHeaders", set_forward, NULL,
                    RSRC_CONF | ACCESS_CONF,
                    "headers of the client that storage is sent besides"),
    AP_INIT_TAKE1("ReproxyMaxURLs", set_max_urls, NULL,
                  RSRC_CONF | ACCESS_CONF,
                  "how many URLs of an answer are tried"),
    AP_INIT_TAKE1("ReproxyTimeout", set_timeout, NULL,
                  RSRC_CONF | ACCESS_CONF,
                  "for how long an attempt connects, and waits for its first "
                  "byte"),
    { NULL }
};

/* ---- a request --------------------------------------------------------- */

static int serve_plain(request_rec *r);
static int serve_app(request_rec *r, const reproxy_conf *conf);
static int serve_answer(reproxy_request *state);
static reproxy_result try_urls(reproxy_request *state, int *rc);
static reproxy_result try_url(reproxy_request *state, hostmap_str word,
                              int *rc);
static int answer_failure(reproxy_request *state);

static int reproxy_handler(request_rec *r)
{
    const reproxy_conf *conf;

    if (reproxy_request_of(r)) {
        /* it is us who run the handlers */
        return DECLINED;
    }
    conf = ap_get_module_config(r->per_dir_config, &reproxy_module);
    if (conf->enabled != 1 || r->main) {
        return serve_plain(r);
    }
    return serve_app(r, conf);
}

/* Out of scope: nothing is done, but to undo what a request in scope that was
 * redirected to this one has left in what they share. */
static int serve_plain(request_rec *r)
{
    if (r->main) {
        /* what it shares with its main request, which may be in scope */
        r->headers_in = apr_table_copy(r->pool, r->headers_in);
        apr_table_unset(r->headers_in, REPROXY_CAPABILITIES);
        apr_table_unset(r->subprocess_env, REPROXY_CAPABILITIES_ENV);
    }
    else if (r->prev) {
        apr_table_unset(r->headers_in, REPROXY_CAPABILITIES);
        if (reproxy_request_of(r->prev)) {
            reproxy_headers_strip(r);
        }
    }
    return DECLINED;
}

static const reproxy_conf *conf_resolve(request_rec *r,
                                        const reproxy_conf *said_conf)
{
    reproxy_conf *conf = apr_pmemdup(r->pool, said_conf, sizeof(*conf));

    if (!conf->max_urls) {
        conf->max_urls = MAX_URLS_DEFAULT;
    }
    if (!conf->timeout) {
        conf->timeout = TIMEOUT_DEFAULT;
        conf->pool_words = POOL_WORDS_DEFAULT;
    }
    return conf;
}

static int serve_app(request_rec *r, const reproxy_conf *conf)
{
    reproxy_request *state = apr_pcalloc(r->pool, sizeof(*state));
    int rc;

    state->r = r;
    state->conf = conf_resolve(r, conf);
    ap_set_module_config(r->request_config, &reproxy_module, state);
    reproxy_headers_strip(r);
    reproxy_slate_save(state);
    apr_table_setn(r->headers_in, REPROXY_CAPABILITIES, REPROXY_CAPABLE);
    reproxy_gate_insert(state);
    rc = ap_run_handler(r);
    if (state->gate == REPROXY_GATE_SWALLOW) {
        return serve_answer(state);
    }
    if (state->gate == REPROXY_GATE_WATCH) {
        /* a status, whose document is made elsewhere */
        reproxy_headers_strip(r);
        state->gate = REPROXY_GATE_OPEN;
    }
    return rc;
}

static int is_served(reproxy_result result)
{
    return result == REPROXY_OK || result == REPROXY_ABORTED;
}

static int serve_answer(reproxy_request *state)
{
    int rc = OK;

    state->answered = 1;
    state->host = "-";
    if (state->answer.urls.ptr) {
        state->result = try_urls(state, &rc);
    }
    else {
        state->attempts = 1;
        state->result = reproxy_file_run(state, &rc);
    }
    if (is_served(state->result)) {
        return rc;
    }
    return answer_failure(state);
}

int reproxy_may_say(request_rec *r, reproxy_said kind, const char *about,
                    const char **more)
{
    apr_ssize_t len = APR_HASH_KEY_STRING;
    unsigned int slot = apr_hashfunc_default(about, &len) % SAID_SLOTS;
    apr_uint32_t held;

    if (!hostmap_limit_pass(&said[kind][slot], r->request_time, &held)) {
        return 0;
    }
    *more = held ? apr_psprintf(r->pool, " (%u more since the last time)",
                                held) : "";
    return 1;
}

static reproxy_result try_urls(reproxy_request *state, int *rc)
{
    reproxy_result result = REPROXY_BAD_URL;
    request_rec *r = state->r;
    hostmap_str rest = state->answer.urls, word;
    const char *more;

    while (reproxy_url_next(&word, &rest)) {
        if (state->attempts == state->conf->max_urls) {
            if (reproxy_may_say(r, REPROXY_SAID_MANY, r->uri, &more)) {
                ap_log_rerror(APLOG_MARK, APLOG_WARNING, 0, r, "SB0202: the "
                              "app named more than %d URLs (ReproxyMaxURLs): "
                              "the others were not tried%s",
                              state->conf->max_urls, more);
            }
            break;
        }
        state->attempts++;
        result = try_url(state, word, rc);
        if (is_served(result) || r->connection->aborted) {
            break;
        }
    }
    return result;
}

/* In the order of reproxy_result. */
static const char *const result_words[] = {
    "ok", "aborted", "bad-url", "denied", "unreachable", "timeout", "broken",
    "status", "size", "file"
};

static reproxy_result try_url(reproxy_request *state, hostmap_str word,
                              int *rc)
{
    request_rec *r = state->r;
    reproxy_result result;
    reproxy_url url;
    hostmap_bad bad;
    const char *more;

    state->host = "-";
    if (reproxy_url_parse(&url, word.ptr, word.len, &bad) != APR_SUCCESS) {
        if (reproxy_may_say(r, REPROXY_SAID_REFUSED, bad.reason, &more)) {
            ap_log_rerror(APLOG_MARK, APLOG_WARNING, 0, r, "SB0201: URL %d of "
                          "the app is refused: %s at column %" APR_SIZE_T_FMT
                          "%s", state->attempts, bad.reason, bad.pos + 1,
                          more);
        }
        return REPROXY_BAD_URL;
    }
    state->host = apr_pstrmemdup(r->pool, url.host.ptr, url.host.len);
    result = reproxy_attempt_run(state, &url, rc);
    if (result == REPROXY_DENIED
        && reproxy_may_say(r, REPROXY_SAID_REFUSED, state->host, &more)) {
        ap_log_rerror(APLOG_MARK, APLOG_WARNING, 0, r, "SB0206: URL %d of the "
                      "app, at %s, is not allowed by ReproxyAllow or a "
                      "<Proxy> section%s", state->attempts, state->host, more);
    }
    ap_log_rerror(APLOG_MARK, result == REPROXY_OK ? APLOG_DEBUG : APLOG_INFO,
                  0, r, "SB0207: URL %d of the app, at %s: %s",
                  state->attempts, state->host, result_words[result]);
    return result;
}

/* Nothing of storage's is shown: its error pages are not the app's. */
static int answer_failure(reproxy_request *state)
{
    request_rec *r = state->r;
    const char *more;

    reproxy_slate_wipe(state);
    /* ap_die() asks it whether an error's document has failed */
    r->status = state->before.status;
    state->gate = REPROXY_GATE_OPEN;
    if (r->connection->aborted) {
        return DONE;
    }
    /* of a file it was said why */
    if (state->result != REPROXY_FILE
        && reproxy_may_say(r, REPROXY_SAID_FAILED, state->host, &more)) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r, "SB0203: nothing "
                      "that the app named could be served: %d tried, the last "
                      "one, at %s: %s%s", state->attempts, state->host,
                      result_words[state->result], more);
    }
    return state->result == REPROXY_TIMEOUT ? HTTP_GATEWAY_TIME_OUT
                                            : HTTP_BAD_GATEWAY;
}

/* The capability is ours to announce.  Apps see `-` and `_` (and others) as
 * one in an environment's names. */
static int is_capabilities(const char *name)
{
    const char *wanted = REPROXY_CAPABILITIES;

    for (; *wanted && *name; wanted++, name++) {
        if (*wanted == '-' ? apr_isalnum(*name)
                           : apr_tolower(*wanted) != apr_tolower(*name)) {
            return 0;
        }
    }
    return !*wanted && !*name;
}

static int reproxy_post_read_request(request_rec *r)
{
    const apr_array_header_t *array = apr_table_elts(r->headers_in);
    int i;

    for (i = array->nelts - 1; i >= 0; i--) {
        const char *name = APR_ARRAY_IDX(array, i, apr_table_entry_t).key;

        if (is_capabilities(name)) {
            apr_table_unset(r->headers_in, name);
            i = array->nelts;
        }
    }
    return DECLINED;
}

/* For LogFormat: %{reproxy-url}n and the others, on the request that is
 * logged, which an ErrorDocument may have followed. */
static int reproxy_log(request_rec *r)
{
    const reproxy_request *state = NULL;
    request_rec *last = r;

    for (; r; r = r->next) {
        const reproxy_request *its = reproxy_request_of(r);

        if (its && its->answered) {
            state = its;
        }
        last = r;
    }
    if (state) {
        apr_table_setn(last->notes, "reproxy-url", state->host);
        apr_table_setn(last->notes, "reproxy-attempts",
                       apr_itoa(last->pool, state->attempts));
        apr_table_setn(last->notes, "reproxy-result",
                       result_words[state->result]);
    }
    return DECLINED;
}

/* ---- start ------------------------------------------------------------- */

static int reproxy_pre_config(apr_pool_t *p, apr_pool_t *plog,
                              apr_pool_t *ptemp)
{
    (void)plog;
    (void)ptemp;
    all_switched_on = apr_array_make(p, 4, sizeof(switched_on));
    return OK;
}

/* Said once: any URL that an app names is fetched. */
static void warn_unlimited(void)
{
    int i;

    for (i = 0; i < all_switched_on->nelts; i++) {
        const switched_on *on = &APR_ARRAY_IDX(all_switched_on, i,
                                               switched_on);
        const reproxy_conf *outer =
            ap_get_module_config(on->server->lookup_defaults,
                                 &reproxy_module);

        if (on->conf->enabled == 1 && !on->conf->allow && !outer->allow) {
            ap_log_error(APLOG_MARK, APLOG_WARNING, 0, on->server, "SB0208: "
                         "AllowReproxy is On without a ReproxyAllow (%s:%d): "
                         "an app may have any http or https URL fetched, "
                         "inside this network too", on->directive->filename,
                         on->directive->line_num);
            return;
        }
    }
}

static int reproxy_post_config(apr_pool_t *p, apr_pool_t *plog,
                               apr_pool_t *ptemp, server_rec *main_server)
{
    (void)p;
    (void)plog;
    (void)ptemp;
    (void)main_server;
    if (ap_state_query(AP_SQ_MAIN_STATE) != AP_SQ_MS_CREATE_PRE_CONFIG) {
        warn_unlimited();
        reproxy_attempt_prepare();
    }
    /* what is read from now on is .htaccess files */
    all_switched_on = NULL;
    return OK;
}

static void reproxy_register_hooks(apr_pool_t *p)
{
    (void)p;
    ap_hook_pre_config(reproxy_pre_config, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_post_config(reproxy_post_config, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_post_read_request(reproxy_post_read_request, NULL, NULL,
                              APR_HOOK_REALLY_FIRST);
    ap_hook_handler(reproxy_handler, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_log_transaction(reproxy_log, NULL, NULL, APR_HOOK_REALLY_FIRST);
    reproxy_gate_register();
    reproxy_gather_register();
    reproxy_slate_register();
    reproxy_request_register();
    reproxy_timeout_register();
}

AP_DECLARE_MODULE(reproxy) = {
    STANDARD20_MODULE_STUFF,
    reproxy_dir_create,
    reproxy_dir_merge,
    NULL,                       /* create per-server config */
    NULL,                       /* merge per-server config */
    reproxy_directives,
    reproxy_register_hooks
};

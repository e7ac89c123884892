/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The directives: what they mean, what they refuse, what a section inherits.
 * Defaults are filled in for a request (reproxy_conf_resolve), not here.
 */

#include "reproxy.h"

#include "apr_strings.h"

#include "http_core.h"
#include "http_log.h"

#include "reproxy_allow_core.h"
#include "reproxy_headers_core.h"

APLOG_USE_MODULE(reproxy);

#define CONF_MAX_URLS_DEFAULT 8
#define CONF_MAX_URLS_MOST 1000
#define CONF_TIMEOUT_DEFAULT apr_time_from_sec(10)
/* ReproxyTimeout, as an option of mod_proxy_pool. */
#define CONF_POOL_WORDS(msec) "connectiontimeout=" msec "ms"
#define CONF_POOL_WORDS_DEFAULT CONF_POOL_WORDS("10000")
#define CONF_TIMEOUT_LEAST apr_time_from_msec(1)

/* An `AllowReproxy On` of the configuration that is being read. */
typedef struct conf_switched_on {
    const reproxy_conf *conf;
    server_rec *server;
    const ap_directive_t *directive;
} conf_switched_on;

static apr_array_header_t *conf_all_switched_on;

/* ---- a section and its outer one ---------------------------------------- */

void *reproxy_conf_create(apr_pool_t *p, char *dir)
{
    reproxy_conf *conf = apr_pcalloc(p, sizeof(*conf));

    (void)dir;
    conf->enabled = -1;
    conf->file_escapes = -1;
    return conf;
}

void *reproxy_conf_merge(apr_pool_t *p, void *basev, void *addv)
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
    conf->file_escapes = add->file_escapes != -1 ? add->file_escapes
                                                 : base->file_escapes;
    return conf;
}

/* ---- directives ---------------------------------------------------------- */

/* AllowOverrideList lets a .htaccess file use any directive that a directory
 * may have: its author could then decide where httpd goes. */
#define CONF_NOT_OF_HTACCESS(cmd) \
    do { \
        const char *refused_ = ap_check_cmd_context((cmd), NOT_IN_HTACCESS); \
        if (refused_) { \
            return refused_; \
        } \
    } while (0)

static const char *conf_set_enable(cmd_parms *cmd, void *dconf, int flag)
{
    reproxy_conf *conf = dconf;
    conf_switched_on *on;

    CONF_NOT_OF_HTACCESS(cmd);
    conf->enabled = flag;
    if (flag && conf_all_switched_on) {
        on = apr_array_push(conf_all_switched_on);
        on->conf = conf;
        on->server = cmd->server;
        on->directive = cmd->directive;
    }
    return NULL;
}

static void conf_list_add(cmd_parms *cmd, apr_array_header_t **list,
                          const char *item)
{
    if (!*list) {
        *list = apr_array_make(cmd->pool, 4, sizeof(const char *));
    }
    APR_ARRAY_PUSH(*list, const char *) = item;
}

/* @param allowed NULL, or a name that is not refused */
static const char *conf_header_wrong(cmd_parms *cmd, const char *name,
                                     const char *allowed)
{
    const char *wrong = NULL;

    if (!reproxy_header_is_name(name)) {
        wrong = "is not the name of a header";
    }
    else if (reproxy_header_is_framing(name)
             && (!allowed || ap_cstr_casecmp(name, allowed) != 0)) {
        wrong = "belongs to one message or one connection and cannot be "
                "carried over";
    }
    return wrong ? apr_pstrcat(cmd->pool, cmd->cmd->name, ": `", name, "` ",
                               wrong, NULL) : NULL;
}

static const char *conf_set_preserve(cmd_parms *cmd, void *dconf,
                                     const char *arg)
{
    reproxy_conf *conf = dconf;
    const char *wrong;

    CONF_NOT_OF_HTACCESS(cmd);
    /* has an effect on files only */
    wrong = conf_header_wrong(cmd, arg, "Content-Encoding");
    if (!wrong) {
        conf_list_add(cmd, &conf->preserve, arg);
    }
    return wrong;
}

static const char *conf_set_forward(cmd_parms *cmd, void *dconf,
                                    const char *arg)
{
    reproxy_conf *conf = dconf;
    const char *wrong;

    CONF_NOT_OF_HTACCESS(cmd);
    wrong = conf_header_wrong(cmd, arg, NULL);
    if (!wrong) {
        conf_list_add(cmd, &conf->forward, arg);
    }
    return wrong;
}

static const char *conf_set_allow(cmd_parms *cmd, void *dconf, const char *arg)
{
    reproxy_conf *conf = dconf;
    reproxy_allow rule;
    hostmap_bad bad;

    CONF_NOT_OF_HTACCESS(cmd);
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

static const char *conf_set_root(cmd_parms *cmd, void *dconf, const char *arg)
{
    reproxy_conf *conf = dconf;
    char *folder;
    apr_size_t len;

    CONF_NOT_OF_HTACCESS(cmd);
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
    conf_list_add(cmd, &conf->roots, folder);
    return NULL;
}

static const char *conf_set_escapes(cmd_parms *cmd, void *dconf, int flag)
{
    CONF_NOT_OF_HTACCESS(cmd);
    ((reproxy_conf *)dconf)->file_escapes = flag;
    return NULL;
}

static const char *conf_set_max_urls(cmd_parms *cmd, void *dconf,
                                     const char *arg)
{
    char *end;
    apr_int64_t max = apr_strtoi64(arg, &end, 10);

    CONF_NOT_OF_HTACCESS(cmd);
    if (*end || end == arg || max < 1 || max > CONF_MAX_URLS_MOST) {
        return apr_pstrcat(cmd->pool, "ReproxyMaxURLs: `", arg, "` is not a "
                           "number of 1 to "
                           APR_STRINGIFY(CONF_MAX_URLS_MOST), NULL);
    }
    ((reproxy_conf *)dconf)->max_urls = (int)max;
    return NULL;
}

static const char *conf_set_timeout(cmd_parms *cmd, void *dconf,
                                    const char *arg)
{
    reproxy_conf *conf = dconf;
    apr_interval_time_t timeout;

    CONF_NOT_OF_HTACCESS(cmd);
    if (ap_timeout_parameter_parse(arg, &timeout, "s") != APR_SUCCESS
        || timeout < CONF_TIMEOUT_LEAST) {
        return apr_pstrcat(cmd->pool, "ReproxyTimeout: `", arg, "` is not a "
                           "time of at least 1ms", NULL);
    }
    conf->timeout = timeout;
    conf->pool_words = apr_psprintf(cmd->pool,
                                    CONF_POOL_WORDS("%" APR_TIME_T_FMT),
                                    apr_time_as_msec(timeout));
    return NULL;
}

const command_rec reproxy_conf_directives[] = {
    AP_INIT_FLAG("AllowReproxy", conf_set_enable, NULL, RSRC_CONF | ACCESS_CONF,
                 "On: apps may answer with X-Reproxy-URL or X-Reproxy-File"),
    AP_INIT_ITERATE("PreserveHeaders", conf_set_preserve, NULL,
                    RSRC_CONF | ACCESS_CONF,
                    "headers of the app's answer that the response keeps"),
    AP_INIT_ITERATE("ReproxyAllow", conf_set_allow, NULL,
                    RSRC_CONF | ACCESS_CONF,
                    "URL prefixes and *.suffixes that apps may name"),
    AP_INIT_FLAG("ReproxyFileEscapes", conf_set_escapes, NULL,
                 RSRC_CONF | ACCESS_CONF,
                 "On: %XX in X-Reproxy-File is an escaped byte"),
    AP_INIT_ITERATE("ReproxyFileRoot", conf_set_root, NULL,
                    RSRC_CONF | ACCESS_CONF,
                    "folders whose files apps may name in X-Reproxy-File"),
    AP_INIT_ITERATE("ReproxyForwardHeaders", conf_set_forward, NULL,
                    RSRC_CONF | ACCESS_CONF,
                    "more request headers of the client that storage is sent"),
    AP_INIT_TAKE1("ReproxyMaxURLs", conf_set_max_urls, NULL,
                  RSRC_CONF | ACCESS_CONF,
                  "how many URLs of one response are tried at most"),
    AP_INIT_TAKE1("ReproxyTimeout", conf_set_timeout, NULL,
                  RSRC_CONF | ACCESS_CONF,
                  "how long connecting to a URL may take, and waiting for its "
                  "response"),
    { NULL }
};

/* ---- for a request ------------------------------------------------------ */

const reproxy_conf *reproxy_conf_resolve(request_rec *r,
                                         const reproxy_conf *written)
{
    reproxy_conf *conf = apr_pmemdup(r->pool, written, sizeof(*conf));

    if (!conf->max_urls) {
        conf->max_urls = CONF_MAX_URLS_DEFAULT;
    }
    if (!conf->timeout) {
        conf->timeout = CONF_TIMEOUT_DEFAULT;
        conf->pool_words = CONF_POOL_WORDS_DEFAULT;
    }
    return conf;
}

/* ---- while the configuration is read ------------------------------------ */

void reproxy_conf_begin(apr_pool_t *pconf)
{
    conf_all_switched_on = apr_array_make(pconf, 4,
                                          sizeof(conf_switched_on));
}

void reproxy_conf_end(void)
{
    /* what is read from now on is .htaccess files */
    conf_all_switched_on = NULL;
}

/* One line at most: it is about the whole configuration. */
void reproxy_conf_warn(void)
{
    int i;

    for (i = 0; i < conf_all_switched_on->nelts; i++) {
        const conf_switched_on *on = &APR_ARRAY_IDX(conf_all_switched_on, i,
                                               conf_switched_on);
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

/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The configuration of mod_proxy_pool: what the directives accept, and how a
 * virtual host inherits it.
 */

#include "pool_conf.h"

#include "apr_strings.h"
#include "mod_proxy.h"

#define POOL_WAITING_OFF "off"
/* Of the workers: one backend that hangs leaves three quarters of them to the
 * others, any number of such backends half. */
#define POOL_WAITING_ONE "25%"
#define POOL_WAITING_ALL "50%"

void *pool_server_create(apr_pool_t *p, server_rec *s)
{
    pool_server_conf *conf = apr_pcalloc(p, sizeof(*conf));

    (void)s;
    conf->enabled = -1;
    return conf;
}

void *pool_server_merge(apr_pool_t *p, void *basev, void *addv)
{
    pool_server_conf *conf = apr_pcalloc(p, sizeof(*conf));
    const pool_server_conf *base = basev, *add = addv;

    conf->enabled = add->enabled != -1 ? add->enabled : base->enabled;
    conf->max = add->max ? add->max : base->max;
    /* the later word wins: one by one */
    conf->words = add->words && base->words
                  ? apr_pstrcat(p, base->words, " ", add->words, NULL)
                  : add->words ? add->words : base->words;
    /* both come from one directive */
    conf->waiting_one = add->waiting_one ? add->waiting_one
                                         : base->waiting_one;
    conf->waiting_all = add->waiting_one ? add->waiting_all
                                         : base->waiting_all;
    return conf;
}

static const char *pool_set_enable(cmd_parms *cmd, void *dconf, int flag)
{
    (void)dconf;
    pool_server_conf_get(cmd->server)->enabled = flag;
    return NULL;
}

static const char *pool_set_options(cmd_parms *cmd, void *dconf,
                                    const char *arg)
{
    pool_server_conf *conf = pool_server_conf_get(cmd->server);
    pool_options scratch;
    hostmap_str word;
    hostmap_bad bad;

    (void)dconf;
    scratch.set = 0;
    word.ptr = arg;
    word.len = strlen(arg);
    bad.reason = "expected key=value";
    if (pool_options_read(&scratch, word, &bad) != APR_SUCCESS
        || scratch.set == 0) {
        return apr_pstrcat(cmd->pool, "ProxyPoolSet: `", arg, "`: ",
                           bad.reason, NULL);
    }
    if (pool_options_has(&scratch, "retry")) {
        return apr_pstrcat(cmd->pool, "ProxyPoolSet: `", arg, "`: "
                           POOL_NO_RETRY, NULL);
    }
    conf->words = conf->words ? apr_pstrcat(cmd->pool, conf->words, " ", arg,
                                            NULL) : arg;
    return NULL;
}

static const char *pool_set_max(cmd_parms *cmd, void *dconf, const char *arg)
{
    char *end;
    apr_int64_t max = apr_strtoi64(arg, &end, 10);

    (void)dconf;
    if (*end || end == arg || max < 1 || max > 1000000) {
        return apr_pstrcat(cmd->pool, "ProxyPoolMax: `", arg, "` is not a "
                           "number of 1 to 1000000", NULL);
    }
    pool_server_conf_get(cmd->server)->max = (int)max;
    return NULL;
}

/* A number, or a percentage of the workers: how many that is, 0 for anything
 * else.  A share is at least one. */
static unsigned pool_share(const char *text, unsigned workers)
{
    char *end;
    apr_int64_t number = apr_strtoi64(text, &end, 10);

    if (end == text || number < 1 || number > 1000000) {
        return 0;
    }
    if (*end == '\0') {
        return (unsigned)number;
    }
    if (strcmp(end, "%") != 0 || number > 100) {
        return 0;
    }
    number = number * workers / 100;
    return number > 0 ? (unsigned)number : 1;
}

static const char *pool_set_waiting(cmd_parms *cmd, void *dconf,
                                    const char *one, const char *all)
{
    pool_server_conf *conf = pool_server_conf_get(cmd->server);
    const char *wrong = NULL;

    (void)dconf;
    if (ap_cstr_casecmp(one, POOL_WAITING_OFF) == 0) {
        wrong = all;
    }
    else {
        wrong = !pool_share(one, 1) ? one
                : all && !pool_share(all, 1) ? all : NULL;
    }
    if (wrong) {
        return apr_pstrcat(cmd->pool, "ProxyPoolMaxWaiting: `", wrong,
                           "`: expected off, or one or two numbers of 1 to "
                           "1000000 or percentages of 1% to 100%", NULL);
    }
    conf->waiting_one = one;
    conf->waiting_all = all;
    return NULL;
}

const command_rec pool_directives[] = {
    AP_INIT_FLAG("ProxyPoolEnable", pool_set_enable, NULL, RSRC_CONF,
                 "Off: a backend that no directive names gets a new "
                 "connection for each request"),
    AP_INIT_ITERATE("ProxyPoolSet", pool_set_options, NULL, RSRC_CONF,
                    "default options of pools: key=value words as for "
                    "ProxyPass"),
    AP_INIT_TAKE1("ProxyPoolMax", pool_set_max, NULL, RSRC_CONF,
                  "maximum number of pools in a child process"),
    AP_INIT_TAKE12("ProxyPoolMaxWaiting", pool_set_waiting, NULL, RSRC_CONF,
                   "how many requests may wait for one backend that does not "
                   "answer, and for all such backends together: numbers, or "
                   "percentages of the workers; off: no limit"),
    { NULL }
};

void pool_conf_enlarge(server_rec *s)
{
    proxy_server_conf *proxy = ap_get_module_config(s->module_config,
                                                    &proxy_module);

    if (pool_server_conf_get(s)->enabled != 0 && !proxy->io_buffer_size_set) {
        proxy->io_buffer_size = POOL_IO_BUFFER;
    }
}

static void pool_limits_resolve(pool_server_conf *conf, unsigned workers)
{
    const char *one = conf->waiting_one, *all = conf->waiting_all;

    conf->limits.one = conf->limits.all = 0;
    if (one && ap_cstr_casecmp(one, POOL_WAITING_OFF) == 0) {
        return;
    }
    conf->limits.one = pool_share(one ? one : POOL_WAITING_ONE, workers);
    conf->limits.all = pool_share(all ? all : POOL_WAITING_ALL, workers);
}

void pool_conf_resolve(pool_server_conf *conf, unsigned workers,
                       apr_pool_t *p)
{
    char *key = apr_palloc(p, POOL_OPTIONS_KEY_MAX);
    hostmap_str words;

    words.ptr = conf->words ? conf->words : "";
    words.len = strlen(words.ptr);
    conf->defaults.set = 0;
    /* each word was checked when it was read */
    pool_options_read(&conf->defaults, words, NULL);
    conf->defaults_text.ptr = key;
    conf->defaults_text.len = pool_options_key(key, &conf->defaults);
    pool_limits_resolve(conf, workers);
}

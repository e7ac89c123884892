/* SPDX-License-Identifier: Apache-2.0 */

/*
 * mod_switchboard_status.c: what the switch does, counted and shown.
 *
 * Owns the directives, the start of the shared block (base/slots.h), and the
 * handler, which answers with what status_gather.c has collected, written by
 * status_html_core.c, status_json_core.c or status_metrics_core.c.  What a
 * request counts is in status_count.c.  The other modules are asked through
 * their installed headers; nothing of a client's names anything here.
 */

#include "apr_lib.h"
#include "apr_strings.h"

#include "ap_mpm.h"
#include "http_config.h"
#include "http_core.h"
#include "http_log.h"
#include "http_protocol.h"
#include "httpd.h"
#include "mod_status.h"
#include "util_script.h"

#include "base/slots_share.h"
#include "status_count.h"
#include "status_gather.h"
#include "status_html_core.h"
#include "status_json_core.h"
#include "status_log.h"
#include "status_metrics_core.h"

#include <stdlib.h>

module AP_MODULE_DECLARE_DATA switchboard_status_module;

#define STATUS_HANDLER     "switchboard-status"
#define STATUS_MEMORY_MOST (1024 * 1024 * 1024)
#define STATUS_SHOWN       50

typedef struct status_server_conf {
    apr_size_t memory;          /* 0: unset */
    unsigned hosts;             /* 0: unset */
    apr_array_header_t *followers;  /* paths; NULL: unset */
} status_server_conf;

/* ---- configuration ----------------------------------------------------- */

static void *status_server_create(apr_pool_t *p, server_rec *s)
{
    status_server_conf *conf = apr_pcalloc(p, sizeof(*conf));

    (void)s;
    return conf;
}

static void *status_server_merge(apr_pool_t *p, void *basev, void *addv)
{
    status_server_conf *conf = apr_pcalloc(p, sizeof(*conf));
    const status_server_conf *base = basev, *add = addv;

    conf->memory = add->memory ? add->memory : base->memory;
    conf->hosts = add->hosts ? add->hosts : base->hosts;
    conf->followers = add->followers ? add->followers : base->followers;
    return conf;
}

static status_server_conf *status_conf_get(server_rec *s)
{
    return ap_get_module_config(s->module_config, &switchboard_status_module);
}

static const char *status_set_memory(cmd_parms *cmd, void *dconf,
                                     const char *arg)
{
    const char *wrong = ap_check_cmd_context(cmd, GLOBAL_ONLY);
    apr_int64_t bytes, unit = 1;
    char *end;

    (void)dconf;
    if (wrong) {
        return wrong;
    }
    bytes = apr_strtoi64(arg, &end, 10);
    if (end != arg && end[0] && !end[1]) {
        unit = apr_tolower(*end) == 'k' ? 1024
               : apr_tolower(*end) == 'm' ? 1024 * 1024
               : apr_tolower(*end) == 'g' ? 1024 * 1024 * 1024 : 0;
        end++;
    }
    if (end == arg || *end || unit == 0 || bytes < 1
        || bytes > STATUS_MEMORY_MOST / unit
        || bytes * unit < SLOTS_MEMORY_LEAST) {
        return apr_pstrcat(cmd->pool, "SwitchboardStatusMemory: `", arg,
                           "` is not a size of 256K to 1G", NULL);
    }
    status_conf_get(cmd->server)->memory = (apr_size_t)(bytes * unit);
    return NULL;
}

static const char *status_set_hosts(cmd_parms *cmd, void *dconf,
                                    const char *arg)
{
    char *end;
    apr_int64_t hosts = apr_strtoi64(arg, &end, 10);

    (void)dconf;
    if (end == arg || *end || hosts < 1 || hosts > STATUS_TOP_MAX) {
        return apr_pstrcat(cmd->pool, "SwitchboardStatusHosts: `", arg,
                           "` is not a number of 1 to 1000", NULL);
    }
    status_conf_get(cmd->server)->hosts = (unsigned)hosts;
    return NULL;
}

static const char *status_add_follower(cmd_parms *cmd, void *dconf,
                                       const char *arg)
{
    status_server_conf *conf = status_conf_get(cmd->server);
    const char *path = ap_server_root_relative(cmd->pool, arg);

    (void)dconf;
    if (!path) {
        return apr_pstrcat(cmd->pool, "SwitchboardStatusFollower: `", arg,
                           "` is no path", NULL);
    }
    if (!conf->followers) {
        conf->followers = apr_array_make(cmd->pool, 4, sizeof(const char *));
    }
    APR_ARRAY_PUSH(conf->followers, const char *) = path;
    return NULL;
}

static const command_rec status_directives[] = {
    AP_INIT_TAKE1("SwitchboardStatusMemory", status_set_memory, NULL, RSRC_CONF,
                  "size of the tables of counters in shared memory"),
    AP_INIT_TAKE1("SwitchboardStatusHosts", status_set_hosts, NULL, RSRC_CONF,
                  "how many entries and backends a list names"),
    AP_INIT_ITERATE("SwitchboardStatusFollower", status_add_follower, NULL,
                    RSRC_CONF, "files that `hostmap follow --status` writes"),
    { NULL }
};

/* ---- an answer --------------------------------------------------------- */

typedef enum {
    STATUS_AS_HTML,
    STATUS_AS_JSON,
    STATUS_AS_OPENMETRICS,
    STATUS_AS_PROMETHEUS,
    STATUS_AS_UNKNOWN
} status_format;

/* What ?format= names, or the Accept header prefers. */
static status_format status_format_of(request_rec *r, const char *word)
{
    static const struct {
        const char *word;
        const char *accept;
        status_format format;
    } formats[] = {
        { "openmetrics", "application/openmetrics-text",
          STATUS_AS_OPENMETRICS },
        { "html", "text/html", STATUS_AS_HTML },
        { "json", "application/json", STATUS_AS_JSON },
        { "prometheus", "text/plain;version=0.0.4", STATUS_AS_PROMETHEUS }
    };
    const char *accept = apr_table_get(r->headers_in, "Accept");
    apr_size_t i;

    for (i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
        if (word ? strcmp(word, formats[i].word) == 0
                 : accept && strstr(accept, formats[i].accept) != NULL) {
            return formats[i].format;
        }
    }
    return word ? STATUS_AS_UNKNOWN : STATUS_AS_HTML;
}

static const char *status_type_of(status_format format)
{
    switch (format) {
    case STATUS_AS_JSON:
        return "application/json";
    case STATUS_AS_OPENMETRICS:
        return "application/openmetrics-text; version=1.0.0; charset=utf-8";
    case STATUS_AS_PROMETHEUS:
        return "text/plain; version=0.0.4; charset=utf-8";
    default:
        return "text/html; charset=utf-8";
    }
}

static const char *status_nonce(request_rec *r)
{
    unsigned char bytes[16];
    char *hex = apr_palloc(r->pool, 2 * sizeof(bytes) + 1);

    if (apr_generate_random_bytes(bytes, sizeof(bytes)) != APR_SUCCESS) {
        return "";
    }
    ap_bin2hex(bytes, sizeof(bytes), hex);
    return hex;
}

static void status_headers(request_rec *r, const status_view *view)
{
    apr_table_setn(r->headers_out, "Cache-Control", "no-store");
    apr_table_setn(r->headers_out, "X-Content-Type-Options", "nosniff");
    apr_table_setn(r->headers_out, "Referrer-Policy", "no-referrer");
    apr_table_setn(r->headers_out, "Content-Security-Policy",
                   apr_psprintf(r->pool, "default-src 'none'; "
                                "style-src 'nonce-%s'; script-src 'nonce-%s'; "
                                "img-src data:; connect-src 'self'; "
                                "form-action 'self'; base-uri 'none'; "
                                "frame-ancestors 'none'", view->nonce,
                                view->nonce));
}

/* A number of a query, at most the greatest; 0: not given, or not one. */
static unsigned status_number(apr_table_t *args, const char *name,
                              unsigned greatest)
{
    const char *word = apr_table_get(args, name);
    char *end;
    apr_int64_t n = word ? apr_strtoi64(word, &end, 10) : 0;

    return n < 1 || *end ? 0 : n > greatest ? greatest : (unsigned)n;
}

/* What is asked for. */
static status_format status_wish_read(status_wish *wish, int *host_series,
                                      request_rec *r)
{
    const status_server_conf *conf = status_conf_get(r->server);
    unsigned most = conf->hosts;
    status_format format;
    apr_table_t *args;
    unsigned hosts;

    ap_args_to_table(r, &args);
    most = most ? most : STATUS_SHOWN;
    hosts = status_number(args, "hosts", most);
    wish->shown = hosts ? hosts : most;
    wish->followers = conf->followers;
    wish->host = apr_table_get(args, "host");
    if (wish->host && !*wish->host) {
        wish->host = NULL;
    }
    wish->path = apr_table_get(args, "path");
    if (!wish->path || !*wish->path) {
        wish->path = "/";
    }
    format = status_format_of(r, apr_table_get(args, "format"));
    *host_series = hosts != 0;
    wish->tops = format == STATUS_AS_HTML || format == STATUS_AS_JSON
                 ? STATUS_ALL_TOPS : 1u << SLOTS_ENTRY_REQUESTS;
    return format;
}

static void status_write(status_out *out, const status_view *view,
                         status_format format)
{
    switch (format) {
    case STATUS_AS_JSON:
        status_json(out, view);
        break;
    case STATUS_AS_OPENMETRICS:
    case STATUS_AS_PROMETHEUS:
        status_metrics(out, view, format == STATUS_AS_OPENMETRICS);
        break;
    default:
        status_html(out, view);
    }
}

static int status_handler(request_rec *r)
{
    status_out out = { 0 };
    status_format format;
    status_view view;
    status_wish wish;
    int host_series;

    if (!r->handler || strcmp(r->handler, STATUS_HANDLER) != 0) {
        return DECLINED;
    }
    r->allowed = AP_METHOD_BIT << M_GET;
    if (r->method_number != M_GET) {
        return HTTP_METHOD_NOT_ALLOWED;
    }
    if (!status_slots.block) {
        return HTTP_SERVICE_UNAVAILABLE;
    }
    format = status_wish_read(&wish, &host_series, r);
    if (format == STATUS_AS_UNKNOWN) {
        return HTTP_BAD_REQUEST;
    }
    status_gather(&view, &wish, r);
    view.host_series = host_series;
    view.nonce = status_nonce(r);
    status_write(&out, &view, format);
    if (out.failed) {
        free(out.text);
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    status_headers(r, &view);
    ap_set_content_type(r, status_type_of(format));
    ap_set_content_length(r, (apr_off_t)out.len);
    ap_rwrite(out.text, (int)out.len, r);
    free(out.text);
    return OK;
}

/* mod_status's hook. */
static int status_extend(request_rec *r, int flags)
{
    status_wish wish = { 0 };
    status_out out = { 0 };
    status_view view;

    if (!status_slots.block) {
        return DECLINED;
    }
    status_gather(&view, &wish, r);
    status_lines(&out, &view, (flags & AP_STATUS_SHORT) != 0);
    if (!out.failed) {
        ap_rwrite(out.text, (int)out.len, r);
    }
    free(out.text);
    return OK;
}

/* ---- start ------------------------------------------------------------- */

/* Before the other modules, which take the block that is there. */
static int status_make(apr_pool_t *p, apr_pool_t *plog, apr_pool_t *ptemp,
                       server_rec *main_server)
{
    apr_size_t memory = status_conf_get(main_server)->memory;
    slots_shape wanted;
    apr_status_t rv;
    int children;

    (void)p;
    (void)plog;
    (void)ptemp;
    if (ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_CREATE_PRE_CONFIG) {
        return OK;
    }
    memory = memory ? memory : SLOTS_MEMORY;
    rv = ap_mpm_query(AP_MPMQ_HARD_LIMIT_DAEMONS, &children);
    if (rv == APR_SUCCESS) {
        rv = slots_share(&status_slots, main_server->process->pool, memory,
                         children > 0 ? (unsigned)children : 1);
    }
    if (rv != APR_SUCCESS) {
        status_slots.block = NULL;
        ap_log_error(APLOG_MARK, APLOG_ERR, rv, main_server, "SB0302: no "
                     "shared memory for counters: nothing is counted, and "
                     STATUS_HANDLER " answers with 503");
        return OK;
    }
    ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, main_server, "SB0303: counters: "
                 "%u KB of shared memory, slots for %u backends and %u "
                 "entries",
                 (unsigned)(slots_size(&status_slots.block->shape) / 1024),
                 status_slots.block->shape.backends,
                 status_slots.block->shape.entries);
    slots_shape_fit(&wanted, memory, 1);
    if (wanted.entries != status_slots.block->shape.entries) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, main_server, "SB0304: "
                     "SwitchboardStatusMemory has another size than the "
                     "memory that is in use: it takes effect when httpd is "
                     "stopped and started");
    }
    return OK;
}

/* After the other modules. */
static int status_begin(apr_pool_t *p, apr_pool_t *plog, apr_pool_t *ptemp,
                        server_rec *main_server)
{
    (void)p;
    (void)plog;
    (void)ptemp;
    (void)main_server;
    status_sources_find();
    if (status_slots.block) {
        atomic_set32(&status_slots.block->counting, 1);
    }
    return OK;
}

static void status_register_hooks(apr_pool_t *p)
{
    (void)p;
    ap_hook_post_config(status_make, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_post_config(status_begin, NULL, NULL, APR_HOOK_LAST);
    ap_hook_handler(status_handler, NULL, NULL, APR_HOOK_MIDDLE);
    APR_OPTIONAL_HOOK(ap, status_hook, status_extend, NULL, NULL,
                      APR_HOOK_MIDDLE);
    status_count_register();
    status_log_register();
}

AP_DECLARE_MODULE(switchboard_status) = {
    STANDARD20_MODULE_STUFF,
    NULL,                       /* create per-directory config */
    NULL,                       /* merge per-directory config */
    status_server_create,
    status_server_merge,
    status_directives,
    status_register_hooks
};

/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file reproxy.h
 * @brief What the parts of mod_reproxy share: the configuration of a request,
 *        and what is known of a request on its way.
 *
 * A request in scope goes through these, top down; none calls one above it:
 *
 *     mod_reproxy.c       runs the app's handler, looks at its answer, tries
 *                         the URLs
 *     reproxy_attempt.c   one URL
 *     reproxy_file.c      X-Reproxy-File
 *     reproxy_gate.c      an output filter before all others: what the app and
 *                         failed attempts send ends here
 *     reproxy_swallow.c   bodies that are dropped, within bounds
 *     reproxy_judge.c     is storage's response the one to serve?
 *     reproxy_gather.c    a filter after the gate: small pieces of a body go
 *                         on together
 *     reproxy_answer.c    what the app's answer says
 *     reproxy_access.c    may this URL be asked at all?
 *     reproxy_request.c   the headers that storage is sent
 *     reproxy_loop.c      URLs that lead back to the app
 *     reproxy_timeout.c   how long storage may keep us waiting
 *     reproxy_restore.c   one request served several times: what is put back
 *     reproxy_log.c       which messages may repeat, the access log's notes
 *     reproxy_conf.c      the directives
 *
 * Everything lives in the request's pool and belongs to its thread.
 */

#ifndef REPROXY_H
#define REPROXY_H

#include "apr_tables.h"

#include "httpd.h"
#include "http_config.h"
#include "mod_proxy.h"

#include "base/limit.h"

#include "reproxy_url_core.h"

extern module AP_MODULE_DECLARE_DATA reproxy_module;

/** What is sent to an app in scope, and only by us. */
#define REPROXY_CAPABILITIES "X-Proxy-Capabilities"
#define REPROXY_CAPABILITIES_ENV "HTTP_X_PROXY_CAPABILITIES"
#define REPROXY_CAPABLE "reproxy-file"

/** How a request that was reproxied too often is found, see reproxy_loop.c. */
#define REPROXY_LOOP_HEADER "CDN-Loop"
#define REPROXY_STATUS_HEADER "Proxy-Status"

/** The configuration of a directory. */
typedef struct reproxy_conf {
    int enabled;                    /**< -1: not set */
    int file_escapes;               /**< -1: not set */
    int max_urls;                   /**< 0: not set */
    apr_interval_time_t timeout;    /**< 0: not set */
    const char *pool_words;         /**< timeout, as mod_proxy_pool has it */
    /* lists, NULL: not set */
    apr_array_header_t *preserve;   /**< const char * */
    apr_array_header_t *forward;    /**< const char * */
    apr_array_header_t *allow;      /**< reproxy_allow */
    apr_array_header_t *roots;      /**< const char *, canonical folders */
} reproxy_conf;

/** Where the request's output goes. */
typedef enum {
    REPROXY_GATE_WATCH,     /**< the app's: its first bytes decide */
    REPROXY_GATE_SWALLOW,   /**< the app's, with X-Reproxy-...: nowhere */
    REPROXY_GATE_JUDGE,     /**< an attempt's: its first bytes decide */
    REPROXY_GATE_HOLD,      /**< an attempt's: good so far, no byte of body */
    REPROXY_GATE_REJECT,    /**< a failed attempt's: nowhere */
    REPROXY_GATE_OPEN       /**< to the client */
} reproxy_gate;

/** How an attempt ended, by the word of the note reproxy-result. */
typedef enum {
    REPROXY_OK,
    REPROXY_ABORTED,        /**< within the body, by storage or the client */
    REPROXY_BAD_URL,        /**< no URL, or one that is always refused */
    REPROXY_DENIED,         /**< by ReproxyAllow or a <Proxy> section */
    REPROXY_UNREACHABLE,    /**< refused, not resolved, no route */
    REPROXY_TIMEOUT,
    REPROXY_BROKEN,         /**< closed, or not HTTP */
    REPROXY_STATUS,         /**< a status that is no success */
    REPROXY_SIZE,           /**< not X-Reproxy-Expected-Size */
    REPROXY_FILE,           /**< X-Reproxy-File cannot be served */
    REPROXY_LOOP,           /**< the URL leads back to the app */
    REPROXY_RESULTS
} reproxy_result;

/** What the app answered, as far as it matters. */
typedef struct reproxy_answer {
    hostmap_str urls;           /**< ptr NULL: no X-Reproxy-URL */
    const apr_array_header_t *files;    /**< const char *, X-Reproxy-File */
    apr_off_t expected_size;    /**< -1: not set */
    apr_table_t *preserved;     /**< headers that stay, all values */
    const char *cache_control;  /**< NULL: none */
} reproxy_answer;

/** What storage's request borrows of the client's, to be given back. */
typedef struct reproxy_client {
    apr_table_t *headers_in;
    const char *method;
    int method_number;
    int header_only;
    const char *hostname;
    char *filename;
    const char *handler;
    int proxyreq;
    struct ap_conf_vector_t *per_dir_config;
    int expecting_100;
    apr_bucket_brigade *kept_body;
    int keepalives;
    const char *interim;        /**< proxy-interim-response */
} reproxy_client;

/** What the response has before a handler begins. */
typedef struct reproxy_before {
    int status;                 /**< an error's, for its ErrorDocument */
    apr_table_t *headers_out;
    apr_table_t *err_headers_out;
    int no_cache;
    const char *nokeepalive;    /**< proxy-nokeepalive */
} reproxy_before;

/** A body that is dropped. */
typedef struct reproxy_swallow {
    apr_time_t until;           /**< its connection is given up then */
    apr_off_t left;             /**< bytes; below 0: it is given up */
} reproxy_swallow;

/** An attempt that is under way. */
typedef struct reproxy_attempt {
    const reproxy_url *url;
    int head_as_get;            /**< the client's HEAD, asked as a GET */
    int judged;                 /**< its first bytes were seen */
    reproxy_swallow swallow;    /**< its body, when it has failed */
    reproxy_result result;
    int status;                 /**< storage's, 0: none was seen */
    int timed_out;
    apr_time_t began;
    apr_table_t *headers;       /**< what storage is sent */
} reproxy_attempt;

typedef struct reproxy_request {
    request_rec *r;
    const reproxy_conf *conf;
    reproxy_gate gate;
    ap_filter_t *filter;
    reproxy_answer answer;
    reproxy_swallow swallow;    /**< the app's body */
    reproxy_before before;
    reproxy_client client;
    int borrowed;               /**< the request is storage's now */
    reproxy_attempt *attempt;   /**< NULL: none under way */
    /* for the log */
    int answered;               /**< by the app, with what to serve */
    const char *lookup;         /**< the file that is looked up, or NULL */
    const char *host;
    int attempts;
    reproxy_result result;
    unsigned char results[REPROXY_RESULTS]; /**< of all attempts */
} reproxy_request;

/** The request's state; NULL when it is not in scope. */
static inline reproxy_request *reproxy_request_of(request_rec *r)
{
    return (reproxy_request *)ap_get_module_config(r->request_config,
                                                   &reproxy_module);
}

/* ---- reproxy_conf.c ---------------------------------------------------- */

void *reproxy_conf_create(apr_pool_t *p, char *dir);
void *reproxy_conf_merge(apr_pool_t *p, void *basev, void *addv);
extern const command_rec reproxy_conf_directives[];

/** A configuration is going to be read: in pre_config. */
void reproxy_conf_begin(apr_pool_t *pconf);

/** Warns when apps may name any URL: in post_config, before
 *  reproxy_conf_end(). */
void reproxy_conf_warn(void);

/** The configuration was read. */
void reproxy_conf_end(void);

/** A copy with the defaults in place of what is not set; in r->pool. */
const reproxy_conf *reproxy_conf_resolve(request_rec *r,
                                         const reproxy_conf *written);

/* ---- reproxy_log.c ----------------------------------------------------- */

/** Messages that repeat, by kind. */
typedef enum {
    REPROXY_LOG_REFUSED,
    REPROXY_LOG_MANY,
    REPROXY_LOG_SIZE,
    REPROXY_LOG_FAILED,
    REPROXY_LOG_FILE,
    REPROXY_LOG_KINDS
} reproxy_log_kind;

/**
 * May a message be logged now?  Once a minute in a child, for each kind, result
 * and path of a request.
 * @param more set to what is added to the message
 */
int reproxy_log_allowed(request_rec *r, reproxy_log_kind kind,
                        reproxy_result result, hostmap_limit_more *more);

/** The word of the note reproxy-result; static. */
const char *reproxy_log_word(reproxy_result result);

void reproxy_log_register(void);

/* ---- reproxy_gate.c ---------------------------------------------------- */

/** Puts the filter before all others of the request. */
void reproxy_gate_insert(reproxy_request *state);

/** Takes X-Reproxy-... out of what a response has. */
void reproxy_gate_strip(request_rec *r);

/** The response is the final one: gives the request back to the client, and
 *  the response its preserved headers.
 *  @param proxyreq whether the response has headers of its own that httpd
 *         would write otherwise (Date, Server): PROXYREQ_REVERSE */
void reproxy_gate_open(reproxy_request *state, int proxyreq);

/** The app's handler has returned rc: one that has passed nothing has begun
 *  an answer all the same. */
void reproxy_gate_end(reproxy_request *state, int rc);

void reproxy_gate_register(void);

/* ---- reproxy_swallow.c ------------------------------------------------- */

/** A body is dropped from now on, by this thread: 250 ms or so many bytes of
 *  it, whichever comes first. */
void reproxy_swallow_begin(reproxy_swallow *swallow, apr_off_t bytes);

/**
 * Drop what a brigade holds, and read what has to be read for it.
 * @return APR_SUCCESS; an error when the rest is not worth waiting for: the
 *         handler is to give up the connection
 */
apr_status_t reproxy_swallow_brigade(reproxy_swallow *swallow, request_rec *r,
                                     apr_bucket_brigade *bb);

/* ---- reproxy_gather.c -------------------------------------------------- */

/** Gathers what goes to the client from now on.  Not before the header has
 *  gone: an error after gathered bytes would be answered in their place. */
void reproxy_gather_insert(request_rec *r);

void reproxy_gather_register(void);

/* ---- reproxy_answer.c -------------------------------------------------- */

/**
 * Read the app's answer off the response that it has begun.
 * @return 1 when it names what to serve, 0 when it is a response like any
 *         other
 */
int reproxy_answer_read(reproxy_request *state);

/** Does the response take this header from the app alone? */
int reproxy_answer_replaces(const reproxy_answer *answer, const char *name);

/** Puts the preserved headers in the place of the response's. */
void reproxy_answer_preserve(reproxy_request *state);

/** May a cache store the response, by the app's Cache-Control, for as long as
 *  the response's own allows? */
int reproxy_answer_cacheable(const reproxy_request *state);

/* ---- reproxy_restore.c ------------------------------------------------- */

/** Remembers what a response has before the app's handler runs. */
void reproxy_restore_save(reproxy_request *state);

/** Makes the response what it was then. */
void reproxy_restore_reset(reproxy_request *state);

/** The request becomes storage's: a GET (or HEAD) without a body. */
void reproxy_restore_borrow(reproxy_request *state);

/** The request becomes the client's again.  Any number of times. */
void reproxy_restore_return(reproxy_request *state);

void reproxy_restore_register(void);

/* ---- reproxy_judge.c --------------------------------------------------- */

/** Is the response that storage has begun the one to serve?  Sets the result
 *  and the status of the attempt. */
int reproxy_judge(reproxy_request *state);

/* ---- reproxy_attempt.c ------------------------------------------------- */

/**
 * Ask one URL.
 * @param rc set to what the handler returns when the result is REPROXY_OK or
 *        REPROXY_ABORTED: the response is on its way to the client then
 */
reproxy_result reproxy_attempt_run(reproxy_request *state,
                                   const reproxy_url *url, int *rc);

/** Looks for mod_proxy_pool's functions: in post_config. */
void reproxy_attempt_prepare(void);

/* ---- reproxy_access.c -------------------------------------------------- */

/**
 * May the URL be asked?  Sets r->per_dir_config and r->filename of the
 * borrowed request to what the <Proxy> sections say.
 * @return REPROXY_OK or REPROXY_DENIED
 */
reproxy_result reproxy_access_check(reproxy_request *state,
                                    const reproxy_url *url);

/* ---- reproxy_request.c ------------------------------------------------- */

/** The headers for storage, from the client's, by the list of those that are
 *  allowed. */
void reproxy_request_headers(reproxy_request *state, reproxy_attempt *attempt);

/** A copy of the client's headers, whose conditions and ranges are those that
 *  apply to what is served. */
apr_table_t *reproxy_request_conditions(const reproxy_request *state,
                                        const apr_table_t *from);

void reproxy_request_register(void);

/* ---- reproxy_loop.c ---------------------------------------------------- */

/** Makes this server's name: in post_config. */
apr_status_t reproxy_loop_start(void);

/** Was the request reproxied so often that it may not be once more? */
int reproxy_loop_is(request_rec *r);

/** The status for a request that is in a loop; tells the attempt that waits
 *  for it, if there is one. */
int reproxy_loop_refuse(request_rec *r);

/** Adds this server's name to the headers for storage. */
void reproxy_loop_mark(apr_table_t *headers);

/** Is the response that of reproxy_loop_refuse()? */
int reproxy_loop_answered(request_rec *r);

/* ---- reproxy_file.c ---------------------------------------------------- */

/**
 * Serve the file that the app named.
 * @param rc set to what the handler returns when the result is REPROXY_OK
 */
reproxy_result reproxy_file_run(reproxy_request *state, int *rc);

void reproxy_file_register(void);

/* ---- reproxy_timeout.c ------------------------------------------------- */

/** Sets the time limit of attempts on this thread; 0: no attempt runs.
 *  Returns what was set before. */
apr_interval_time_t reproxy_timeout_set(apr_interval_time_t limit);

/** Storage has answered: no deadline any more. */
void reproxy_timeout_lift(void);

/** A body is dropped on this thread, until then at the latest. */
void reproxy_timeout_until(apr_time_t deadline);

/** Waits until the connection that this thread has read can be read again: at
 *  the deadline APR_TIMEUP.  APR_SUCCESS as well when nobody knows. */
apr_status_t reproxy_timeout_poll(apr_pool_t *pool);

/** Has this thread's attempt waited for an answer until its deadline?  0 also
 *  when storage has answered, or there is no connection. */
int reproxy_timeout_expired(void);

void reproxy_timeout_register(void);

#endif /* REPROXY_H */

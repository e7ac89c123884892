/* SPDX-License-Identifier: Apache-2.0 */

/*
 * X-Reproxy-File: a file below a ReproxyFileRoot, served as httpd serves files.
 *
 * The path comes from the app, and anyone who can write below a root may
 * change what it names at any moment.  So it is opened once, beneath the root,
 * by the kernel (or component by component, each opened in the one before),
 * and what was opened is checked and served.  The name is looked up as well,
 * but only for what the configuration says of it: Require, and the content
 * type.
 */

#include "reproxy.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#include <sys/syscall.h>
#ifdef SYS_openat2
#include <linux/openat2.h>
#endif

#include "apr_file_io.h"
#include "apr_lib.h"
#include "apr_portable.h"
#include "apr_strings.h"

#include "http_core.h"
#include "http_log.h"
#include "http_protocol.h"
#include "http_request.h"

#include "reproxy_headers_core.h"

APLOG_USE_MODULE(reproxy);

#ifndef O_PATH
#define O_PATH O_RDONLY
#endif

/* Not blocking: a FIFO would hang us. */
#define OPEN_FILE (O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)
#define OPEN_FOLDER (O_PATH | O_DIRECTORY | O_CLOEXEC)

/* ---- which root, which name below it ------------------------------------ */

static int file_has_dots(const char *path)
{
    while (*path) {
        apr_size_t len = strcspn(path, "/");

        if (path[0] == '.' && (len == 1 || (len == 2 && path[1] == '.'))) {
            return 1;
        }
        path += len + (path[len] == '/');
    }
    return 0;
}

/* Sets the path to what the file system knows.
 * @return why it is refused; NULL: it is not */
static const char *file_path(reproxy_request *state, const char **named)
{
    const apr_array_header_t *files = state->answer.files;
    char *path;

    if (files->nelts != 1) {
        return "expected one path, there are several headers";
    }
    path = apr_pstrdup(state->r->pool, APR_ARRAY_IDX(files, 0, const char *));
    if (state->conf->file_escapes == 1
        && !reproxy_path_unescape(path, path)) {
        return "expected two hexadecimal digits after each %, and not 00 "
               "(ReproxyFileEscapes)";
    }
    *named = path;
    return path[0] != '/' || file_has_dots(path)
           ? "expected an absolute path without dot segments" : NULL;
}

/* Finds the root and the name below it.
 * @return why the path is refused; NULL: it is not */
static const char *file_locate(const reproxy_conf *conf, const char *path,
                               const char **root, const char **name)
{
    apr_size_t longest = 0;
    int i;

    for (i = 0; conf->roots && i < conf->roots->nelts; i++) {
        const char *folder = APR_ARRAY_IDX(conf->roots, i, const char *);
        apr_size_t len = strlen(folder);

        if (len >= longest && strncmp(path, folder, len) == 0
            && path[len] == '/') {
            longest = len;
            *root = folder;
            *name = path + len + strspn(path + len, "/");
        }
    }
    if (!conf->roots) {
        return "there is no ReproxyFileRoot";
    }
    return longest == 0 ? "it is not below a ReproxyFileRoot"
           : **name == '\0' ? "it is a folder" : NULL;
}

/* ---- opening ------------------------------------------------------------ */

/* For systems that cannot do it in one call. */
static int file_open_by_component(int folder, const char *name)
{
    char part[NAME_MAX + 1];

    for (;;) {
        apr_size_t len = strcspn(name, "/");
        apr_size_t slashes = strspn(name + len, "/");
        int next;

        if (len > NAME_MAX || (slashes && !name[len + slashes])) {
            close(folder);
            errno = len > NAME_MAX ? ENAMETOOLONG : ENOTDIR;
            return -1;
        }
        apr_cpystrn(part, name, len + 1);
        next = openat(folder, part, slashes ? OPEN_FOLDER | O_NOFOLLOW
                                            : OPEN_FILE | O_NOFOLLOW);
        close(folder);
        if (next == -1 || !slashes) {
            return next;
        }
        folder = next;
        name += len + slashes;
    }
}

/* No symbolic link is followed below the root (which may be one): the name that
 * the configuration was asked about is the file's. */
static int file_open_beneath(const char *root, const char *name)
{
    int folder = open(root, OPEN_FOLDER);

    if (folder == -1) {
        return -1;
    }
#ifdef SYS_openat2
    {
        struct open_how how = { 0 };
        int fd;

        how.flags = OPEN_FILE;
        how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
        fd = (int)syscall(SYS_openat2, folder, name, &how, sizeof(how));
        /* EPERM: a sandbox that does not know the call */
        if (fd != -1 || (errno != ENOSYS && errno != EPERM)) {
            int error = errno;

            close(folder);
            errno = error;
            return fd;
        }
    }
#endif
    return file_open_by_component(folder, name);
}

static apr_status_t file_close(void *data)
{
    return apr_file_close(data);
}

static apr_status_t file_open(apr_file_t **file, request_rec *r,
                              const char *root, const char *name)
{
    const core_dir_config *core =
        ap_get_core_module_config(r->per_dir_config);
    apr_int32_t flags = APR_FOPEN_READ;
    apr_os_file_t fd = file_open_beneath(root, name);
    apr_status_t rv;

    if (fd == -1) {
        return errno;
    }
#if APR_HAS_SENDFILE
    flags |= AP_SENDFILE_ENABLED(core->enable_sendfile);
#else
    (void)core;
#endif
    rv = apr_os_file_put(file, &fd, flags, r->pool);
    if (rv == APR_SUCCESS) {
        apr_pool_cleanup_register(r->pool, *file, file_close,
                                  apr_pool_cleanup_null);
        rv = apr_file_info_get(&r->finfo, APR_FINFO_NORM, *file);
    }
    if (rv == APR_SUCCESS && r->finfo.filetype != APR_REG) {
        rv = APR_EINVAL;
    }
    return rv;
}

/* ---- what the configuration says ---------------------------------------- */

/* A lookup of a file parses its path as a URI, where `%`, `?` and `#` mean
 * something else: so it is made for the path `/`, and the file's takes its
 * place before the sections are looked for. */
static int file_map_to_storage(request_rec *r)
{
    const reproxy_request *state = r->main ? reproxy_request_of(r->main)
                                           : NULL;

    if (state && state->lookup) {
        r->filename = apr_pstrdup(r->pool, state->lookup);
        r->canonical_filename = NULL;
        memset(&r->finfo, 0, sizeof(r->finfo));
    }
    return DECLINED;
}

static const char *file_denial(request_rec *r, const request_rec *named)
{
    switch (named->status) {
    case HTTP_OK:
        return NULL;
    case HTTP_FORBIDDEN:
    case HTTP_UNAUTHORIZED:
        return "the configuration denies it";
    default:
        return apr_psprintf(r->pool, "httpd answers %d for this path",
                            named->status);
    }
}

/* ---- serving ------------------------------------------------------------ */

static apr_status_t file_send(request_rec *r, apr_file_t *file)
{
    apr_bucket_alloc_t *alloc = r->connection->bucket_alloc;
    apr_bucket_brigade *bb = apr_brigade_create(r->pool, alloc);
    const core_dir_config *core =
        ap_get_core_module_config(r->per_dir_config);
    int status = ap_meets_conditions(r);
    apr_bucket *b;

    if (status != OK) {
        r->status = status;
        apr_table_unset(r->headers_out, "Content-Length");
    }
    else {
        b = apr_brigade_insert_file(bb, file, 0, r->finfo.size, r->pool);
#if APR_HAS_MMAP
        if (core->enable_mmap == ENABLE_MMAP_OFF) {
            apr_bucket_file_enable_mmap(b, 0);
        }
#else
        (void)b;
        (void)core;
#endif
    }
    APR_BRIGADE_INSERT_TAIL(bb, apr_bucket_eos_create(alloc));
    return ap_pass_brigade(r->output_filters, bb);
}

static void file_headers(request_rec *r, request_rec *named, apr_file_t *file)
{
    ap_set_content_type(r, named->content_type);
    r->content_encoding = named->content_encoding;
    r->content_languages = named->content_languages;
    ap_update_mtime(r, r->finfo.mtime);
    ap_set_last_modified(r);
    ap_set_etag_fd(r, file);
    ap_set_accept_ranges(r);
    ap_set_content_length(r, r->finfo.size);
}

static reproxy_result file_refuse(const reproxy_request *state,
                                  reproxy_result result, apr_status_t rv,
                                  const char *why)
{
    const apr_array_header_t *files = state->answer.files;
    request_rec *r = state->r;
    hostmap_limit_more more;

    if (reproxy_log_allowed(r, REPROXY_LOG_FILE, result, &more)) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, rv, r, "SB0209: X-Reproxy-File "
                      "%s: %s%s", APR_ARRAY_IDX(files, 0, const char *), why,
                      more.text);
    }
    return result;
}

static reproxy_result file_serve(reproxy_request *state, request_rec *named,
                                 apr_file_t *file, int *rc)
{
    const char *denial = file_denial(state->r, named);
    request_rec *r = state->r;
    apr_table_t *headers_in = r->headers_in;
    apr_status_t rv;

    if (denial) {
        return file_refuse(state, REPROXY_FILE, 0, denial);
    }
    if (state->answer.expected_size != -1
        && state->answer.expected_size != r->finfo.size) {
        return file_refuse(state, REPROXY_SIZE, 0, "its size is not that of "
                           "X-Reproxy-Expected-Size");
    }
    file_headers(r, named, file);
    reproxy_gate_open(state, PROXYREQ_NONE);
    r->headers_in = reproxy_request_conditions(state, headers_in);
    rv = file_send(r, file);
    r->headers_in = headers_in;
    *rc = rv == APR_SUCCESS || r->status != HTTP_OK || r->connection->aborted
          ? OK : AP_FILTER_ERROR;
    return REPROXY_OK;
}

reproxy_result reproxy_file_run(reproxy_request *state, int *rc)
{
    const char *path = NULL, *root = NULL, *name = NULL, *wrong;
    request_rec *r = state->r, *named;
    reproxy_result result;
    apr_file_t *file;
    apr_status_t rv;

    wrong = file_path(state, &path);
    if (!wrong) {
        wrong = file_locate(state->conf, path, &root, &name);
    }
    if (wrong) {
        return file_refuse(state, REPROXY_FILE, 0, wrong);
    }
    reproxy_restore_reset(state);
    rv = file_open(&file, r, root, name);
    if (rv != APR_SUCCESS) {
        return rv == APR_EINVAL
               ? file_refuse(state, REPROXY_FILE, 0,
                             "it is not a regular file")
               : file_refuse(state, REPROXY_FILE, rv, "cannot be opened");
    }
    state->lookup = path;
    named = ap_sub_req_lookup_file("/", r, NULL);
    state->lookup = NULL;
    result = file_serve(state, named, file, rc);
    ap_destroy_sub_req(named);
    return result;
}

void reproxy_file_register(void)
{
    ap_hook_map_to_storage(file_map_to_storage, NULL, NULL,
                           APR_HOOK_REALLY_FIRST);
}

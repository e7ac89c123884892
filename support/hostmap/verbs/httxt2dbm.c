/* SPDX-License-Identifier: Apache-2.0 */

/*
 * httxt2dbm.c: `hostmap httxt2dbm`, the command line of httpd's httxt2dbm
 * for scripts that use it: the same options, entries and exit statuses.
 * Differences: the map is never half-written, a long line is one entry, and
 * LMDB is a format.
 */

#include "verbs.h"

#include <string.h>
#include <strings.h>

#include "apr_strings.h"

#include "entries/sort.h"
#include "entries/source.h"
#include "hostmap/store/hostmap_writer.h"

typedef struct conversion {
    tool *t;
    /** what the program was called as */
    const char *name;
    int verbose;
    const char *format;
    const char *input;
    const char *output;
} conversion;

/* Is there a driver for a type?  One whose library is missing at run time
 * cannot be told before it is used. */
static const char *httxt2dbm_availability(const conversion *c, const char *type)
{
    const char *name;
    hostmap_reason why;

    return hostmap_type_of(&name, "map", type, c->t->pool, &why)
           == APR_SUCCESS ? "available" : "unavailable";
}

static int httxt2dbm_usage(const conversion *c)
{
    fprintf(stderr,
            "%s -- makes maps for RewriteMap and ProxyExpressDBMFile\n"
            "Usage: %s [-v] [-f format] -i SOURCE_TXT -o OUTPUT_DBM\n"
            "\n"
            " -v    print what is done and every entry\n"
            " -i    the text, '-' is standard input\n"
            " -o    the map, which is made or added to\n"
            " -f    its format (default: that of the existing map, else APR's\n"
            "       default)\n"
            "           GDBM for GDBM files (%s)\n"
            "           SDBM for SDBM files (%s)\n"
            "           DB   for Berkeley DB files (%s)\n"
            "           NDBM for NDBM files (%s)\n"
            "           LMDB for LMDB files (%s)\n"
            "           default for the default format\n",
            c->name, c->name, httxt2dbm_availability(c, "gdbm"),
            httxt2dbm_availability(c, "sdbm"), httxt2dbm_availability(c, "db"),
            httxt2dbm_availability(c, "ndbm"),
            httxt2dbm_availability(c, "lmdb"));

    return TOOL_FAILED;
}

static int httxt2dbm_wrong_usage(const conversion *c, const char *what)
{
    fprintf(stderr, "Error: %s\n\n", what);

    return httxt2dbm_usage(c);
}

static int httxt2dbm_read_arguments(conversion *c)
{
    apr_getopt_t *os;
    const char *value;
    apr_status_t rv;
    char option;

    rv = apr_getopt_init(&os, c->t->pool, c->t->argc, c->t->argv);
    while (rv == APR_SUCCESS
           && (rv = apr_getopt(os, "vf:i:o:", &option, &value))
              == APR_SUCCESS) {
        const char **where = option == 'f' ? &c->format
                             : option == 'i' ? &c->input : &c->output;

        if (option == 'v' ? c->verbose : *where != NULL) {
            return httxt2dbm_wrong_usage(
                c, apr_psprintf(c->t->pool, "-%c can only be passed once",
                                option));
        }
        if (option == 'v') {
            c->verbose = 1;
        }
        else {
            *where = value;
        }
    }

    if (rv != APR_EOF) {
        return httxt2dbm_wrong_usage(c, "Parsing Arguments Failed");
    }
    if (!c->input) {
        return httxt2dbm_wrong_usage(c, "No input file specified.");
    }
    if (!c->output) {
        return httxt2dbm_wrong_usage(c, "No output DBM specified.");
    }
    if (!c->format) {
        c->format = "default";
    }

    return TOOL_DONE;
}

static int httxt2dbm_output_error(const conversion *c, apr_status_t rv,
                                  const hostmap_reason *why)
{
    char text[256];

    fprintf(stderr, "Error: output DBM '%s': %s\n", c->output,
            why->text[0] ? why->text : apr_strerror(rv, text, sizeof(text)));

    return TOOL_FAILED;
}

/* Stock opens what is there as APR's default type, and fails when it is of
 * another one: keep that one's type then. */
static apr_status_t httxt2dbm_choose_type(const char **type,
                                          const conversion *c,
                                          hostmap_reason *why)
{
    apr_pool_t *pool = c->t->pool;
    apr_status_t rv;

    if (strcasecmp(c->format, "default") != 0) {
        return hostmap_type_of(type, c->output, c->format, pool, why);
    }
    rv = tool_map_at(type, c->output, pool, why);
    if (APR_STATUS_IS_ENOENT(rv)) {
        rv = hostmap_type_default(type, pool, why);
    }

    return rv;
}

static apr_status_t httxt2dbm_store_all(hostmap_writer *writer, source *s,
                                        hostmap_reason *why)
{
    source_entry e;
    apr_status_t rv = APR_SUCCESS;

    while (rv == APR_SUCCESS && source_next(s, &e)) {
        rv = hostmap_writer_put(writer, hostmap_str_of(e.key, e.key_len),
                                hostmap_str_of(e.value, e.value_len), why);
        if (rv == APR_EINVAL) {
            source_reject(s, &e, why->text);
            rv = APR_SUCCESS;
        }
    }

    return rv == APR_SUCCESS ? source_status(s) : rv;
}

static int httxt2dbm_refuse(const conversion *c, const source *s)
{
    source_summary(s);
    fprintf(stderr, "Error: %s does not fit, '%s' was not written\n",
            source_bad(s) == 1 ? "an entry" : "some entries", c->output);

    return TOOL_FAILED;
}

static int httxt2dbm_write_map(const conversion *c, source *s, const char *type)
{
    hostmap_writer_options options = { type, source_bytes(s),
                                       HOSTMAP_WRITER_ADD
                                       | HOSTMAP_WRITER_ANY_KEY };
    hostmap_reason why = { "" };
    hostmap_writer *writer;
    apr_status_t rv;

    rv = hostmap_writer_open(&writer, c->output, &options, c->t->pool, &why);
    if (rv != APR_SUCCESS) {
        return httxt2dbm_output_error(c, rv, &why);
    }
    rv = httxt2dbm_store_all(writer, s, &why);
    if (rv != APR_SUCCESS || source_bad(s)) {
        hostmap_writer_abort(writer);
        return rv != APR_SUCCESS ? httxt2dbm_output_error(c, rv, &why)
                                 : httxt2dbm_refuse(c, s);
    }
    rv = hostmap_writer_commit(writer, &why);
    if (rv != APR_SUCCESS) {
        return httxt2dbm_output_error(c, rv, &why);
    }
    if (why.text[0]) {
        fprintf(stderr, "Warning: output DBM '%s': %s\n", c->output, why.text);
    }

    return TOOL_DONE;
}

static int httxt2dbm_convert(const conversion *c)
{
    hostmap_reason why = { "" };
    const char *type;
    source *s;
    apr_status_t rv;

    rv = httxt2dbm_choose_type(&type, c, &why);
    if (rv != APR_SUCCESS) {
        return httxt2dbm_output_error(c, rv, &why);
    }
    sort_beside(c->output);
    if (c->verbose) {
        fprintf(stderr, "DBM Format: %s\nInput File: %s\nDBM File: %s\n",
                c->format, c->input, c->output);
    }

    rv = source_read(&s, c->input, type, SOURCE_HTTXT2DBM
                     | (c->verbose ? SOURCE_VERBOSE : 0), c->t->pool);
    if (rv != APR_SUCCESS) {
        char text[256];

        fprintf(stderr, "Error: Cannot open input file '%s': (%d) %s\n",
                c->input, rv, apr_strerror(rv, text, sizeof(text)));
        return TOOL_FAILED;
    }
    if (source_bad(s)) {
        return httxt2dbm_refuse(c, s);
    }
    if (httxt2dbm_write_map(c, s, type) != TOOL_DONE) {
        return TOOL_FAILED;
    }
    if (c->verbose) {
        fputs("Conversion Complete.\n", stderr);
    }

    return TOOL_DONE;
}

int tool_httxt2dbm(tool *t)
{
    conversion c;

    memset(&c, 0, sizeof(c));
    c.t = t;
    c.name = t->called;
    if (t->argc <= 1) {
        return httxt2dbm_usage(&c);
    }
    if (httxt2dbm_read_arguments(&c) != TOOL_DONE) {
        return TOOL_FAILED;
    }

    return httxt2dbm_convert(&c);
}

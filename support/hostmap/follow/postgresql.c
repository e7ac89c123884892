/* SPDX-License-Identifier: Apache-2.0 */

/*
 * postgresql.c: hosts in tables of PostgreSQL, whose changes triggers write
 * into a log (print_sql.c).  Of a name, `hosts`:
 *
 *     switchboard.hosts_log        seq, tx, at, hosts[], entries[]
 *     switchboard.hosts_entries    a view: host, entry
 *
 * seq comes from a counter that is raised at commit, under a lock: without
 * gaps and in the order of commits.  A position is seq, transaction and time of
 * a row, so that another row of the same number, after a fail-over, is not
 * taken for it.  The only user of libpq.
 */

#include "store.h"

#include <endian.h>
#include <errno.h>
#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "apr_strings.h"

#include "message.h"

/* A server answers a look-up in the log within this time, ms; a snapshot may
 * have to be planned and read. */
#define ANSWER_MS       4000
#define SNAPSHOT_MS     60000

#define POLL_INTERVAL   250000000L

/* The first of the two numbers of an advisory lock. */
#define LOCK_CLASS      0x73776974

/* PGCOPY, flags, length of an extension */
#define COPY_HEADER     19

/* Rows of the log that are read at a time; a transaction is read whole. */
#define ROWS_FIRST      101
#define ROWS_MOST       1000000

typedef struct pg_store {
    follow_store base;
    const follow_access *access;
    /** the URL without our own word */
    const char *url;
    /** of the objects */
    const char *name;
    PGconn *conn;
    /** the lease that is held; 0: none */
    int lease;
} pg_store;

/* ---- errors ------------------------------------------------------------ */

static void pg_close(follow_store *store)
{
    pg_store *s = (pg_store *)store;

    if (s->conn) {
        PQfinish(s->conn);
        s->conn = NULL;
    }
    s->lease = 0;
}

/* The first line. */
static apr_status_t pg_fail(pg_store *s, apr_status_t rv, const char *text,
                            hostmap_reason *why)
{
    int len = (int)strcspn(text, "\n");

    follow_fail(why, rv, "%.*s", len > 240 ? 240 : len, text);
    if (rv == FOLLOW_EDOWN || rv == FOLLOW_EDENIED) {
        pg_close(&s->base);
    }

    return rv;
}

static apr_status_t connect_status(const char *text)
{
    static const char *const denied[] = {
        "authentication failed", "pg_hba.conf", "certificate",
        "does not exist", "no password supplied", "not permitted to log in",
        "server does not support SSL"
    };
    apr_size_t i;

    for (i = 0; i < sizeof(denied) / sizeof(denied[0]); i++) {
        if (strstr(text, denied[i])) {
            return FOLLOW_EDENIED;
        }
    }

    return FOLLOW_EDOWN;
}

/* Takes the result. */
static apr_status_t result_failed(pg_store *s, PGresult *result,
                                  hostmap_reason *why)
{
    const char *state = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE)
                               : NULL;
    apr_status_t rv = APR_EGENERAL;

    if (!state || strncmp(state, "08", 2) == 0
        || strncmp(state, "57", 2) == 0 || strncmp(state, "53", 2) == 0
        || strncmp(state, "40", 2) == 0) {
        rv = pg_fail(s, FOLLOW_EDOWN, s->conn ? PQerrorMessage(s->conn)
                                              : "not connected", why);
    }
    else if (strcmp(state, "42P01") == 0 || strcmp(state, "3F000") == 0) {
        rv = follow_fail(why, FOLLOW_ENOLOG, "the database has no log "
                         "switchboard.%s_log: `hostmap follow --print-sql` "
                         "prints how it is made", s->name);
    }
    else {
        rv = pg_fail(s, strncmp(state, "42501", 5) == 0
                        || strncmp(state, "28", 2) == 0 ? FOLLOW_EDENIED
                                                        : APR_EGENERAL,
                     PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY),
                     why);
    }
    PQclear(result);

    return rv;
}

/* ---- questions --------------------------------------------------------- */

/* Until what was sent is answered. */
static apr_status_t pg_ready(pg_store *s, int timeout, hostmap_reason *why)
{
    while (PQisBusy(s->conn)) {
        struct pollfd fd = { PQsocket(s->conn), POLLIN, 0 };
        int rc = poll(&fd, 1, timeout);

        if (rc < 0 && errno == EINTR) {
            continue;
        }
        if (rc == 0) {
            return pg_fail(s, FOLLOW_EDOWN, "the server has not answered for "
                           "seconds", why);
        }
        if (rc < 0 || !PQconsumeInput(s->conn)) {
            return pg_fail(s, FOLLOW_EDOWN, PQerrorMessage(s->conn), why);
        }
    }

    return APR_SUCCESS;
}

/* One statement.  @param result set for `wanted`, to be cleared */
static apr_status_t pg_ask(pg_store *s, PGresult **result,
                           ExecStatusType wanted, const char *statement,
                           hostmap_reason *why)
{
    PGresult *one, *last = NULL;
    apr_status_t rv = APR_SUCCESS;

    if (!s->conn) {
        return follow_fail(why, FOLLOW_EDOWN, "not connected");
    }
    if (!PQsendQuery(s->conn, statement)) {
        return pg_fail(s, FOLLOW_EDOWN, PQerrorMessage(s->conn), why);
    }
    do {
        rv = pg_ready(s, wanted == PGRES_COPY_OUT ? SNAPSHOT_MS : ANSWER_MS,
                      why);
        if (rv != APR_SUCCESS) {
            PQclear(last);
            return rv;
        }
        one = PQgetResult(s->conn);
        if (one) {
            PQclear(last);
            last = one;
        }
    } while (one && PQresultStatus(one) != PGRES_COPY_OUT);
    if (!last || PQresultStatus(last) != wanted) {
        return result_failed(s, last, why);
    }
    *result = last;

    return APR_SUCCESS;
}

static apr_status_t pg_do(pg_store *s, const char *statement,
                          hostmap_reason *why)
{
    PGresult *result = NULL;
    apr_status_t rv = pg_ask(s, &result, PGRES_COMMAND_OK, statement, why);

    PQclear(result);

    return rv;
}

#define PARAMETERS 9

/* Those of the URL, and ours.  @return how many */
static int parameters(const pg_store *s, const char **names,
                      const char **values)
{
    const struct {
        const char *name, *value;
    } all[PARAMETERS] = {
        { "connect_timeout", "3" },
        { "tcp_user_timeout", "4000" },
        { "keepalives_idle", "5" },
        { "fallback_application_name", "hostmap follow" },
        { "dbname", s->url },
        { "client_encoding", "SQL_ASCII" },
        { "sslrootcert", s->access->cafile },
        { "sslcert", s->access->cert },
        { "sslkey", s->access->key }
    };
    int i, n = 0;

    for (i = 0; i < PARAMETERS; i++) {
        if (all[i].value) {
            names[n] = all[i].name;
            values[n++] = all[i].value;
        }
    }

    return n;
}

static apr_status_t pg_connect(follow_store *store, hostmap_reason *why)
{
    pg_store *s = (pg_store *)store;
    const char *names[PARAMETERS + 2], *values[PARAMETERS + 2];
    char password[FOLLOW_PASSWORD_ROOM];
    apr_status_t rv;
    int n;

    if (s->conn) {
        return APR_SUCCESS;
    }
    rv = follow_password(password, sizeof(password), s->access, why);
    if (rv != APR_SUCCESS) {
        return FOLLOW_EDENIED;
    }
    n = parameters(s, names, values);
    if (*password) {
        names[n] = "password";
        values[n++] = password;
    }
    names[n] = values[n] = NULL;
    s->conn = PQconnectdbParams(names, values, 1);
    explicit_bzero(password, sizeof(password));
    if (PQstatus(s->conn) != CONNECTION_OK) {
        return pg_fail(s, connect_status(PQerrorMessage(s->conn)),
                       PQerrorMessage(s->conn), why);
    }

    return pg_do(s, "SET standard_conforming_strings = on", why);
}

/* ---- the log ----------------------------------------------------------- */

typedef struct pg_position {
    unsigned long long seq, tx, at;
} pg_position;

static int position_read(pg_position *p, const char *text)
{
    int end = 0;

    return sscanf(text, "%20llu:%20llu:%20llu%n", &p->seq, &p->tx, &p->at,
                  &end) == 3 && !text[end];
}

/* The columns seq, tx, at of a row. */
static void position_of(follow_position *position, apr_time_t *time,
                        const PGresult *rows, int row)
{
    snprintf(position->text, sizeof(position->text), "%.20s:%.20s:%.20s",
             PQgetvalue(rows, row, 0), PQgetvalue(rows, row, 1),
             PQgetvalue(rows, row, 2));
    *time = (apr_time_t)strtoll(PQgetvalue(rows, row, 2), NULL, 10);
}

#define POSITION_COLUMNS \
    "l.seq, l.tx, (extract(epoch FROM l.at) * 1000000)::bigint"

static apr_status_t pg_end(follow_store *store, follow_position *end,
                           apr_time_t *time, hostmap_reason *why)
{
    pg_store *s = (pg_store *)store;
    char statement[256];
    PGresult *rows;
    apr_status_t rv;

    snprintf(statement, sizeof(statement), "SELECT " POSITION_COLUMNS
             " FROM switchboard.%s_log l ORDER BY l.seq DESC LIMIT 1",
             s->name);
    rv = pg_ask(s, &rows, PGRES_TUPLES_OK, statement, why);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (PQntuples(rows) == 0) {
        rv = follow_fail(why, FOLLOW_ENOLOG, "switchboard.%s_log is empty: "
                         "its last row has to stay", s->name);
    }
    else {
        position_of(end, time, rows, 0);
    }
    PQclear(rows);

    return rv;
}

/* The first row is not the one at the position: why? */
static apr_status_t explain(pg_store *s, const pg_position *at,
                            hostmap_reason *why)
{
    follow_position end;
    pg_position last;
    apr_time_t time;
    apr_status_t rv;

    rv = pg_end(&s->base, &end, &time, why);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    position_read(&last, end.text);
    if (last.seq < at->seq) {
        return follow_fail(why, FOLLOW_EBEHIND, "the log ends at %llu",
                           last.seq);
    }

    return follow_fail(why, FOLLOW_ELOST, "the log was cleaned past the "
                       "map's position or has another history than the map");
}

/* Rows of the log from one on, a line for each of their hosts. */
static apr_status_t read_rows(pg_store *s, PGresult **rows,
                              unsigned long long seq, int limit,
                              hostmap_reason *why)
{
    char statement[512];

    snprintf(statement, sizeof(statement), "SELECT " POSITION_COLUMNS
             ", u.host, u.entry FROM (SELECT * FROM switchboard.%s_log "
             "WHERE seq >= %llu ORDER BY seq LIMIT %d) l LEFT JOIN LATERAL "
             "unnest(l.hosts, l.entries) WITH ORDINALITY AS u(host, entry, n) "
             "ON true ORDER BY l.seq, u.n", s->name, seq, limit);

    return pg_ask(s, rows, PGRES_TUPLES_OK, statement, why);
}

static int same_text(const PGresult *rows, int a, int b, int column)
{
    return strcmp(PQgetvalue(rows, a, column), PQgetvalue(rows, b, column))
           == 0;
}

/* How many rows of the log there are among the lines. */
static int log_rows(const PGresult *rows)
{
    int count = PQntuples(rows) > 0, i;

    for (i = 1; i < PQntuples(rows); i++) {
        count += !same_text(rows, i, i - 1, 0);
    }

    return count;
}

/* A transaction: its lines from one on.  @return the line after it */
static int transaction_end(const PGresult *rows, int from)
{
    int i = from;

    while (i < PQntuples(rows) && same_text(rows, i, from, 1)) {
        i++;
    }

    return i;
}

static apr_status_t give_out(const PGresult *rows, int from, int to,
                             follow_entry_fn *fn, void *baton)
{
    hostmap_pair *pairs = tool_realloc(NULL, (apr_size_t)(to - from)
                                             * sizeof(*pairs));
    follow_entry entry;
    apr_status_t rv;
    int i;

    position_of(&entry.position, &entry.time, rows, to - 1);
    entry.pairs = pairs;
    entry.count = 0;
    for (i = from; i < to; i++) {
        hostmap_pair *pair = &pairs[entry.count];

        if (PQgetisnull(rows, i, 3)) {
            continue;
        }
        pair->key = hostmap_str_of(PQgetvalue(rows, i, 3),
                                   (apr_size_t)PQgetlength(rows, i, 3));
        pair->value = hostmap_str_of(PQgetvalue(rows, i, 4),
                                     (apr_size_t)PQgetlength(rows, i, 4));
        entry.count++;
    }
    rv = fn(baton, &entry);
    free(pairs);

    return rv;
}

/* All whole transactions after the first row; one that goes on after the last
 * row that was read is left for the next time.
 * @param given set to their number */
static apr_status_t give_all(const PGresult *rows, int is_end, int *given,
                             follow_entry_fn *fn, void *baton)
{
    apr_status_t rv = APR_SUCCESS;
    int at = 0;

    while (at < PQntuples(rows) && same_text(rows, at, 0, 0)) {
        at++;
    }
    *given = 0;
    while (at < PQntuples(rows) && rv == APR_SUCCESS) {
        int to = transaction_end(rows, at);

        if (to == PQntuples(rows) && !is_end) {
            break;
        }
        rv = give_out(rows, at, to, fn, baton);
        ++*given;
        at = to;
    }

    return rv;
}

static apr_status_t pg_read(follow_store *store, const follow_position *from,
                            follow_entry_fn *fn, void *baton, int *more,
                            hostmap_reason *why)
{
    pg_store *s = (pg_store *)store;
    int limit = ROWS_FIRST, given = 0, is_end = 0;
    follow_position first;
    pg_position at;
    PGresult *rows;
    apr_time_t time;
    apr_status_t rv;

    if (!position_read(&at, from->text)) {
        return follow_fail(why, FOLLOW_ELOST, "the map's position is not one "
                           "of PostgreSQL");
    }
    do {
        rv = read_rows(s, &rows, at.seq, limit, why);
        if (rv != APR_SUCCESS) {
            return rv;
        }
        if (PQntuples(rows) > 0) {
            position_of(&first, &time, rows, 0);
        }
        if (PQntuples(rows) == 0 || !follow_position_equal(&first, from)) {
            PQclear(rows);
            return explain(s, &at, why);
        }
        is_end = log_rows(rows) < limit;
        rv = give_all(rows, is_end, &given, fn, baton);
        PQclear(rows);
        /* a transaction of more rows than were read */
        limit *= 10;
    } while (rv == APR_SUCCESS && !is_end && given == 0
             && limit <= ROWS_MOST);
    *more = !is_end;

    return rv;
}

static apr_status_t pg_wait(follow_store *store, const follow_position *from,
                            hostmap_reason *why)
{
    struct timespec interval = { 0, POLL_INTERVAL };

    (void)store;
    (void)from;
    (void)why;

    return nanosleep(&interval, NULL) == 0 ? APR_SUCCESS : APR_EINTR;
}

/* ---- snapshots --------------------------------------------------------- */

/* A field of COPY's binary format: its length, -1 for NULL, then its bytes.
 * @return 1; 0: the bytes end before */
static int copy_field(hostmap_str *field, const char **at, const char *end)
{
    apr_uint32_t len;

    if (end - *at < 4) {
        return 0;
    }
    memcpy(&len, *at, sizeof(len));
    len = be32toh(len);
    *at += 4;
    if (len == 0xffffffff) {
        *field = hostmap_str_of("", 0);
        return 1;
    }
    if (len > (apr_size_t)(end - *at)) {
        return 0;
    }
    *field = hostmap_str_of(*at, len);
    *at += len;

    return 1;
}

/* A row of two columns.  The first one has the header before it; the last
 * one is the trailer. */
static apr_status_t copy_row(pg_store *s, const char *bytes, int len,
                             int *has_header, hostmap_each_fn *fn,
                             void *baton, hostmap_reason *why)
{
    const char *at = bytes, *end = bytes + len;
    hostmap_str host, entry;

    if (!*has_header) {
        if (len < COPY_HEADER) {
            return pg_fail(s, FOLLOW_EDOWN, "COPY's answer is not of its "
                           "shape", why);
        }
        *has_header = 1;
        at += COPY_HEADER;
    }
    if (at == end || (end - at == 2 && memcmp(at, "\xff\xff", 2) == 0)) {
        return APR_SUCCESS;
    }
    at += 2;
    if (end - at < 0 || !copy_field(&host, &at, end)
        || !copy_field(&entry, &at, end)) {
        return pg_fail(s, FOLLOW_EDOWN, "COPY's answer is not of its shape",
                       why);
    }

    return fn(baton, host, entry);
}

/* As PQgetCopyData(), but a server that is silent is noticed: -2, reported. */
static int copy_next(pg_store *s, char **bytes, hostmap_reason *why)
{
    int len;

    while ((len = PQgetCopyData(s->conn, bytes, 1)) == 0) {
        struct pollfd fd = { PQsocket(s->conn), POLLIN, 0 };
        int rc = poll(&fd, 1, SNAPSHOT_MS);

        if (rc < 0 && errno == EINTR) {
            continue;
        }
        if (rc <= 0 || !PQconsumeInput(s->conn)) {
            pg_fail(s, FOLLOW_EDOWN, "the server does not go on with its "
                    "answer", why);
            return -2;
        }
    }
    if (len == -2) {
        pg_fail(s, FOLLOW_EDOWN, PQerrorMessage(s->conn), why);
    }

    return len;
}

static apr_status_t copy_all(pg_store *s, hostmap_each_fn *fn, void *baton,
                             hostmap_reason *why)
{
    apr_status_t rv = APR_SUCCESS;
    int len, has_header = 0;
    PGresult *result;
    char *bytes;

    while ((len = copy_next(s, &bytes, why)) > 0) {
        rv = copy_row(s, bytes, len, &has_header, fn, baton, why);
        PQfreemem(bytes);
        if (rv != APR_SUCCESS) {
            pg_close(&s->base);
            return rv;
        }
    }
    if (len < -1) {
        return FOLLOW_EDOWN;
    }
    result = PQgetResult(s->conn);
    if (PQresultStatus(result) != PGRES_COMMAND_OK) {
        return result_failed(s, result, why);
    }
    PQclear(result);
    while ((result = PQgetResult(s->conn)) != NULL) {
        PQclear(result);
    }

    return APR_SUCCESS;
}

static apr_status_t pg_copy(pg_store *s, hostmap_each_fn *fn, void *baton,
                            hostmap_reason *why)
{
    PGresult *result = NULL;
    char statement[256];
    apr_status_t rv;

    snprintf(statement, sizeof(statement), "COPY (SELECT host, entry FROM "
             "switchboard.%s_entries) TO STDOUT (FORMAT binary)", s->name);
    rv = pg_ask(s, &result, PGRES_COPY_OUT, statement, why);
    PQclear(result);

    return rv == APR_SUCCESS ? copy_all(s, fn, baton, why) : rv;
}

/* One view of log and tables: the position is exact. */
static apr_status_t pg_snapshot(follow_store *store, follow_entry *from,
                                hostmap_each_fn *fn, void *baton,
                                hostmap_reason *why)
{
    pg_store *s = (pg_store *)store;
    apr_status_t rv;

    rv = pg_do(s, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", why);
    if (rv == APR_SUCCESS && from) {
        rv = pg_end(store, &from->position, &from->time, why);
    }
    if (rv == APR_SUCCESS) {
        rv = pg_copy(s, fn, baton, why);
    }
    if (s->conn) {
        hostmap_reason ignored;
        apr_status_t ended = pg_do(s, rv == APR_SUCCESS ? "COMMIT"
                                   : "ROLLBACK", rv == APR_SUCCESS ? why
                                                                   : &ignored);

        rv = rv == APR_SUCCESS ? ended : rv;
    }

    return rv;
}

static unsigned name_hash(const char *name)
{
    hostmap_str text = hostmap_str_text(name);

    return follow_digest_mark(&text, 1) & 0xffffff;
}

static apr_status_t pg_lock(pg_store *s, const char *function, int slot,
                            int *done, hostmap_reason *why)
{
    char statement[128];
    PGresult *rows;
    apr_status_t rv;

    snprintf(statement, sizeof(statement), "SELECT %s(%d, %u)", function,
             LOCK_CLASS, name_hash(s->name) + (unsigned)slot);
    rv = pg_ask(s, &rows, PGRES_TUPLES_OK, statement, why);
    if (rv == APR_SUCCESS) {
        *done = PQgetvalue(rows, 0, 0)[0] == 't';
        PQclear(rows);
    }

    return rv;
}

static apr_status_t pg_lease(follow_store *store, int slots, const char *node,
                             hostmap_reason *why)
{
    pg_store *s = (pg_store *)store;
    int i, held = 0;

    (void)node;
    for (i = 1; i <= slots && !held; i++) {
        apr_status_t rv = pg_lock(s, "pg_try_advisory_lock", i, &held, why);

        if (rv != APR_SUCCESS) {
            return rv;
        }
        s->lease = held ? i : 0;
    }

    return held ? APR_SUCCESS
                : follow_fail(why, FOLLOW_EBUSY, "%d others take a snapshot "
                              "now", slots);
}

static void pg_release(follow_store *store)
{
    pg_store *s = (pg_store *)store;
    hostmap_reason ignored;
    int done;

    if (s->lease && s->conn) {
        pg_lock(s, "pg_advisory_unlock", s->lease, &done, &ignored);
    }
    s->lease = 0;
}

/* ---- the provider ------------------------------------------------------ */

/* Names of tables are made of the name. */
static int is_identifier(hostmap_str name)
{
    apr_size_t i;

    for (i = 0; i < name.len; i++) {
        char c = name.ptr[i];

        if (!((c >= 'a' && c <= 'z') || c == '_'
              || (i > 0 && c >= '0' && c <= '9'))) {
            return 0;
        }
    }

    return name.len <= 30;
}

static apr_status_t pg_create(follow_store **store, const follow_url *url,
                              const follow_access *access, apr_pool_t *pool,
                              hostmap_reason *why)
{
    pg_store *s = apr_pcalloc(pool, sizeof(*s));

    if (!is_identifier(url->name)) {
        return follow_fail(why, APR_EINVAL, "name=%.*s: expected small "
                           "letters, digits and `_`, at most 30",
                           (int)url->name.len, url->name.ptr);
    }
    s->base.provider = &follow_postgresql;
    s->access = access;
    s->url = apr_psprintf(pool, "%.*s%.*s", (int)url->before.len,
                          url->before.ptr, (int)url->after.len,
                          url->after.ptr);
    s->name = apr_pstrmemdup(pool, url->name.ptr, url->name.len);
    *store = &s->base;

    return APR_SUCCESS;
}

const follow_provider follow_postgresql = {
    "postgresql",
    pg_create,
    pg_connect,
    pg_close,
    pg_end,
    pg_read,
    pg_wait,
    pg_snapshot,
    pg_lease,
    pg_release,
    NULL,
    NULL,
    NULL,
    NULL
};

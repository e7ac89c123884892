/* SPDX-License-Identifier: Apache-2.0 */

/*
 * top_screen.c: the figures of a server, its backends and its busiest hosts as
 * lines that fit a terminal.
 */

#include "top_screen.h"

#include "base/json.h"

/* The longest name of a host or backend that is read. */
#define NAME_MAX_BYTES 600

/* Lines of a screen that are neither hosts nor backends. */
#define SCREEN_FIXED 8

static double number_of(hostmap_str object, const char *name)
{
    return hostmap_json_number(hostmap_json_get(object, name), 0);
}

/* A text for a terminal: nothing that it takes for a command. */
static const char *text_of(char *buffer, hostmap_str object, const char *name)
{
    apr_size_t len, i;

    len = hostmap_json_text(buffer, NAME_MAX_BYTES,
                            hostmap_json_get(object, name));
    for (i = 0; i < len; i++) {
        if (buffer[i] < ' ' || buffer[i] > '~') {
            buffer[i] = '?';
        }
    }
    return buffer;
}

/* A number in five columns. */
static const char *shorten(char buffer[16], double n)
{
    static const char units[] = " kMGTPE";
    unsigned unit = 0;

    while (n >= 9999.5 && unit + 2 < sizeof(units)) {
        n /= 1000;
        unit++;
    }
    if (unit == 0) {
        snprintf(buffer, 16, "%.0f", n);
    }
    else {
        snprintf(buffer, 16, "%.0f%c", n, units[unit]);
    }
    return buffer;
}

static const char *duration_of(char buffer[16], double seconds)
{
    if (seconds < 0.9995) {
        snprintf(buffer, 16, "%.*fms", seconds < 0.00995 ? 1 : 0,
                 seconds * 1000);
    }
    else if (seconds < 600) {
        snprintf(buffer, 16, "%.1fs", seconds);
    }
    else {
        snprintf(buffer, 16, "%.0fmin", seconds / 60);
    }
    return buffer;
}

static double share(double part, double whole)
{
    return whole > 0 ? 100 * part / whole : 0;
}

/* ---- the server -------------------------------------------------------- */

static void print_server(top_screen *screen, hostmap_str text, FILE *to)
{
    hostmap_str requests = hostmap_json_get(text, "requests");
    hostmap_str duration = hostmap_json_get(requests, "duration");
    hostmap_str classes = hostmap_json_get(requests, "classes");
    top_before now, since = screen->before;
    char name[NAME_MAX_BYTES], a[16], b[16], c[16];
    double seconds;

    now.time = number_of(text, "time");
    now.requests = number_of(requests, "total");
    now.errors = number_of(classes, "5xx");
    now.bytes = number_of(requests, "bytes");
    /* the first screen has the mean since the counters began */
    if (since.time == 0 || now.requests < since.requests) {
        memset(&since, 0, sizeof(since));
        since.time = number_of(text, "since");
    }
    screen->before = now;
    seconds = now.time - since.time;
    if (seconds <= 0) {
        seconds = 1;
    }
    fprintf(to, "%.*s: %s requests in %s, %.0f of %.0f workers busy%s",
            screen->width / 2, text_of(name, text, "server"),
            shorten(a, now.requests),
            duration_of(b, now.time - number_of(text, "since")),
            number_of(requests, "busy_workers"),
            number_of(requests, "workers"), screen->eol);
    fprintf(to, "%s/s, %s bytes/s, 5xx %.1f %%%s",
            shorten(a, (now.requests - since.requests) / seconds),
            shorten(b, (now.bytes - since.bytes) / seconds),
            share(now.errors - since.errors, now.requests - since.requests),
            screen->eol);
    fprintf(to, "whole requests: median %s, 99 %% %s, 99.9 %% %s%s",
            duration_of(a, number_of(duration, "p50")),
            duration_of(b, number_of(duration, "p99")),
            duration_of(c, number_of(duration, "p999")), screen->eol);
}

static int print_maps(const top_screen *screen, hostmap_str text, FILE *to)
{
    hostmap_str maps = hostmap_json_get(text, "maps"), map;
    char name[NAME_MAX_BYTES], state[NAME_MAX_BYTES], a[16], b[16];
    double now = number_of(text, "time");
    int lines = 0;

    while (lines < 3 && hostmap_json_next(&maps, &map)) {
        double entries = number_of(map, "entries");
        double modified = number_of(map, "modified");

        fprintf(to, "map %.*s: %.12s, %s entries, written %s%s%s",
                screen->width > 50 ? screen->width - 50 : 10,
                text_of(name, map, "path"), text_of(state, map, "state"),
                entries < 0 ? "?" : shorten(a, entries),
                modified > 0 ? duration_of(b, now - modified) : "never",
                modified > 0 ? " ago" : "", screen->eol);
        lines++;
    }
    return lines;
}

/* ---- lists ------------------------------------------------------------- */

static void print_backend(const top_screen *screen, hostmap_str backend,
                          FILE *to)
{
    hostmap_str first_byte = hostmap_json_get(backend, "first_byte");
    hostmap_str counts = hostmap_json_get(backend, "counts");
    double reused = number_of(counts, "reused");
    char name[NAME_MAX_BYTES], state[NAME_MAX_BYTES], last[NAME_MAX_BYTES];
    char a[16], b[16], c[16], d[16], e[16];

    if (*text_of(name, backend, "backend") == '\0') {
        strcpy(name, "(those without a slot)");
    }
    fprintf(to, "%-8.8s %6s %5s %5s %7s %7s %5.0f%% %-8.8s %.*s%s",
            text_of(state, backend, "state"),
            shorten(a, number_of(backend, "requests")),
            shorten(b, number_of(backend, "failures")),
            shorten(c, number_of(backend, "in_flight")),
            duration_of(d, number_of(first_byte, "p50")),
            duration_of(e, number_of(first_byte, "p99")),
            share(reused, reused + number_of(counts, "new")),
            text_of(last, backend, "last_failure"),
            screen->width > 61 ? screen->width - 61 : 20, name,
            screen->eol);
}

static int print_backends(const top_screen *screen, hostmap_str text,
                          int most, FILE *to)
{
    hostmap_str backends = hostmap_json_get(text, "backends"), backend;
    int lines = 0;

    fprintf(to, "%s%-8s %6s %5s %5s %7s %7s %6s %-8s %s%s", screen->eol,
            "STATE", "REQ", "FAIL", "NOW", "MEDIAN", "99 %", "REUSED",
            "LAST", "BACKEND", screen->eol);
    while (lines < most && hostmap_json_next(&backends, &backend)) {
        print_backend(screen, backend, to);
        lines++;
    }
    return lines;
}

static void print_host(const top_screen *screen, hostmap_str hit, FILE *to)
{
    double requests = number_of(hit, "requests");
    double errors = number_of(hit, "errors");
    char name[NAME_MAX_BYTES], a[16], b[16], c[16], d[16];

    fprintf(to, "%7s %6s %6.1f%% %6s %7s  %.*s%s%s",
            shorten(a, number_of(hit, "recent")), shorten(b, requests),
            share(errors, requests), shorten(c, number_of(hit, "bytes")),
            duration_of(d, requests > 0
                        ? number_of(hit, "seconds") / requests : 0),
            screen->width > 41 ? screen->width - 41 : 20,
            text_of(name, hit, "key"),
            hostmap_json_true(hostmap_json_get(hit, "cut")) ? "..." : "",
            screen->eol);
}

static void print_hosts(const top_screen *screen, hostmap_str text, int most,
                        FILE *to)
{
    static const char *const lists[] = {
        "by_recent", "by_requests", "by_errors", "by_bytes", "by_seconds"
    };
    hostmap_str entries = hostmap_json_get(text, "entries"), list, hit;
    const char *order = strchr(TOP_ORDERS, screen->order);
    int lines = 0;

    fprintf(to, "%s%7s %6s %7s %6s %7s  ENTRY, %s%s", screen->eol, "CURRENT",
            "REQ", "5xx", "BYTES", "MEAN",
            lists[order - TOP_ORDERS], screen->eol);
    list = hostmap_json_get(entries, lists[order - TOP_ORDERS]);
    while (lines < most && hostmap_json_next(&list, &hit)) {
        print_host(screen, hit, to);
        lines++;
    }
}

int top_screen_print(top_screen *screen, hostmap_str text, FILE *to)
{
    int room = screen->height - SCREEN_FIXED;
    int most = screen->height ? room / 3 : 1000;

    if (hostmap_json_get(text, "requests").len == 0
        || hostmap_json_get(text, "entries").len == 0
        || hostmap_json_get(text, "backends").len == 0) {
        return 0;
    }
    print_server(screen, text, to);
    room -= print_maps(screen, text, to);
    room -= print_backends(screen, text, most > 1 ? most : 1, to);
    print_hosts(screen, text, screen->height ? room > 1 ? room : 1 : 1000, to);
    return 1;
}

/* SPDX-License-Identifier: Apache-2.0 */

/*
 * top.c: `hostmap top`, the figures of mod_switchboard_status in a terminal.
 * What a screen shows is in top_screen.c.
 */

#include "verbs.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "apr_strings.h"

#include "base/json.h"
#include "get_http.h"
#include "store.h"
#include "top_screen.h"

#define INTERVAL apr_time_from_sec(2)
#define INTERVAL_LEAST apr_time_from_msec(100)
#define INTERVAL_MOST apr_time_from_sec(3600)

/* Another screen buffer and no cursor; and back. */
#define SCREEN_BEGIN "\033[?1049h\033[?25l"
#define SCREEN_END "\033[?25h\033[?1049l"
/* To the first line; the rest of a line, of the screen is cleared. */
#define SCREEN_HOME "\033[H"
#define SCREEN_EOL "\033[K\r\n"
#define SCREEN_CLEAR "\033[J"

static volatile sig_atomic_t top_is_over;

static void top_end(int number)
{
    (void)number;
    top_is_over = 1;
}

static int is_url(const char *where)
{
    return strstr(where, "://") != NULL;
}

/* The endpoint's JSON, whatever form the URL names. */
static const char *url_of_json(const char *url, apr_pool_t *pool)
{
    if (strstr(url, "format=")) {
        return url;
    }
    return apr_pstrcat(pool, url, strchr(url, '?') ? "&" : "?", "format=json",
                       NULL);
}

static apr_status_t read_file(hostmap_str *text, const char *path,
                              apr_pool_t *pool, hostmap_reason *why)
{
    apr_size_t size = 1 << 16, used = 0;
    char *bytes = NULL;
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "r");
    int failed;

    if (!file) {
        return hostmap_fail(why, APR_FROM_OS_ERROR(errno), "cannot open");
    }
    do {
        size *= 2;
        bytes = tool_realloc(bytes, size);
        used += fread(bytes + used, 1, size - used, file);
    } while (used == size && size < GET_HTTP_MAX);
    failed = ferror(file);
    if (file != stdin) {
        fclose(file);
    }
    *text = hostmap_str_of(apr_pmemdup(pool, bytes, used), used);
    free(bytes);
    return failed ? hostmap_fail(why, HOSTMAP_EFORMAT, "cannot be read")
           : used == size ? hostmap_fail(why, HOSTMAP_EFORMAT, "is longer than "
                                         "%d bytes", GET_HTTP_MAX)
                          : APR_SUCCESS;
}

/* One screen, or why there is none. */
static apr_status_t show(top_screen *screen, const char *where, FILE *to,
                         apr_pool_t *pool, hostmap_reason *why)
{
    hostmap_str text;
    apr_status_t rv;

    rv = is_url(where) ? get_http(&text, url_of_json(where, pool),
                                  "application/json", pool, why)
                       : read_file(&text, where, pool, why);
    if (rv == APR_SUCCESS && (hostmap_json_check(text) != APR_SUCCESS
                              || !top_screen_print(screen, text, to))) {
        rv = hostmap_fail(why, HOSTMAP_EFORMAT, "this is not the JSON of "
                          "mod_switchboard_status");
    }
    return rv;
}

/* ---- in a terminal ----------------------------------------------------- */

static void screen_measure(top_screen *screen)
{
    struct winsize size;

    screen->width = 80;
    screen->height = 24;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0
        && size.ws_row > 0) {
        screen->width = size.ws_col;
        screen->height = size.ws_row;
    }
}

/* A screen at once, so that none is seen half: it is made in memory. */
static void screen_refresh(top_screen *screen, const char *where,
                           apr_pool_t *pool)
{
    hostmap_reason why = { "" };
    char *bytes = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&bytes, &size);

    if (!to) {
        return;
    }
    screen_measure(screen);
    fputs(SCREEN_HOME, stdout);
    if (show(screen, where, to, pool, &why) != APR_SUCCESS) {
        fprintf(to, "%.*s: %.*s%s", screen->width / 2, where,
                screen->width / 2 - 2, why.text, SCREEN_EOL);
    }
    fclose(to);
    fwrite(bytes, 1, size, stdout);
    fputs(SCREEN_CLEAR, stdout);
    fflush(stdout);
    free(bytes);
}

/* Waits for a key or the end of the time.  @return the key, or 0 */
static char wait_for_key(apr_interval_time_t time)
{
    struct pollfd in = { STDIN_FILENO, POLLIN, 0 };
    char key = 0;

    if (poll(&in, 1, (int)apr_time_as_msec(time)) > 0
        && read(STDIN_FILENO, &key, 1) <= 0) {
        /* the terminal is gone */
        key = 'q';
    }
    return key;
}

static void watch(top_screen *screen, const char *where,
                  apr_interval_time_t interval, apr_pool_t *pool)
{
    apr_pool_t *scratch;

    apr_pool_create(&scratch, pool);
    while (!top_is_over) {
        char key;

        apr_pool_clear(scratch);
        screen_refresh(screen, where, scratch);
        key = wait_for_key(interval);
        if (key == 'q') {
            return;
        }
        if (key && strchr(TOP_ORDERS, key)) {
            screen->order = key;
        }
    }
}

static int run_screen(top_screen *screen, const char *where,
                      apr_interval_time_t interval, apr_pool_t *pool)
{
    struct sigaction end;
    struct termios before, raw;

    memset(&end, 0, sizeof(end));
    end.sa_handler = top_end;
    sigaction(SIGINT, &end, NULL);
    sigaction(SIGTERM, &end, NULL);
    sigaction(SIGHUP, &end, NULL);
    if (tcgetattr(STDIN_FILENO, &before) != 0) {
        return tool_error("standard input is no terminal: --once prints "
                          "without one");
    }
    raw = before;
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    fputs(SCREEN_BEGIN, stdout);
    screen->eol = SCREEN_EOL;
    watch(screen, where, interval, pool);
    fputs(SCREEN_END, stdout);
    fflush(stdout);
    tcsetattr(STDIN_FILENO, TCSANOW, &before);
    return TOOL_DONE;
}

int tool_top(tool *t)
{
    apr_interval_time_t interval = INTERVAL;
    const char *where = t->operands[0];
    hostmap_reason why = { "" };
    top_screen screen;
    apr_status_t rv;

    memset(&screen, 0, sizeof(screen));
    screen.order = TOP_ORDERS[0];
    if (verb_read_time(&interval, "--interval", t->store[TOOL_STORE_INTERVAL])
        != TOOL_DONE) {
        return TOOL_FAILED;
    }
    if (interval < INTERVAL_LEAST || interval > INTERVAL_MOST) {
        return tool_error("--interval %s: expected 100ms to 1h",
                          t->store[TOOL_STORE_INTERVAL]);
    }
    if (is_url(where) && !t->store[TOOL_STORE_ONCE]
        && isatty(STDOUT_FILENO)) {
        return run_screen(&screen, where, interval, t->pool);
    }
    screen.width = 200;
    screen.eol = "\n";
    rv = show(&screen, where, stdout, t->pool, &why);
    return rv == APR_SUCCESS ? TOOL_DONE : tool_file_error(where, rv, &why);
}

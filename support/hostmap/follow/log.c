/* SPDX-License-Identifier: Apache-2.0 */

/*
 * log.c: lines for the journal, datagrams for the service manager.
 */

#include "log.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "message.h"

#define LINE_MAX_BYTES 1024

static void log_line(int priority, const char *line)
{
    if (getenv("JOURNAL_STREAM")) {
        fprintf(stderr, "<%d>", priority);
    }
    fputs("hostmap: ", stderr);
    tool_write(stderr, line, strlen(line), 0);
    fputc('\n', stderr);
}

void follow_log(int priority, const char *format, ...)
{
    char line[LINE_MAX_BYTES];
    va_list args;

    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    log_line(priority, line);
}

void follow_log_limited(hostmap_limit *limit, int priority,
                        const char *format, ...)
{
    char line[LINE_MAX_BYTES];
    apr_uint32_t held;
    va_list args;
    int len;

    if (!hostmap_limit_pass(limit, &held, apr_time_now())) {
        return;
    }
    va_start(args, format);
    len = vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    if (held && len >= 0 && (size_t)len < sizeof(line)) {
        snprintf(line + len, sizeof(line) - (size_t)len,
                 " (%u more since the last time)", (unsigned)held);
    }
    log_line(priority, line);
}

void follow_notify(const char *format, ...)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un to;
    char text[LINE_MAX_BYTES];
    va_list args;
    size_t len;
    int fd;

    if (!path || strlen(path) < 2 || strlen(path) >= sizeof(to.sun_path)) {
        return;
    }
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    memset(&to, 0, sizeof(to));
    to.sun_family = AF_UNIX;
    len = strlen(path);
    memcpy(to.sun_path, path, len);
    if (to.sun_path[0] == '@') {
        to.sun_path[0] = '\0';
    }
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return;
    }
    /* a manager that does not listen is not waited for */
    (void)!sendto(fd, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL,
                  (struct sockaddr *)&to,
                  (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
    close(fd);
}

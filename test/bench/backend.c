/* SPDX-License-Identifier: Apache-2.0 */

/*
 * backend.c: a backend that costs next to nothing, so that what is measured is
 * the server in front of it.
 *
 * One process, one thread, epoll.  Listens on so many free ports of loopback,
 * says which, and answers every request at once, naming the port that it came
 * to: GET /lean with as little as possible, all else as an application answers
 * with a page of 4 KB.  Ends when its standard input does, or its parent.
 *
 * usage: backend PORTS
 */

#define _GNU_SOURCE

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define PORTS_MAX   64
#define EVENTS      64
#define REQUEST_MAX 8192
#define PAGE_BYTES  4096
#define ANSWER_MAX  (PAGE_BYTES + 1024)

#define LEAN_HEADERS "Content-Type: text/plain\r\nContent-Length: 6\r\n"
#define PAGE_HEADERS "Date: Thu, 01 Jan 2026 00:00:00 GMT\r\n" \
    "Server: application\r\nContent-Type: text/html; charset=utf-8\r\n" \
    "Content-Length: 4096\r\nCache-Control: private, max-age=0\r\n" \
    "Vary: Accept-Encoding, Cookie\r\nETag: \"5f3c-64a1b2c3d4e5f\"\r\n" \
    "Last-Modified: Wed, 31 Dec 2025 23:00:00 GMT\r\n" \
    "X-Frame-Options: SAMEORIGIN\r\n" \
    "Set-Cookie: session=0123456789abcdef; Path=/; HttpOnly\r\n"

typedef struct peer {
    int fd;
    int listens;
    unsigned port;
    size_t len;
    char buf[REQUEST_MAX];
} peer;

static int poll_fd;

static void fail(const char *what)
{
    fprintf(stderr, "backend: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void peer_watch(peer *p)
{
    struct epoll_event event;

    event.events = EPOLLIN;
    event.data.ptr = p;
    if (epoll_ctl(poll_fd, EPOLL_CTL_ADD, p->fd, &event) != 0) {
        fail("epoll_ctl");
    }
}

static peer *peer_new(int fd, int listens, unsigned port)
{
    peer *p = malloc(sizeof(*p));

    if (!p) {
        fail("malloc");
    }
    p->fd = fd;
    p->listens = listens;
    p->port = port;
    p->len = 0;
    peer_watch(p);
    return p;
}

static void peer_end(peer *p)
{
    close(p->fd);
    free(p);
}

static unsigned listen_somewhere(void)
{
    struct sockaddr_in addr;
    socklen_t len = sizeof(addr);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    memset(&addr, 0, sizeof(addr));
    addr.sin_family = AF_INET;
    addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)) != 0
        || listen(fd, 511) != 0
        || getsockname(fd, (struct sockaddr *)&addr, &len) != 0) {
        fail("listen");
    }
    peer_new(fd, 1, ntohs(addr.sin_port));
    return ntohs(addr.sin_port);
}

static void accept_all(peer *listener)
{
    int one = 1, fd;

    while ((fd = accept4(listener->fd, NULL, NULL,
                         SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        peer_new(fd, 0, listener->port);
    }
}

/* 0: the connection is to be closed */
static int answer(peer *p, int last)
{
    int lean = strncmp(p->buf, "GET /lean ", 10) == 0;
    char out[ANSWER_MAX];
    int len;

    len = snprintf(out, sizeof(out), "HTTP/1.1 200 OK\r\n%s"
                   "X-Backend: %u\r\n%s\r\n",
                   lean ? LEAN_HEADERS : PAGE_HEADERS, p->port,
                   last ? "Connection: close\r\n" : "");
    if (lean) {
        memcpy(out + len, "hello\n", 6);
        len += 6;
    }
    else {
        memset(out + len, 'x', PAGE_BYTES);
        len += PAGE_BYTES;
    }
    return send(p->fd, out, len, MSG_NOSIGNAL) == len && !last;
}

/* Requests have no body.  0: the connection is to be closed. */
static int serve(peer *p)
{
    ssize_t got = recv(p->fd, p->buf + p->len, sizeof(p->buf) - 1 - p->len, 0);
    char *end;

    if (got <= 0) {
        return got < 0 && errno == EAGAIN;
    }
    p->len += got;
    p->buf[p->len] = '\0';
    while ((end = strstr(p->buf, "\r\n\r\n")) != NULL) {
        int last;

        *end = '\0';
        last = strcasestr(p->buf, "\r\nConnection: close") != NULL;
        if (!answer(p, last)) {
            return 0;
        }
        end += 4;
        p->len -= end - p->buf;
        memmove(p->buf, end, p->len + 1);
    }
    return p->len < sizeof(p->buf) - 1;
}

static void watch_input(void)
{
    struct epoll_event event;

    event.events = EPOLLIN | EPOLLHUP;
    event.data.ptr = NULL;
    if (epoll_ctl(poll_fd, EPOLL_CTL_ADD, STDIN_FILENO, &event) != 0) {
        fail("standard input");
    }
}

static int handle(struct epoll_event *event)
{
    peer *p = event->data.ptr;

    if (!p) {
        return 0;
    }
    if (p->listens) {
        accept_all(p);
    }
    else if (!serve(p)) {
        peer_end(p);
    }
    return 1;
}

int main(int argc, char **argv)
{
    struct epoll_event events[EVENTS];
    int ports = argc == 2 ? atoi(argv[1]) : 0;
    int i, count;

    if (ports < 1 || ports > PORTS_MAX) {
        fprintf(stderr, "usage: backend PORTS\n");
        return 1;
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    poll_fd = epoll_create1(EPOLL_CLOEXEC);
    for (i = 0; i < ports; i++) {
        printf("%u\n", listen_somewhere());
    }
    fflush(stdout);
    watch_input();
    for (;;) {
        count = epoll_wait(poll_fd, events, EVENTS, -1);
        for (i = 0; i < count; i++) {
            if (!handle(&events[i])) {
                return 0;
            }
        }
    }
}

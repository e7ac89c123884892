/* SPDX-License-Identifier: Apache-2.0 */

/*
 * backend.c: a backend that costs next to nothing, so that what is measured is
 * the server in front of it.
 *
 * One process, one thread, epoll.  Listens on so many free ports of loopback,
 * says which, and answers every request at once, naming the port that it came
 * to:
 *
 *     GET /lean       as little as possible
 *     GET /object/N   N bytes, as a storage server answers
 *     GET /app/N      an application that says where these bytes are: on the
 *                     last port; to who asks for it with X-Reproxy-URL, else
 *                     with X-Accel-Redirect: /storage/N
 *     all else        a page of 4 KB, as an application answers
 *
 * Ends when its standard input does, or its parent.
 *
 * usage: backend PORTS [MICROSECONDS]
 * With the second argument it waits so long before each answer, and all its
 * clients wait with it: for one at a time, when it is slowed down itself.
 */

#define _GNU_SOURCE

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define PORTS_MAX   64
#define EVENTS      64
#define REQUEST_MAX 8192
#define PAGE_BYTES  4096
#define LEAN_BYTES  6
#define FILLER      65536
#define HEAD_MAX    1024

#define LEAN_HEADERS "Content-Type: text/plain\r\n"
#define DATE_HEADERS "Date: Thu, 01 Jan 2026 00:00:00 GMT\r\n"
#define FILE_HEADERS "ETag: \"5f3c-64a1b2c3d4e5f\"\r\n" \
    "Last-Modified: Wed, 31 Dec 2025 23:00:00 GMT\r\n"
#define PAGE_HEADERS DATE_HEADERS FILE_HEADERS \
    "Server: application\r\nContent-Type: text/html; charset=utf-8\r\n" \
    "Cache-Control: private, max-age=0\r\n" \
    "Vary: Accept-Encoding, Cookie\r\n" \
    "X-Frame-Options: SAMEORIGIN\r\n" \
    "Set-Cookie: session=0123456789abcdef; Path=/; HttpOnly\r\n"
#define OBJECT_HEADERS DATE_HEADERS FILE_HEADERS \
    "Server: storage\r\nContent-Type: application/octet-stream\r\n" \
    "Accept-Ranges: bytes\r\n"
#define APP_HEADERS DATE_HEADERS \
    "Server: application\r\nContent-Type: text/html; charset=utf-8\r\n"

typedef struct peer {
    int fd;
    int listens;
    unsigned port;
    uint64_t todo;              /* of an answer: bytes of its body */
    int last;                   /* to be closed behind that answer */
    size_t len;
    char buf[REQUEST_MAX];
} peer;

static int poll_fd;
static unsigned last_port;
static useconds_t answer_after;
static char filler[FILLER];

static void fail(const char *what)
{
    fprintf(stderr, "backend: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void peer_watch(peer *p, int how, uint32_t events)
{
    struct epoll_event event;

    event.events = events;
    event.data.ptr = p;
    if (epoll_ctl(poll_fd, how, p->fd, &event) != 0) {
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
    p->todo = p->len = 0;
    p->last = 0;
    peer_watch(p, EPOLL_CTL_ADD, EPOLLIN);
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
    last_port = ntohs(addr.sin_port);
    peer_new(fd, 1, last_port);
    return last_port;
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

/* HTTP/1.0, whose connections are kept by agreement only. */
static int is_old(const peer *p)
{
    return strstr(p->buf, " HTTP/1.0\r\n") != NULL;
}

static int is_last(const peer *p)
{
    return is_old(p) ? !strcasestr(p->buf, "\r\nConnection: keep-alive")
                     : strcasestr(p->buf, "\r\nConnection: close") != NULL;
}

/* The head of the answer to the request in p->buf; sets p->todo. */
static int answer_head(peer *p, char *head)
{
    const char *headers = PAGE_HEADERS;
    char more[128] = "";
    uint64_t size;

    p->todo = PAGE_BYTES;
    if (strncmp(p->buf, "GET /lean ", 10) == 0) {
        headers = LEAN_HEADERS;
        p->todo = LEAN_BYTES;
    }
    else if (sscanf(p->buf, "GET /object/%" SCNu64, &size) == 1) {
        headers = OBJECT_HEADERS;
        p->todo = size;
    }
    else if (sscanf(p->buf, "GET /app/%" SCNu64, &size) == 1) {
        headers = APP_HEADERS;
        p->todo = LEAN_BYTES;
        if (strcasestr(p->buf, "\r\nX-Proxy-Capabilities: reproxy-file")) {
            snprintf(more, sizeof(more), "X-Reproxy-URL: http://127.0.0.1:%u"
                     "/object/%" PRIu64 "\r\n", last_port, size);
        }
        else {
            snprintf(more, sizeof(more), "X-Accel-Redirect: /storage/%"
                     PRIu64 "\r\n", size);
        }
    }
    return snprintf(head, HEAD_MAX, "HTTP/1.1 200 OK\r\n%s%s"
                    "Content-Length: %" PRIu64 "\r\nX-Backend: %u\r\n%s\r\n",
                    headers, more, p->todo, p->port,
                    p->last ? "Connection: close\r\n"
                    : is_old(p) ? "Connection: keep-alive\r\n" : "");
}

/* Sends as much of the body as goes, behind the head if there is one.
 * 0: the connection is to be closed. */
static int answer_send(peer *p, char *head, size_t head_len)
{
    do {
        struct iovec parts[2];
        struct msghdr message;
        ssize_t sent;

        parts[0].iov_base = head;
        parts[0].iov_len = head_len;
        parts[1].iov_base = filler;
        parts[1].iov_len = p->todo < FILLER ? p->todo : FILLER;
        memset(&message, 0, sizeof(message));
        message.msg_iov = parts;
        message.msg_iovlen = 2;
        sent = sendmsg(p->fd, &message, MSG_NOSIGNAL);
        if (sent < 0 && errno == EAGAIN) {
            return 1;
        }
        /* a socket buffer that is empty takes a head whole */
        if (sent < (ssize_t)head_len) {
            return 0;
        }
        p->todo -= sent - head_len;
        head_len = 0;
    } while (p->todo > 0);
    return !p->last;
}

/* Answers the requests that are there, while the answers go out whole.
 * 0: the connection is to be closed. */
static int answer_all(peer *p)
{
    char head[HEAD_MAX];
    char *end;

    while (p->todo == 0 && (end = strstr(p->buf, "\r\n\r\n")) != NULL) {
        *end = '\0';
        p->last = is_last(p);
        if (answer_after) {
            usleep(answer_after);
        }
        if (!answer_send(p, head, answer_head(p, head))) {
            return 0;
        }
        end += 4;
        p->len -= end - p->buf;
        memmove(p->buf, end, p->len + 1);
        if (p->todo > 0) {
            peer_watch(p, EPOLL_CTL_MOD, EPOLLOUT);
        }
    }
    return p->len < sizeof(p->buf) - 1;
}

/* Requests have no body.  0: the connection is to be closed. */
static int receive(peer *p)
{
    ssize_t got = recv(p->fd, p->buf + p->len, sizeof(p->buf) - 1 - p->len, 0);

    if (got <= 0) {
        return got < 0 && errno == EAGAIN;
    }
    p->len += got;
    p->buf[p->len] = '\0';
    return answer_all(p);
}

/* 0: the connection is to be closed. */
static int serve(peer *p)
{
    if (p->todo == 0) {
        return receive(p);
    }
    if (!answer_send(p, NULL, 0)) {
        return 0;
    }
    if (p->todo == 0) {
        peer_watch(p, EPOLL_CTL_MOD, EPOLLIN);
        return answer_all(p);
    }
    return 1;
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
    int ports = argc >= 2 && argc <= 3 ? atoi(argv[1]) : 0;
    int i, count;

    if (ports < 1 || ports > PORTS_MAX) {
        fprintf(stderr, "usage: backend PORTS [MICROSECONDS]\n");
        return 1;
    }
    answer_after = argc == 3 ? (useconds_t)atoi(argv[2]) : 0;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    memset(filler, 'x', sizeof(filler));
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

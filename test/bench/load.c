/* SPDX-License-Identifier: Apache-2.0 */

/*
 * load.c: asks for hosts of a map over kept connections, each as soon as its
 * last answer is there, and looks at every answer.
 *
 * One process, one thread, epoll.  The hosts come from the text of a map whose
 * values end in the port of a backend (see backend.c): an answer that is not
 * 200 or that another backend gave is counted as an error.  Ends by itself,
 * early after 100 errors.
 *
 * usage: load [-c CONNECTIONS] [-t SECONDS | -n REQUESTS] [-r RATE | -w TURN]
 *             [-s SEED] [-o | -z] [-k REQUESTS] [-b BACKEND]
 *             [-l | -p PATH | -a] [-v] PORT TEXT
 *     -r  so many requests a second at most, instead of as many as can be
 *     -w  1/3: works in the first of three turns of 100 ms, which come round
 *         and round, and leaves the others to other load generators
 *     -o  in the order of the text, each host once, instead of at random
 *     -z  hosts by a Zipf law (s = 1): the first of the text most often
 *     -k  so many requests on average to a host before the next is chosen
 *     -a  answers of 2 to 60 KB, small ones more often, instead of a page
 *     -l  lean: the least that a request needs, instead of what a browser
 *         sends
 *     -p  a browser's request for this path, which ends in the number of bytes
 *         that the answer must have
 *     -b  all answers have to come from this backend
 *     -v  asks for bPORT.webserver.example, PORT being the host's backend,
 *         instead of for the host
 * Prints one JSON object.  Exit status 1: errors, or no progress.
 */

#define _GNU_SOURCE

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS_MAX 1024
#define HEAD_MAX        8192
#define BODY_CHUNK      262144
#define STALLED_MS      10000
#define ERRORS_MAX      100
#define TICKS           1000    /* a second, of a rate and of turns */
#define TURN_TICKS      100
/* Of answers, and the largest to it. */
#define SIZE_LEAST      2048
#define SIZE_RATIO      30
/* Of a turn, at its end: for what is on its way. */
#define TURN_REST       3

#define LEAN_REQUEST "GET /lean HTTP/1.1\r\nHost: %s\r\n" \
    "User-Agent: load\r\nAccept: */*\r\n\r\n"
#define PAGE_PATH "/articles/2026/page.html"
#define BROWSER_REQUEST "GET %s HTTP/1.1\r\n" \
    "Host: %s\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) " \
    "Gecko/20100101 Firefox/128.0\r\nAccept: text/html,application/" \
    "xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n" \
    "Accept-Language: en-US,en;q=0.5\r\n" \
    "Accept-Encoding: gzip, deflate, br\r\nConnection: keep-alive\r\n" \
    "Cookie: session=0123456789abcdef; theme=dark\r\n" \
    "Upgrade-Insecure-Requests: 1\r\nSec-Fetch-Dest: document\r\n" \
    "Sec-Fetch-Mode: navigate\r\nSec-Fetch-Site: none\r\n" \
    "Sec-Fetch-User: ?1\r\n\r\n"

typedef struct host {
    const char *name;
    unsigned backend;
} host;

typedef struct conn {
    int fd;
    const host *asked;
    unsigned stays;             /* requests to come for the same host */
    uint64_t wanted;            /* bytes of the answer; 0: any number */
    int in_body;
    uint64_t body;              /* of which so many bytes are still to come */
    size_t len;
    char buf[HEAD_MAX];         /* the head, and what came with it */
} conn;

typedef struct options {
    int conns;
    double seconds;
    uint64_t requests;
    unsigned rate;              /* requests a second; 0: no limit */
    unsigned turn, turns;       /* from 0; 0: none */
    uint64_t random;
    int in_order;
    int zipf;
    unsigned stay;
    int sizes;
    int lean;
    const char *path;
    int per_backend;
    unsigned backend;
    unsigned port;
    const char *text;
} options;

static options opt = { .conns = 16, .random = 88172645463325252ULL };
static host *hosts;
static size_t host_count, host_next;
static int poll_fd;
static uint64_t sent, answered, reconnects;
static uint64_t bad_status, bad_backend, bad_length, bad_io;

static void fail(const char *what)
{
    fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
    exit(1);
}

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

/* ---- hosts ------------------------------------------------------------- */

static char *read_all(const char *path)
{
    FILE *file = fopen(path, "r");
    char *text;
    long size;

    if (!file || fseek(file, 0, SEEK_END) != 0 || (size = ftell(file)) < 0) {
        fail(path);
    }
    rewind(file);
    text = malloc(size + 1);
    if (!text || fread(text, 1, size, file) != (size_t)size) {
        fail(path);
    }
    text[size] = '\0';
    fclose(file);
    return text;
}

static void hosts_read(const char *path)
{
    char *line = read_all(path), *end, *blank, *colon;
    size_t room = 0;

    for (; *line; line = end + 1) {
        end = strchr(line, '\n');
        blank = strchr(line, ' ');
        if (!end || !blank || blank > end) {
            break;
        }
        *end = *blank = '\0';
        if (host_count == room) {
            room = room ? 2 * room : 1024;
            hosts = realloc(hosts, room * sizeof(*hosts));
            if (!hosts) {
                fail("hosts");
            }
        }
        colon = strrchr(blank + 1, ':');
        hosts[host_count].name = line;
        hosts[host_count++].backend = colon ? atoi(colon + 1) : 0;
    }
    if (host_count == 0) {
        fprintf(stderr, "load: %s: no hosts\n", path);
        exit(1);
    }
}

/* xorshift64*: the same hosts for the same seed */
static uint64_t next_random(void)
{
    opt.random ^= opt.random >> 12;
    opt.random ^= opt.random << 25;
    opt.random ^= opt.random >> 27;
    return opt.random * 2685821657736338717ULL;
}

/* 0 to 1, without 1 */
static double next_share(void)
{
    return (next_random() >> 11) / 9007199254740992.0;
}

/* The rank k of 1 to n, with a chance of 1/k to each other: (n + 1)^u, rounded
 * down, has log(1 + 1/k), and what that has too much is drawn again. */
static size_t zipf_rank(size_t n)
{
    double k;

    do {
        k = floor(pow((double)n + 1, next_share()));
    } while (k > n || next_share() > M_LN2 / (k * log1p(1 / k)));
    return (size_t)k;
}

static const host *host_choose(void)
{
    if (opt.in_order) {
        return &hosts[host_next++ % host_count];
    }
    if (opt.zipf) {
        return &hosts[zipf_rank(host_count) - 1];
    }
    return &hosts[(next_random() >> 11) % host_count];
}

/* ---- connections ------------------------------------------------------- */

static void conn_open(conn *c)
{
    struct sockaddr_in addr;
    struct epoll_event event;
    int one = 1;

    memset(&addr, 0, sizeof(addr));
    addr.sin_family = AF_INET;
    addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    addr.sin_port = htons(opt.port);
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0
        || connect(c->fd, (struct sockaddr *)&addr, sizeof(addr)) != 0) {
        fail("connect");
    }
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    event.events = EPOLLIN;
    event.data.ptr = c;
    if (epoll_ctl(poll_fd, EPOLL_CTL_ADD, c->fd, &event) != 0) {
        fail("epoll_ctl");
    }
}

static void conn_ask(conn *c)
{
    char out[2048], name[32], path[64];
    int len;

    if (c->stays == 0) {
        c->asked = host_choose();
        /* from 1 on, with that mean */
        c->stays = opt.stay ? 1 + next_random() % (2 * opt.stay - 1) : 1;
    }
    c->stays--;
    c->wanted = opt.path ? strtoull(strrchr(opt.path, '/') + 1, NULL, 10)
                : opt.sizes ? SIZE_LEAST * pow(SIZE_RATIO, next_share()) : 0;
    snprintf(path, sizeof(path), "/object/%" PRIu64, c->wanted);
    c->len = c->in_body = 0;
    snprintf(name, sizeof(name), "b%u.webserver.example", c->asked->backend);
    if (opt.lean) {
        len = snprintf(out, sizeof(out), LEAN_REQUEST,
                       opt.per_backend ? name : c->asked->name);
    }
    else {
        len = snprintf(out, sizeof(out), BROWSER_REQUEST,
                       opt.path ? opt.path : opt.sizes ? path : PAGE_PATH,
                       opt.per_backend ? name : c->asked->name);
    }
    sent++;
    if (send(c->fd, out, len, MSG_NOSIGNAL) != len) {
        bad_io++;
    }
}

static uint64_t answer_length(const conn *c)
{
    const char *length = strcasestr(c->buf, "\r\nContent-Length:");

    return length ? strtoull(length + strlen("\r\nContent-Length:"), NULL, 10)
                  : 0;
}

static void answer_judge(const conn *c)
{
    const char *from = strcasestr(c->buf, "\r\nX-Backend:");
    unsigned expected = opt.backend ? opt.backend : c->asked->backend;
    unsigned backend = from ? atoi(from + strlen("\r\nX-Backend:")) : 0;

    if (strncmp(c->buf, "HTTP/1.", 7) != 0
        || strncmp(c->buf + 8, " 200 ", 5) != 0) {
        bad_status++;
    }
    else if (backend != expected) {
        bad_backend++;
    }
    else if (c->wanted && c->body != c->wanted) {
        bad_length++;
    }
}

/* Takes bytes of the head.  0: the connection has ended. */
static int head_read(conn *c)
{
    ssize_t got = recv(c->fd, c->buf + c->len, sizeof(c->buf) - 1 - c->len, 0);
    char *end;

    if (got <= 0) {
        return 0;
    }
    c->len += got;
    c->buf[c->len] = '\0';
    end = strstr(c->buf, "\r\n\r\n");
    if (!end) {
        return c->len < sizeof(c->buf) - 1;
    }
    /* the line's end stays for who looks for a header behind it */
    end[2] = '\0';
    c->in_body = 1;
    c->body = answer_length(c);
    answer_judge(c);
    got = c->buf + c->len - (end + 4);
    if ((uint64_t)got > c->body) {
        return 0;
    }
    c->body -= got;
    return 1;
}

/* Takes bytes of the body.  0: the connection has ended. */
static int body_read(conn *c)
{
    static char chunk[BODY_CHUNK];
    ssize_t got = recv(c->fd, chunk, c->body < BODY_CHUNK ? c->body
                       : BODY_CHUNK, 0);

    if (got <= 0) {
        return 0;
    }
    c->body -= got;
    return 1;
}

/* Takes what has come; 1: the connection is free for the next request. */
static int conn_read(conn *c)
{
    int ends;

    if (!(c->in_body ? body_read(c) : head_read(c))) {
        bad_io++;
        close(c->fd);
        conn_open(c);
        return 1;
    }
    if (!c->in_body || c->body > 0) {
        return 0;
    }
    answered++;
    ends = strcasestr(c->buf, "\r\nConnection: close") != NULL;
    if (ends) {
        reconnects++;
        close(c->fd);
        conn_open(c);
    }
    return 1;
}

/* ---- the run ----------------------------------------------------------- */

static int is_over(double start)
{
    return (opt.requests && sent >= opt.requests)
           || (opt.seconds > 0 && now() - start >= opt.seconds)
           || bad_status + bad_backend + bad_length + bad_io >= ERRORS_MAX;
}

/* All processes of a machine count turns alike. */
static int is_our_turn(void)
{
    uint64_t tick = (uint64_t)(now() * TICKS);

    return opt.turns == 0
           || (tick / TURN_TICKS % opt.turns == opt.turn
               && tick % TURN_TICKS < TURN_TICKS - TURN_REST);
}

/* Connections that a rate or the turn of others holds back. */
static conn *waiting[CONNECTIONS_MAX];
static int wait_count;
static double due;              /* requests that may be sent now */

/* What the timer's event says instead of a connection. */
static conn clock_event;

static void clock_start(void)
{
    struct itimerspec every = { { 0, 1000000000L / TICKS },
                                { 0, 1000000000L / TICKS } };
    struct epoll_event event;
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);

    event.events = EPOLLIN;
    event.data.ptr = &clock_event;
    if (fd < 0 || timerfd_settime(fd, 0, &every, NULL) != 0
        || epoll_ctl(poll_fd, EPOLL_CTL_ADD, fd, &event) != 0) {
        fail("timer");
    }
    clock_event.fd = fd;
}

/* What could not be sent in time is not made up for: no bursts. */
static void clock_tick(void)
{
    uint64_t ticks;

    if (read(clock_event.fd, &ticks, sizeof(ticks)) != sizeof(ticks)) {
        fail("timer");
    }
    if (opt.turns) {
        due = is_our_turn() ? wait_count : 0;
    }
    due += (double)opt.rate * ticks / TICKS;
    while (due >= 1 && wait_count > 0) {
        due -= 1;
        conn_ask(waiting[--wait_count]);
    }
    if (due > 1) {
        due = 1;
    }
}

/* A connection is free for the next request. */
static void conn_next(conn *c)
{
    if (opt.rate || !is_our_turn()) {
        waiting[wait_count++] = c;
    }
    else {
        conn_ask(c);
    }
}

static void run(double start)
{
    static conn conns[CONNECTIONS_MAX];
    struct epoll_event events[64];
    int open, i, count;

    if (opt.rate || opt.turns) {
        clock_start();
    }
    for (open = 0; open < opt.conns && !is_over(start); open++) {
        conn_open(&conns[open]);
        conn_next(&conns[open]);
    }
    while (open > wait_count || !is_over(start)) {
        count = epoll_wait(poll_fd, events, 64, STALLED_MS);
        if (count == 0) {
            fprintf(stderr, "load: no answer for 10 s\n");
            exit(1);
        }
        for (i = 0; i < count; i++) {
            conn *c = events[i].data.ptr;

            if (c == &clock_event) {
                clock_tick();
            }
            else if (!conn_read(c)) {
                continue;
            }
            else if (is_over(start)) {
                close(c->fd);
                open--;
            }
            else {
                conn_next(c);
            }
        }
    }
}

static void usage(void)
{
    fprintf(stderr, "usage: load [-c CONNECTIONS] [-t SECONDS | -n REQUESTS] "
            "[-r RATE | -w TURN] [-s SEED] [-o | -z] [-k REQUESTS] "
            "[-b BACKEND] [-l | -p PATH | -a] [-v] PORT TEXT\n");
    exit(1);
}

/* "1/3" */
static void turn_read(const char *text)
{
    if (sscanf(text, "%u/%u", &opt.turn, &opt.turns) != 2
        || opt.turn < 1 || opt.turn > opt.turns) {
        usage();
    }
    opt.turn--;
}

static void options_read(int argc, char **argv)
{
    int c;

    while ((c = getopt(argc, argv, "c:t:n:r:w:s:ozk:ab:lp:v")) != -1) {
        switch (c) {
        case 'c': opt.conns = atoi(optarg); break;
        case 't': opt.seconds = atof(optarg); break;
        case 'n': opt.requests = strtoull(optarg, NULL, 10); break;
        case 'r': opt.rate = atoi(optarg); break;
        case 'w': turn_read(optarg); break;
        case 'z': opt.zipf = 1; break;
        case 'k': opt.stay = (unsigned)atoi(optarg); break;
        case 'a': opt.sizes = 1; break;
        case 's': opt.random ^= strtoull(optarg, NULL, 10) << 20; break;
        case 'o': opt.in_order = 1; break;
        case 'l': opt.lean = 1; break;
        case 'p': opt.path = optarg; break;
        case 'v': opt.per_backend = 1; break;
        case 'b': opt.backend = atoi(optarg); break;
        default: usage();
        }
    }
    if (argc - optind != 2 || (opt.path && (opt.lean || *opt.path != '/'))
        || opt.conns < 1 || opt.conns > CONNECTIONS_MAX
        || (opt.seconds <= 0) == (opt.requests == 0)
        || (opt.rate && opt.turns)) {
        usage();
    }
    opt.port = atoi(argv[optind]);
    opt.text = argv[optind + 1];
}

int main(int argc, char **argv)
{
    double start, end;
    uint64_t errors;

    options_read(argc, argv);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    hosts_read(opt.text);
    poll_fd = epoll_create1(EPOLL_CLOEXEC);
    start = now();
    run(start);
    end = now();
    errors = bad_status + bad_backend + bad_length + bad_io;
    printf("{\"requests\": %llu, \"seconds\": %.6f, \"errors\": %llu, "
           "\"bad_status\": %llu, \"bad_backend\": %llu, "
           "\"bad_length\": %llu, \"bad_io\": %llu, "
           "\"reconnects\": %llu}\n",
           (unsigned long long)answered, end - start,
           (unsigned long long)errors, (unsigned long long)bad_status,
           (unsigned long long)bad_backend, (unsigned long long)bad_length,
           (unsigned long long)bad_io, (unsigned long long)reconnects);
    return errors > 0;
}

/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What a test changes under a program while it runs, preloaded into it: the
 * addresses of names, the clock, and what a file system does.  Two files say
 * which names and times, and are read with each call:
 *
 *     PRELOAD_HOSTS   lines of name and address.  Each question for such a
 *                     name adds a line to the file of that name and ".asked"
 *     PRELOAD_CLOCK   how many seconds the clock is ahead, or `=` and the time
 *                     in seconds and microseconds at which it stands still
 *
 *     PRELOAD_TICK    how many seconds the clock goes on with each look at it
 *     PRELOAD_STOP    set: a file that is flushed stops the program, as SIGSTOP
 *
 * Of the file system two calls fail when the variable is set:
 *
 *     PRELOAD_FSYNC   that of a folder, with an I/O error
 *     PRELOAD_RENAME  one to a name that ends with this: not permitted
 *
 *     PRELOAD_TAKE    when a file is flushed, another program has put one of
 *                     its own in the place of the file of this name
 */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define ADDRESS_MAX 64

typedef int resolve_fn(const char *, const char *, const struct addrinfo *,
                       struct addrinfo **);

static void note_question(const char *hosts, const char *name)
{
    char path[4096];
    int fd;

    snprintf(path, sizeof(path), "%s.asked", hosts);
    fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
    if (fd < 0 || dprintf(fd, "%s\n", name) < 0) {
        perror(path);
        abort();
    }
    close(fd);
}

/* 0: the file has no such name. */
static int find(char *address, const char *hosts, const char *name)
{
    char word[256];
    FILE *file = fopen(hosts, "re");
    int found = 0;

    if (!file) {
        perror(hosts);
        abort();
    }
    while (!found && fscanf(file, "%255s %63s", word, address) == 2) {
        found = strcmp(word, name) == 0;
    }
    fclose(file);
    return found;
}

int getaddrinfo(const char *name, const char *service,
                const struct addrinfo *hints, struct addrinfo **result)
{
    resolve_fn *resolve = (resolve_fn *)dlsym(RTLD_NEXT, "getaddrinfo");
    const char *hosts = getenv("PRELOAD_HOSTS");
    char address[ADDRESS_MAX];

    if (name && hosts && find(address, hosts, name)) {
        note_question(hosts, name);
        return resolve(address, service, hints, result);
    }
    return resolve(name, service, hints, result);
}

static void read_clock(struct timeval *tv, const char *clock)
{
    char text[64];
    ssize_t len;
    int fd = open(clock, O_RDONLY | O_CLOEXEC);

    if (fd < 0) {
        return;
    }
    len = read(fd, text, sizeof(text) - 1);
    close(fd);
    text[len > 0 ? len : 0] = '\0';
    if (text[0] != '=') {
        tv->tv_sec += atol(text);
    }
    else if (sscanf(text + 1, "%ld %ld", &tv->tv_sec, &tv->tv_usec) != 2) {
        fprintf(stderr, "%s: not a time: %s\n", clock, text);
        abort();
    }
}

/* What apr_time_now() asks. */
int gettimeofday(struct timeval *restrict tv, void *restrict zone)
{
    const char *clock = getenv("PRELOAD_CLOCK");
    const char *tick = getenv("PRELOAD_TICK");
    static long looks;
    struct timespec now;

    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    tv->tv_sec = now.tv_sec;
    tv->tv_usec = now.tv_nsec / 1000;
    if (clock) {
        read_clock(tv, clock);
    }
    if (tick) {
        tv->tv_sec += atol(tick) * __sync_fetch_and_add(&looks, 1);
    }
    return 0;
}

static void take(const char *name)
{
    int fd;

    unlink(name);
    fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 || dprintf(fd, "another's") < 0) {
        perror(name);
        abort();
    }
    close(fd);
}

int fsync(int fd)
{
    int (*flush)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
    const char *taken = getenv("PRELOAD_TAKE");
    struct stat st;

    if (getenv("PRELOAD_FSYNC") && fstat(fd, &st) == 0
        && S_ISDIR(st.st_mode)) {
        errno = EIO;
        return -1;
    }
    if (taken) {
        take(taken);
    }
    if (getenv("PRELOAD_STOP")) {
        raise(SIGSTOP);
    }
    return flush(fd);
}

static int ends_with(const char *name, const char *end)
{
    size_t len = strlen(name), end_len = strlen(end);

    return len >= end_len && strcmp(name + len - end_len, end) == 0;
}

int rename(const char *from, const char *to)
{
    int (*move)(const char *, const char *) =
        (int (*)(const char *, const char *))dlsym(RTLD_NEXT, "rename");
    const char *refused = getenv("PRELOAD_RENAME");

    if (refused && ends_with(to, refused)) {
        errno = EPERM;
        return -1;
    }
    return move(from, to);
}

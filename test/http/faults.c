/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Faults of the machine, preloaded into httpd; each lasts as long as its file
 * is there:
 *
 *     FAULT_MEMORY   in a child, one request for memory in a few is refused:
 *                    of malloc() and, as APR may take it so, of mmap()
 *     FAULT_STAT     a question about a file whose name holds `/map` takes as
 *                    many milliseconds as the file says
 *     FAULT_DNS      names have no address (the file says `none`), or have it
 *                    after as many milliseconds as it says
 *
 * The parent, which makes what serves, has memory.
 */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* How often memory is asked for before it is refused once. */
#define MEMORY_EVERY 50
#define BLOCK_EVERY 3

typedef int resolve_fn(const char *, const char *, const struct addrinfo *,
                       struct addrinfo **);
typedef void *mmap_fn(void *, size_t, int, int, int, off_t);
typedef int stat_fn(const char *, struct stat *);

void *__libc_malloc(size_t size);

static pid_t parent;

__attribute__((constructor)) static void remember_parent(void)
{
    parent = getpid();
}

/* The text of the file that the variable names; NULL: there is none now. */
static const char *fault(const char *variable, char *text, size_t size)
{
    const char *path = getenv(variable);
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    ssize_t len;

    if (fd < 0) {
        return NULL;
    }
    len = read(fd, text, size - 1);
    close(fd);
    text[len > 0 ? len : 0] = '\0';
    return text;
}

static int is_refused(unsigned *asked, unsigned every)
{
    char text[32];
    int before = errno, refused;

    refused = __sync_add_and_fetch(asked, 1) % every == 0
              && parent != 0 && getpid() != parent
              && fault("FAULT_MEMORY", text, sizeof(text));
    errno = refused ? ENOMEM : before;
    return refused;
}

void *malloc(size_t size)
{
    static unsigned asked;

    return is_refused(&asked, MEMORY_EVERY) ? NULL : __libc_malloc(size);
}

void *mmap(void *at, size_t size, int access, int flags, int fd, off_t from)
{
    static unsigned asked;
    mmap_fn *map = (mmap_fn *)dlsym(RTLD_NEXT, "mmap");

    if ((flags & MAP_ANONYMOUS) && is_refused(&asked, BLOCK_EVERY)) {
        return MAP_FAILED;
    }
    return map(at, size, access, flags, fd, from);
}

int stat(const char *restrict path, struct stat *restrict found)
{
    stat_fn *ask = (stat_fn *)dlsym(RTLD_NEXT, "stat");
    char text[32];

    if (strstr(path, "/map") && fault("FAULT_STAT", text, sizeof(text))) {
        usleep(1000 * atoi(text));
    }
    return ask(path, found);
}

int getaddrinfo(const char *name, const char *service,
                const struct addrinfo *hints, struct addrinfo **result)
{
    resolve_fn *resolve = (resolve_fn *)dlsym(RTLD_NEXT, "getaddrinfo");
    char text[32];

    /* addresses are not asked of DNS */
    if (name && strpbrk(name, "ghijklmnopqrstuvwxyz")
        && fault("FAULT_DNS", text, sizeof(text))) {
        if (strncmp(text, "none", 4) == 0) {
            return EAI_AGAIN;
        }
        usleep(1000 * atoi(text));
    }
    return resolve(name, service, hints, result);
}

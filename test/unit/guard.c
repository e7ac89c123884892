/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Copies of bytes at the end of a mapping whose last page is unreadable.
 */

#include <check.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "guard.h"

guard guard_bytes(const void *bytes, size_t len)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t readable = (len / page + 1) * page;
    guard copy;

    copy.map_size = readable + page;
    copy.map = mmap(NULL, copy.map_size, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ck_assert_msg(copy.map != MAP_FAILED, "no memory for %zu bytes", len);
    ck_assert_int_eq(mprotect((char *)copy.map + readable, page, PROT_NONE),
                     0);
    copy.bytes = (char *)copy.map + readable - len;
    if (len > 0) {
        memcpy(copy.bytes, bytes, len);
    }
    return copy;
}

guard guard_string(const char *string)
{
    return guard_bytes(string, strlen(string) + 1);
}

void guard_free(guard *copy)
{
    ck_assert_int_eq(munmap(copy->map, copy->map_size), 0);
}

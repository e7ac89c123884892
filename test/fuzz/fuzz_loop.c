/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Input: a CDN-Loop field.  An id that is not there is not found; one added
 * behind it is, whatever the field holds.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/loop.h"

#define ID "sb-1"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char behind[] = ", " ID;
    char *field = malloc(size + sizeof(behind));

    if (field == NULL) {
        abort();
    }
    memcpy(field, data, size);
    field[size] = '\0';
    if (memchr(data, '\0', size) == NULL) {
        if (hostmap_loop_count(field, ID) && strcasestr(field, ID) == NULL) {
            abort();
        }
        memcpy(field + size, behind, sizeof(behind));
        if (!hostmap_loop_count(field, ID)) {
            abort();
        }
    }
    free(field);
    return 0;
}

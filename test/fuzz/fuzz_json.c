/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Input: JSON.  Of a text that is right every value is found, whatever is asked
 * of it; in any other nothing outside it is touched.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

static void require(int holds)
{
    if (!holds) {
        abort();
    }
}

static int lies_in(hostmap_str value, hostmap_str text)
{
    return value.len > 0 && value.ptr >= text.ptr
           && value.ptr + value.len <= text.ptr + text.len;
}

static void ask(hostmap_str text, int checked)
{
    hostmap_str rest = text, value;
    char word[64];

    value = hostmap_json_get(text, "a");
    require(value.len == 0 || lies_in(value, text));
    while (hostmap_json_next(&rest, &value)) {
        require(lies_in(value, text));
        require(!checked || hostmap_json_check(value) == APR_SUCCESS);
        hostmap_json_number(value, -1);
        hostmap_json_true(value);
        require(hostmap_json_text(word, sizeof(word), value) < sizeof(word));
        require(strlen(word) < sizeof(word));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* of its own: what is read beyond it is seen */
    char *copy = malloc(size ? size : 1);
    hostmap_str text;

    require(copy != NULL);
    memcpy(copy, data, size);
    text = hostmap_str_of(copy, size);
    ask(text, hostmap_json_check(text) == APR_SUCCESS);
    free(copy);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Input: a value of a header, and its name.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "reproxy/reproxy_headers_core.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int holds)
{
    if (!holds) {
        abort();
    }
}

static void check_range(const char *text)
{
    reproxy_range range;

    if (!reproxy_range_parse(&range, text)) {
        require(reproxy_size_compare(0, 206, "0", text)
                == REPROXY_SIZE_WRONG);
        return;
    }
    if (range.first < 0) {
        require(range.first == -1 && range.last == -1 && range.total >= 0);
    }
    else {
        require(range.last >= range.first);
        require(range.total == -1 || range.total > range.last);
    }
    require(reproxy_size_compare(range.total, 206, "x", text)
            == (range.total < 0 ? REPROXY_SIZE_UNKNOWN : REPROXY_SIZE_RIGHT));
}

/* What is decoded is no longer than the text, and the text where it holds no
 * escape. */
static void check_path(const char *text)
{
    size_t len = strlen(text);
    char *out = malloc(len + 1);

    require(out != NULL);
    if (reproxy_path_unescape(out, text)) {
        require(strlen(out) <= len);
        require((strchr(text, '%') == NULL) == (strcmp(out, text) == 0));
    }
    else {
        require(strchr(text, '%') != NULL);
    }
    free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    apr_off_t number;

    require(text != NULL);
    if (size > 0) {
        memcpy(text, data, size);
    }
    text[size] = '\0';
    check_range(text);
    check_path(text);
    if (reproxy_expected_size(&number, text)) {
        require(number >= 0 && strpbrk(text, "0123456789") != NULL);
        require(reproxy_size_compare(number, 200, text, NULL)
                == REPROXY_SIZE_RIGHT);
    }
    if (reproxy_header_is_framing(text)) {
        require(reproxy_header_is_name(text));
    }
    if (reproxy_header_is_name(text)) {
        require(strpbrk(text, " \t\r\n:,\"") == NULL);
    }
    free(text);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Names of strangers on the page, in JSON and in metrics: whatever the key of
 * an entry, the name of a backend and the question are, none of their bytes
 * ends a string, opens a tag or breaks a line.
 */

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "status/status_html_core.h"
#include "status/status_json_core.h"
#include "status/status_metrics_core.h"

#define NOW (APR_INT64_C(1700000000) * APR_USEC_PER_SEC)

static void fuzz_fail(void)
{
    abort();
}

/* Outside of our own tags a page has no `<`; its script element is one. */
static unsigned fuzz_tags(const status_out *out)
{
    unsigned tags = 0;
    apr_size_t i;

    for (i = 0; i < out->len; i++) {
        tags += out->text[i] == '<';
        if ((unsigned char)out->text[i] > '~'
            || (out->text[i] < ' ' && out->text[i] != '\n')) {
            fuzz_fail();
        }
    }
    return tags;
}

/* As many quotes as with any other names, none of them escaped away. */
static unsigned fuzz_quotes(const status_out *out)
{
    unsigned quotes = 0;
    apr_size_t i;

    for (i = 0; i < out->len; i++) {
        if (out->text[i] == '\\') {
            i++;
        }
        else {
            quotes += out->text[i] == '"';
        }
        if (i < out->len && (unsigned char)out->text[i] > '~') {
            fuzz_fail();
        }
    }
    return quotes;
}

typedef struct fuzz_counts {
    unsigned tags;
    unsigned json;
    unsigned metrics;
} fuzz_counts;

static void fuzz_render(fuzz_counts *counts, const status_view *view)
{
    status_out html = { 0 }, json = { 0 }, metrics = { 0 }, lines = { 0 };

    status_html(&html, view);
    status_json(&json, view);
    status_metrics(&metrics, view, 1);
    status_lines(&lines, view, 1);
    counts->tags = fuzz_tags(&html);
    counts->json = fuzz_quotes(&json);
    counts->metrics = fuzz_quotes(&metrics);
    fuzz_tags(&lines);
    free(html.text);
    free(json.text);
    free(metrics.text);
    free(lines.text);
}

/* All that is written, with one name in every place. */
static void fuzz_name(fuzz_counts *counts, hostmap_str name, const char *text)
{
    slots_request request = { 0, 1, 10, 20, NOW };
    apr_uint32_t numbers[SLOTS_WAYS * 64 + 1];
    status_map map = { 0 };
    status_follower follower = { 0 };
    status_answer answer = { 0 };
    status_view view = { 0 };
    slots_ref ref = { 0 };
    slots_shape shape;
    slots block;
    void *memory;
    unsigned i;

    slots_shape_fit(&shape, SLOTS_MEMORY_LEAST, 1);
    memory = calloc(1, slots_size(&shape));
    slots_init(memory, &shape, 1, NOW);
    slots_attach(&block, memory);
    slots_entry_add(&block, name, &request, 0);
    slots_backend_hold(&block, &ref, name, 0, NOW);
    map.path = map.type = map.last_error = text;
    map.state = "ok";
    answer.map = answer.key = answer.match = answer.action = text;
    answer.target = answer.options = answer.reason = text;
    answer.backend = SLOTS_OTHER(&block);
    view.slots = &block;
    view.now = NOW + APR_USEC_PER_SEC;
    view.server = view.version = view.nonce = view.host = view.path = text;
    follower.file = follower.map = follower.store = text;
    follower.last_error = text;
    follower.state = "silent";
    view.followers = &follower;
    view.follower_count = 1;
    view.maps = &map;
    view.answers = &answer;
    view.map_count = view.answer_count = 1;
    view.has_pools = view.has_express = view.has_reproxy = 1;
    view.host_series = 1;
    view.attempts[0] = "ok";
    view.shown = 8;
    view.backend_count = shape.backends < SLOTS_WAYS * 64
                         ? status_backends_find(numbers, &block) : 0;
    view.backends = numbers;
    for (i = 0; i < STATUS_TOPS; i++) {
        view.tops[i].hits = calloc(8, sizeof(status_hit));
        status_top_find(&view.tops[i], &block, i, 8, view.now);
    }
    fuzz_render(counts, &view);
    for (i = 0; i < STATUS_TOPS; i++) {
        free(view.tops[i].hits);
    }
    free(memory);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static fuzz_counts plain;
    fuzz_counts counts;
    char *text;

    if (size == 0 || size > SLOTS_ENTRY_NAME) {
        return 0;
    }
    if (plain.tags == 0) {
        fuzz_name(&plain, hostmap_str_of("a", 1), "a");
    }
    text = malloc(size + 1);
    memcpy(text, data, size);
    text[size] = '\0';
    fuzz_name(&counts, hostmap_str_of((const char *)data, size), text);
    free(text);
    /* a NUL ends the text early, not the names */
    if (memchr(data, 0, size) == NULL
        && (counts.tags != plain.tags || counts.json != plain.json
            || counts.metrics != plain.metrics)) {
        fuzz_fail();
    }
    return 0;
}

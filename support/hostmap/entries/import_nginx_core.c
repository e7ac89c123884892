/* SPDX-License-Identifier: Apache-2.0 */

/*
 * import_nginx_core.c: `map` blocks of nginx.
 */

#include "import_nginx_core.h"

#include <string.h>
#include <strings.h>

static int nginx_is_space(char c)
{
    return import_is_blank(c) || c == '\r' || c == '\n';
}

/* ---- words ------------------------------------------------------------- */

/** Go to the next word, `;`, brace, or the end. */
static void nginx_skip(import_text *in)
{
    while (in->at < in->end) {
        if (*in->at == '#') {
            import_skip_line(in);
        }
        else if (nginx_is_space(*in->at)) {
            in->line += *in->at == '\n';
            in->at++;
        }
        else {
            return;
        }
    }
}

/** A byte after a backslash: nginx knows three that stand for themselves and
 *  three that stand for others; before any other byte the backslash stays. */
static void nginx_escaped(import_field *f, char c)
{
    switch (c) {
    case 't':
        import_field_add(f, '\t');
        break;
    case 'r':
        import_field_add(f, '\r');
        break;
    case 'n':
        import_field_add(f, '\n');
        break;
    case '"':
    case '\'':
    case '\\':
        import_field_add(f, c);
        break;
    default:
        import_field_add(f, '\\');
        import_field_add(f, c);
    }
}

/** Take `${name}` as it is: its braces are no block.  Returns 0 if there is no
 *  such thing next. */
static int nginx_variable(import_text *in, import_field *f)
{
    const char *end = in->at + 2;

    if (in->end - in->at < 3 || memcmp(in->at, "${", 2) != 0) {
        return 0;
    }
    while (end < in->end && !strchr("{}\"'; \t\r\n", *end)) {
        end++;
    }
    if (end == in->end || *end != '}') {
        return 0;
    }
    while (in->at <= end) {
        import_field_add(f, *in->at++);
    }
    return 1;
}

static const char *nginx_word(import_text *in, import_field *f)
{
    char quote = *in->at == '"' || *in->at == '\'' ? *in->at++ : '\0';

    for (;;) {
        char c;

        if (in->at == in->end) {
            return quote ? "a quote that is not closed"
                         : f->overflow ? IMPORT_TOO_LONG : NULL;
        }
        c = *in->at;
        if (quote ? c == quote
                  : nginx_is_space(c) || c == ';' || c == '{' || c == '}') {
            in->at += quote != '\0';
            return f->overflow ? IMPORT_TOO_LONG : NULL;
        }
        if (nginx_variable(in, f)) {
            continue;
        }
        in->at++;
        in->line += c == '\n';
        if (c == '\\' && in->at < in->end) {
            in->line += *in->at == '\n';
            nginx_escaped(f, *in->at++);
        }
        else {
            import_field_add(f, c);
        }
    }
}

/** Words up to `;` or a brace, which is not taken. */
typedef struct nginx_words {
    /* of the first word; of what comes next, when there is no word */
    apr_size_t line;
    unsigned count;
    /* the first ones, which are kept */
    import_field fields[3];
} nginx_words;

static const char *nginx_read_words(import_text *in, nginx_words *words)
{
    const char *reason = NULL;

    for (words->count = 0; !reason; words->count++) {
        import_field none = { NULL, 0, 0 };

        nginx_skip(in);
        if (words->count == 0) {
            words->line = in->line;
        }
        if (in->at == in->end || memchr(";{}", *in->at, 3)) {
            break;
        }
        reason = nginx_word(in, words->count < 3 ? &words->fields[words->count]
                                                 : &none);
    }
    return reason;
}

/* ---- entries ----------------------------------------------------------- */

static int nginx_key_is(const import_item *item, const char *text)
{
    return item->key_len == strlen(text)
           && memcmp(item->key, text, item->key_len) == 0;
}

/** Cut bytes off the front of the key. */
static void nginx_key_cut(import_item *item, apr_size_t len)
{
    item->key_len -= len;
    memmove(item->key, item->key + len, item->key_len);
}

/** A key and a value as nginx means them. */
static const char *nginx_pair(import_item *item)
{
    const char *key = item->key;
    apr_size_t len = item->key_len;

    if (nginx_key_is(item, "include")) {
        return "convert the included file by itself";
    }
    if (len > 0 && key[0] == '~') {
        return "a regular expression cannot be carried over";
    }
    if (len > 2 && memcmp(key + len - 2, ".*", 2) == 0) {
        return "a mask at the end of a name cannot be carried over";
    }
    if (memchr(item->value, '$', item->value_len)) {
        return "a variable cannot be carried over";
    }
    if (item->value_len == 0) {
        return "the value is empty";
    }
    if (nginx_key_is(item, "default")) {
        item->key[0] = '*';
        item->key_len = 1;
    }
    else if (len > 0 && key[0] == '\\') {
        /* a host that is called like a word of nginx's own */
        nginx_key_cut(item, 1);
    }
    else if (len > 0 && key[0] == '.') {
        item->below = 1;
        nginx_key_cut(item, 1);
    }
    return item->key_len > 0 ? NULL : "the key is empty";
}

/** Pass over a block whose `{` was taken, and all blocks in it. */
static void nginx_skip_block(import_text *in)
{
    unsigned depth = 1;

    while (depth > 0) {
        nginx_words words = { 0, 0, { { NULL, 0, 0 } } };
        const char *begin;

        nginx_skip(in);
        begin = in->at;
        if (nginx_read_words(in, &words)) {
            /* as when the block is read: the rest of the line is lost */
            in->at = begin;
            in->line = words.line;
            import_skip_line(in);
            continue;
        }
        if (in->at == in->end) {
            break;
        }
        depth += *in->at == '{';
        depth -= *in->at == '}';
        in->at++;
    }
}

/** `map $host $backend {` begins a block. */
static const char *nginx_block(import_text *in, const import_item *item,
                               unsigned count)
{
    in->at++;
    if (!nginx_key_is(item, "map") || count != 3 || in->in_block) {
        nginx_skip_block(in);
        return "expected `key value;`, found a block";
    }
    in->in_block = 1;
    return NULL;
}

/** What ended the words.  `used` is set when there is nothing more to do. */
static const char *nginx_end(import_text *in, import_item *item,
                             unsigned count, int *used)
{
    *used = 1;
    if (import_next_is(in, '{')) {
        return nginx_block(in, item, count);
    }
    if (count == 0 && import_next_is(in, '}')) {
        in->at++;
        if (!in->in_block) {
            return "a `}` without its `{`";
        }
        in->in_block = 0;
        return NULL;
    }
    if (!import_next_is(in, ';')) {
        return "expected `;` after the value";
    }
    in->at++;
    if (count == 0 || (count == 1 && (nginx_key_is(item, "hostnames")
                                      || nginx_key_is(item, "volatile")))) {
        return NULL;
    }
    *used = 0;
    return count == 2 ? nginx_pair(item)
                      : "expected a key, a value and `;`";
}

apr_status_t import_nginx_next(import_text *in, import_item *item)
{
    for (;;) {
        nginx_words words = { 0, 0, { { NULL, 0, 0 } } };
        const char *reason, *begin;
        int used;

        nginx_skip(in);
        begin = in->at;
        item->line = in->line;
        item->key_len = 0;
        item->value_len = 0;
        if (in->at == in->end) {
            /* a file that was cut short may end after an entry */
            reason = in->in_block ? "a `{` that is not closed" : NULL;
            in->in_block = 0;
            return reason ? import_wrong(item, reason) : APR_EOF;
        }
        words.fields[0].bytes = item->key;
        words.fields[1].bytes = item->value;
        reason = nginx_read_words(in, &words);
        item->line = words.line;
        item->key_len = words.fields[0].len;
        item->value_len = words.fields[1].len;
        if (reason) {
            in->at = begin;
            in->line = item->line;
            import_skip_line(in);
            return import_wrong(item, reason);
        }
        reason = nginx_end(in, item, words.count, &used);
        if (reason) {
            return import_wrong(item, reason);
        }
        if (!used) {
            return APR_SUCCESS;
        }
    }
}

/* ---- blocks ------------------------------------------------------------ */

/** What is shown of a word: printable and not too long. */
static void nginx_show(char name[IMPORT_NAME_MAX], const import_field *f)
{
    apr_size_t len = f->len < IMPORT_NAME_MAX ? f->len : IMPORT_NAME_MAX - 1;
    apr_size_t i;

    for (i = 0; i < len; i++) {
        name[i] = f->bytes[i] > ' ' && f->bytes[i] < 0x7f ? f->bytes[i] : '?';
    }
    name[len] = '\0';
}

/** A variable as it is compared: without `$` and the braces around it. */
static hostmap_str nginx_bare(const char *name)
{
    hostmap_str bare = { name, strlen(name) };

    if (bare.len > 0 && bare.ptr[0] == '$') {
        bare.ptr++;
        bare.len--;
    }
    if (bare.len > 1 && bare.ptr[0] == '{' && bare.ptr[bare.len - 1] == '}') {
        bare.ptr++;
        bare.len -= 2;
    }
    return bare;
}

static int nginx_same_variable(const char *a, const char *b)
{
    hostmap_str one = nginx_bare(a), other = nginx_bare(b);

    return one.len == other.len
           && strncasecmp(one.ptr, other.ptr, one.len) == 0;
}

/** Is this the block that is wanted?  Words are `map $source $variable`. */
static int nginx_is_wanted(const import_block *block, const char *variable)
{
    if (variable) {
        return nginx_same_variable(block->name, variable);
    }
    return nginx_same_variable(block->source, "host")
           || nginx_same_variable(block->source, "http_host");
}

/** What import_find_map() has found so far. */
typedef struct nginx_search {
    const char *variable;
    import_text block;          /* the inside of the one that is wanted */
    unsigned wanted;
    import_block any;           /* the first block of all */
    import_block outside;       /* the first entry outside of a block */
    import_block first, second; /* that are wanted */
} nginx_search;

/** A block begins: what `map` it is, and where it ends. */
static void nginx_take_block(nginx_search *s, import_text *in,
                             const import_block *block)
{
    import_text inside = *in;

    inside.in_block = 1;
    nginx_skip_block(in);
    inside.end = in->at;
    if (!s->any.line) {
        s->any = *block;
    }
    if (!nginx_is_wanted(block, s->variable)) {
        return;
    }
    if (s->wanted++ == 0) {
        s->first = *block;
        s->block = inside;
    }
    else if (s->wanted == 2) {
        s->second = *block;
    }
}

static int nginx_is(const import_field *f, const char *word)
{
    return f->len == strlen(word) && memcmp(f->bytes, word, f->len) == 0;
}

/** A statement outside of all blocks, or the beginning of a block.  Returns 0
 *  if a block is no `map`, which *wrong then names. */
static int nginx_take_statement(nginx_search *s, import_text *in,
                                import_block *wrong)
{
    char bytes[3][IMPORT_FIELD_MAX];
    nginx_words words = { 0, 0, { { bytes[0], 0, 0 }, { bytes[1], 0, 0 },
                                  { bytes[2], 0, 0 } } };
    import_block block;
    const char *begin = in->at;

    if (nginx_read_words(in, &words)) {
        in->at = begin;
        in->line = words.line;
        import_skip_line(in);
        return 1;
    }
    block.line = words.line;
    nginx_show(block.source, &words.fields[1]);
    nginx_show(block.name, &words.fields[words.count == 3 ? 2 : 0]);
    if (import_next_is(in, '{')) {
        if (words.count != 3 || !nginx_is(&words.fields[0], "map")) {
            nginx_show(block.name, &words.fields[0]);
            *wrong = block;
            return 0;
        }
        in->at++;
        nginx_take_block(s, in, &block);
        return 1;
    }
    if (words.count > 0 && !s->outside.line
        && !nginx_is(&words.fields[0], "map_hash_max_size")
        && !nginx_is(&words.fields[0], "map_hash_bucket_size")) {
        nginx_show(block.name, &words.fields[0]);
        s->outside = block;
    }
    if (in->at < in->end) {
        in->at++;
    }
    return 1;
}

import_map_result import_find_map(import_text *in, const char *variable,
                                  import_map *map)
{
    nginx_search s;
    import_text text = *in;

    memset(&s, 0, sizeof(s));
    memset(map, 0, sizeof(*map));
    s.variable = variable;
    for (;;) {
        nginx_skip(&text);
        if (text.at == text.end) {
            break;
        }
        if (!nginx_take_statement(&s, &text, &map->first)) {
            return IMPORT_MAP_OTHER;
        }
    }
    map->first = s.wanted ? s.first : s.any;
    map->second = s.second;
    if (s.wanted > 1) {
        return IMPORT_MAP_SEVERAL;
    }
    if (!s.wanted && (variable || s.any.line)) {
        return IMPORT_MAP_MISSING;
    }
    if (s.wanted && s.outside.line) {
        map->second = s.outside;
        return IMPORT_MAP_OUTSIDE;
    }
    if (s.wanted) {
        *in = s.block;
    }
    return IMPORT_MAP_FOUND;
}

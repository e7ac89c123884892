/* SPDX-License-Identifier: Apache-2.0 */

/*
 * import_core.c: what others write in their lists of hosts.
 */

#include "import_core.h"

#include <string.h>
#include <strings.h>

#define TOO_LONG "longer than 4096 bytes"

void import_begin(import_text *in, import_format format,
                  const char *text, apr_size_t len)
{
    memset(in, 0, sizeof(*in));
    in->format = format;
    in->at = text;
    in->end = text + len;
    in->line = 1;
    in->value_column = 1;
    if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
        in->at += 3;
    }
}

static int is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/** Is the byte that is next this one? */
static int next_is(const import_text *in, char c)
{
    return in->at < in->end && *in->at == c;
}

/** Go behind the newline of this line. */
static void skip_line(import_text *in)
{
    const char *newline = in->at < in->end
                          ? memchr(in->at, '\n', (size_t)(in->end - in->at))
                          : NULL;

    in->at = newline ? newline + 1 : in->end;
    in->line += newline != NULL;
}

static apr_status_t wrong(import_item *item, const char *reason)
{
    item->reason = reason;
    return APR_EINVAL;
}

/** A buffer of an item that is being filled. */
typedef struct field {
    char *bytes;
    apr_size_t len;
    int overflow;
} field;

static void field_add(field *f, char c)
{
    if (f->len == IMPORT_FIELD_MAX) {
        f->overflow = 1;
        return;
    }
    if (f->bytes) {
        f->bytes[f->len] = c;
    }
    f->len++;
}

/** Cut blanks off both ends of a buffer. */
static void trim(char *bytes, apr_size_t *len)
{
    apr_size_t from = 0;

    while (*len > 0 && is_blank(bytes[*len - 1])) {
        --*len;
    }
    while (from < *len && is_blank(bytes[from])) {
        from++;
    }
    *len -= from;
    memmove(bytes, bytes + from, *len);
}

/* ---- CSV and TSV ------------------------------------------------------- */

static char separator_of(const import_text *in)
{
    return in->format == IMPORT_CSV ? ',' : '\t';
}

/** At the end of a record: its newline, or the end of the text. */
static int at_record_end(const import_text *in)
{
    return in->at == in->end || *in->at == '\n'
           || (*in->at == '\r'
               && (in->at + 1 == in->end || in->at[1] == '\n'));
}

/** Behind the opening quote, up to behind the closing one. */
static const char *csv_quoted(import_text *in, field *f)
{
    while (in->at < in->end) {
        char c = *in->at++;

        if (c == '"' && !next_is(in, '"')) {
            break;
        }
        if (c == '"') {
            in->at++;
        }
        in->line += c == '\n';
        field_add(f, c);
        if (in->at == in->end) {
            return "a quote that is not closed";
        }
    }
    while (next_is(in, ' ')) {
        in->at++;
    }
    if (!at_record_end(in) && *in->at != separator_of(in)) {
        return "expected a separator behind the closing quote";
    }
    return NULL;
}

/** One field, up to its separator or the end of the record.
 *  @return what is wrong, or NULL */
static const char *csv_field(import_text *in, field *f)
{
    char separator = separator_of(in);
    const char *reason = NULL;

    while (next_is(in, ' ')) {
        in->at++;
    }
    if (next_is(in, '"')) {
        in->at++;
        if (in->at == in->end) {
            return "a quote that is not closed";
        }
        reason = csv_quoted(in, f);
    }
    else {
        while (!at_record_end(in) && *in->at != separator) {
            field_add(f, *in->at++);
        }
    }
    return reason ? reason : f->overflow ? TOO_LONG : NULL;
}

/** The fields of a record: two of them are kept. */
static const char *csv_fields(import_text *in, import_item *item)
{
    unsigned column = 0;
    int found = 0;

    for (;; column++) {
        int is_key = column == in->key_column;
        int is_value = column == in->value_column;
        field f = { is_key ? item->key : is_value ? item->value : NULL, 0, 0 };
        const char *reason = csv_field(in, &f);

        if (is_key) {
            item->key_len = f.len;
        }
        else if (is_value) {
            item->value_len = f.len;
        }
        found += is_key || is_value;
        if (reason) {
            return reason;
        }
        if (at_record_end(in)) {
            break;
        }
        in->at++;
    }
    return found == 2 ? NULL : "too few columns";
}

static apr_status_t csv_next(import_text *in, import_item *item)
{
    const char *begin, *reason;

    /* blank lines and comments */
    while (in->at < in->end && (at_record_end(in) || *in->at == '#')) {
        skip_line(in);
    }
    if (in->at == in->end) {
        return APR_EOF;
    }
    begin = in->at;
    item->line = in->line;
    reason = csv_fields(in, item);
    if (reason) {
        /* a quote too many would take all that follows with it */
        in->at = begin;
        in->line = item->line;
    }
    skip_line(in);
    trim(item->key, &item->key_len);
    trim(item->value, &item->value_len);
    if (reason) {
        return wrong(item, reason);
    }
    if (item->key_len == 0) {
        return wrong(item, "no key in its column");
    }
    return item->value_len > 0 ? APR_SUCCESS
                               : wrong(item, "no value in its column");
}

int import_column(const import_text *in, const char *name, apr_size_t len)
{
    import_text header = *in;
    char bytes[IMPORT_FIELD_MAX];
    int column;

    for (column = 0;; column++) {
        field f = { bytes, 0, 0 };
        const char *reason = csv_field(&header, &f);

        trim(bytes, &f.len);
        if (!reason && f.len == len && strncasecmp(bytes, name, len) == 0) {
            return column;
        }
        if (reason || at_record_end(&header)) {
            return -1;
        }
        header.at++;
    }
}

void import_skip_header(import_text *in)
{
    skip_line(in);
}

/* ---- HAProxy ----------------------------------------------------------- */

/** Why a key of a HAProxy map cannot be one of ours.  The file does not say how
 *  it is matched (map_str, map_end, map_reg ...): a key that no request's host
 *  can be was not written for map_str. */
static const char *haproxy_reason(const import_item *item)
{
    const char *key = item->key;
    apr_size_t len = item->key_len;
    apr_size_t i;

    if (key[0] == '.') {
        return "a suffix (map_end, map_dom) cannot be carried over: write "
               "*.NAME if all names below it are meant";
    }
    if (memchr(key, '/', len)) {
        return "a path (map_beg, map_dir) cannot be carried over: it may end "
               "within a segment, write HOST/PATH if a whole one is meant";
    }
    for (i = len > 1 && memcmp(key, "*.", 2) == 0; i < len; i++) {
        if (strchr("^$\\()|*+?{}", key[i]) && key[i] != '\0') {
            return "a regular expression (map_reg) cannot be carried over";
        }
    }
    return NULL;
}

/** From `at` to the first blank, or to end. */
static const char *word_end(const char *at, const char *end)
{
    while (at < end && !is_blank(*at)) {
        at++;
    }
    return at;
}

static const char *haproxy_line(import_item *item, const char *at,
                                const char *end)
{
    const char *key_end = word_end(at, end);
    const char *value = key_end;

    while (value < end && is_blank(*value)) {
        value++;
    }
    if (key_end - at > IMPORT_FIELD_MAX || end - value > IMPORT_FIELD_MAX) {
        return TOO_LONG;
    }
    item->key_len = (apr_size_t)(key_end - at);
    memcpy(item->key, at, item->key_len);
    item->value_len = (apr_size_t)(end - value);
    memcpy(item->value, value, item->value_len);
    return item->value_len > 0 ? haproxy_reason(item)
                               : "expected a value behind the key";
}

static apr_status_t haproxy_next(import_text *in, import_item *item)
{
    while (in->at < in->end) {
        const char *at = in->at, *end;
        const char *reason;

        item->line = in->line;
        skip_line(in);
        end = in->at;
        while (end > at && (is_blank(end[-1]) || end[-1] == '\n'
                            || end[-1] == '\r')) {
            end--;
        }
        while (at < end && is_blank(*at)) {
            at++;
        }
        if (at == end || *at == '#') {
            continue;
        }
        reason = haproxy_line(item, at, end);
        return reason ? wrong(item, reason) : APR_SUCCESS;
    }
    return APR_EOF;
}

/* ---- nginx ------------------------------------------------------------- */

static int is_space(char c)
{
    return is_blank(c) || c == '\r' || c == '\n';
}

/** Go to the next word, `;`, brace, or the end. */
static void nginx_skip(import_text *in)
{
    while (in->at < in->end) {
        if (*in->at == '#') {
            skip_line(in);
        }
        else if (is_space(*in->at)) {
            in->line += *in->at == '\n';
            in->at++;
        }
        else {
            return;
        }
    }
}

/** A byte behind a backslash: nginx knows three that stand for themselves and
 *  three that stand for others; before all else the backslash stays. */
static void nginx_escaped(field *f, char c)
{
    switch (c) {
    case 't':
        field_add(f, '\t');
        break;
    case 'r':
        field_add(f, '\r');
        break;
    case 'n':
        field_add(f, '\n');
        break;
    case '"':
    case '\'':
    case '\\':
        field_add(f, c);
        break;
    default:
        field_add(f, '\\');
        field_add(f, c);
    }
}

static const char *nginx_word(import_text *in, field *f)
{
    char quote = *in->at == '"' || *in->at == '\'' ? *in->at++ : '\0';

    for (;;) {
        char c;

        if (in->at == in->end) {
            return quote ? "a quote that is not closed"
                         : f->overflow ? TOO_LONG : NULL;
        }
        c = *in->at;
        if (quote ? c == quote
                  : is_space(c) || c == ';' || c == '{' || c == '}') {
            in->at += quote != '\0';
            return f->overflow ? TOO_LONG : NULL;
        }
        in->at++;
        in->line += c == '\n';
        if (c == '\\' && in->at < in->end) {
            in->line += *in->at == '\n';
            nginx_escaped(f, *in->at++);
        }
        else {
            field_add(f, c);
        }
    }
}

/** The words up to `;` or a brace, which is not taken: the first two are kept,
 *  the others counted. */
static const char *nginx_words(import_text *in, import_item *item,
                               unsigned *count)
{
    const char *reason = NULL;

    for (*count = 0; !reason; ++*count) {
        field f = { NULL, 0, 0 };

        nginx_skip(in);
        if (in->at == in->end || memchr(";{}", *in->at, 3)) {
            break;
        }
        if (*count == 0) {
            item->line = in->line;
        }
        f.bytes = *count == 0 ? item->key : *count == 1 ? item->value : NULL;
        reason = nginx_word(in, &f);
        if (*count == 0) {
            item->key_len = f.len;
        }
        else if (*count == 1) {
            item->value_len = f.len;
        }
    }
    return reason;
}

static int key_is(const import_item *item, const char *text)
{
    return item->key_len == strlen(text)
           && memcmp(item->key, text, item->key_len) == 0;
}

/** Cut bytes off the front of the key. */
static void key_cut(import_item *item, apr_size_t len)
{
    item->key_len -= len;
    memmove(item->key, item->key + len, item->key_len);
}

/** A key and a value as nginx means them. */
static const char *nginx_pair(import_item *item)
{
    const char *key = item->key;
    apr_size_t len = item->key_len;

    if (key_is(item, "include")) {
        return "an include: convert that file by itself";
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
    if (key_is(item, "default")) {
        item->key[0] = '*';
        item->key_len = 1;
    }
    else if (len > 0 && key[0] == '\\') {
        /* a host that is called like a word of nginx's own */
        key_cut(item, 1);
    }
    else if (len > 0 && key[0] == '.') {
        item->below = 1;
        key_cut(item, 1);
    }
    return item->key_len > 0 ? NULL : "the key is empty";
}

/** `map $host $backend {` begins a block. */
static const char *nginx_block(import_text *in, const import_item *item,
                               unsigned count)
{
    in->at++;
    if (!key_is(item, "map") || count != 3 || in->in_block) {
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
    if (next_is(in, '{')) {
        return nginx_block(in, item, count);
    }
    if (count == 0 && next_is(in, '}')) {
        in->at++;
        if (!in->in_block) {
            return "a `}` without its `{`";
        }
        in->in_block = 0;
        return NULL;
    }
    if (!next_is(in, ';')) {
        return "expected `;` behind the value";
    }
    in->at++;
    if (count == 0 || (count == 1 && (key_is(item, "hostnames")
                                      || key_is(item, "volatile")))) {
        return NULL;
    }
    *used = 0;
    return count == 2 ? nginx_pair(item)
                      : "expected a key, a value and `;`";
}

static apr_status_t nginx_next(import_text *in, import_item *item)
{
    for (;;) {
        const char *reason, *begin;
        unsigned count;
        int used;

        nginx_skip(in);
        begin = in->at;
        item->line = in->line;
        item->key_len = 0;
        item->value_len = 0;
        if (in->at == in->end) {
            /* a file that was cut short may end behind an entry */
            reason = in->in_block ? "a `{` that is not closed" : NULL;
            in->in_block = 0;
            return reason ? wrong(item, reason) : APR_EOF;
        }
        reason = nginx_words(in, item, &count);
        if (reason) {
            in->at = begin;
            in->line = item->line;
            skip_line(in);
            return wrong(item, reason);
        }
        reason = nginx_end(in, item, count, &used);
        if (reason) {
            return wrong(item, reason);
        }
        if (!used) {
            return APR_SUCCESS;
        }
    }
}

/* ---- all --------------------------------------------------------------- */

apr_status_t import_next(import_text *in, import_item *item)
{
    item->key_len = 0;
    item->value_len = 0;
    item->below = 0;
    item->reason = NULL;
    switch (in->format) {
    case IMPORT_HAPROXY:
        return haproxy_next(in, item);
    case IMPORT_NGINX:
        return nginx_next(in, item);
    default:
        return csv_next(in, item);
    }
}

/* SPDX-License-Identifier: Apache-2.0 */

/*
 * import_csv_core.c: records of CSV and TSV.
 */

#include "import_csv_core.h"

#include <string.h>
#include <strings.h>

/** Cut blanks off both ends of a buffer. */
static void csv_trim(char *bytes, apr_size_t *len)
{
    apr_size_t from = 0;

    while (*len > 0 && import_is_blank(bytes[*len - 1])) {
        --*len;
    }
    while (from < *len && import_is_blank(bytes[from])) {
        from++;
    }
    *len -= from;
    memmove(bytes, bytes + from, *len);
}

/** At the end of a record: its newline, or the end of the text. */
static int csv_at_end(const import_text *in)
{
    return in->at == in->end || *in->at == '\n'
           || (*in->at == '\r'
               && (in->at + 1 == in->end || in->at[1] == '\n'));
}

/** The rest of a field in quotes, after the opening one, and its closing
 *  quote. */
static const char *csv_quoted(import_text *in, import_field *f)
{
    while (in->at < in->end) {
        char c = *in->at++;

        if (c == '"' && !import_next_is(in, '"')) {
            break;
        }
        if (c == '"') {
            in->at++;
        }
        in->line += c == '\n';
        import_field_add(f, c);
        if (in->at == in->end) {
            return "a quote that is not closed";
        }
    }
    while (import_next_is(in, ' ')) {
        in->at++;
    }
    if (!csv_at_end(in) && *in->at != in->separator) {
        return "expected a separator after the closing quote";
    }
    return NULL;
}

/** One field, up to its separator or the end of the record.
 *  @return what is wrong, or NULL */
static const char *csv_field(import_text *in, import_field *f)
{
    char separator = in->separator;
    const char *reason = NULL;

    while (import_next_is(in, ' ')) {
        in->at++;
    }
    if (import_next_is(in, '"')) {
        in->at++;
        if (in->at == in->end) {
            return "a quote that is not closed";
        }
        reason = csv_quoted(in, f);
    }
    else {
        while (!csv_at_end(in) && *in->at != separator) {
            import_field_add(f, *in->at++);
        }
    }
    return reason ? reason : f->overflow ? IMPORT_TOO_LONG : NULL;
}

/** The fields of a record: two of them are kept. */
static const char *csv_fields(import_text *in, import_item *item)
{
    unsigned column = 0;
    int found = 0;

    for (;; column++) {
        int is_key = column == in->key_column;
        int is_value = column == in->value_column;
        import_field f = { is_key ? item->key
                           : is_value ? item->value : NULL, 0, 0 };
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
        if (csv_at_end(in)) {
            break;
        }
        in->at++;
    }
    return found == 2 ? NULL : "too few columns";
}

/** Names that people give to the column of the key. */
static int csv_is_key_name(const import_item *item)
{
    static const char *const names[] = {
        "domain", "domain name", "domain_name", "domainname", "fqdn", "host",
        "host name", "host_name", "hostname", "key", "name", "server_name",
        "servername", "site", "url", "vhost"
    };
    unsigned i;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (item->key_len == strlen(names[i])
            && strncasecmp(item->key, names[i], item->key_len) == 0) {
            return 1;
        }
    }
    return 0;
}

apr_status_t import_csv_next(import_text *in, import_item *item)
{
    const char *begin, *reason;
    int is_first = in->is_first;

    /* blank lines and comments */
    while (in->at < in->end && (csv_at_end(in) || *in->at == '#')) {
        import_skip_line(in);
    }
    if (in->at == in->end) {
        return APR_EOF;
    }
    begin = in->at;
    in->is_first = 0;
    item->line = in->line;
    reason = csv_fields(in, item);
    if (reason) {
        /* one quote too many would take all that follows with it */
        in->at = begin;
        in->line = item->line;
    }
    import_skip_line(in);
    csv_trim(item->key, &item->key_len);
    csv_trim(item->value, &item->value_len);
    if (reason) {
        return import_wrong(item, reason);
    }
    if (item->key_len == 0) {
        return import_wrong(item, "no key in its column");
    }
    if (is_first && csv_is_key_name(item)) {
        return import_wrong(item, "looks like the name of a column: name the "
                            "columns with --key and --value");
    }
    return item->value_len > 0 ? APR_SUCCESS
                               : import_wrong(item, "no value in its column");
}

/* ---- the header -------------------------------------------------------- */

/** The next character of a name, in lower case; of a row of blanks and
 *  newlines, one blank. */
static int csv_name_next(const char **at, const char *end)
{
    int c;

    if (*at == end) {
        return -1;
    }
    c = (unsigned char)*(*at)++;
    if (c >= 'A' && c <= 'Z') {
        return c - 'A' + 'a';
    }
    if (!strchr(" \t\r\n", c) || c == '\0') {
        return c;
    }
    while (*at < end && **at && strchr(" \t\r\n", **at)) {
        ++*at;
    }
    return ' ';
}

static int csv_same_name(const char *a, apr_size_t a_len, const char *b,
                         apr_size_t b_len)
{
    const char *a_end = a + a_len, *b_end = b + b_len;
    int c;

    do {
        c = csv_name_next(&a, a_end);
        if (c != csv_name_next(&b, b_end)) {
            return 0;
        }
    } while (c >= 0);
    return 1;
}

int import_column(const import_text *in, const char *name, apr_size_t len)
{
    import_text header = *in;
    char bytes[IMPORT_FIELD_MAX];
    int column;

    for (column = 0;; column++) {
        import_field f = { bytes, 0, 0 };
        const char *reason = csv_field(&header, &f);

        csv_trim(bytes, &f.len);
        if (!reason && csv_same_name(bytes, f.len, name, len)) {
            return column;
        }
        if (reason || csv_at_end(&header)) {
            return -1;
        }
        header.at++;
    }
}

/** How often a separator stands in the first record, outside of quotes. */
static int csv_count(const import_text *in, char separator)
{
    import_text record = *in;
    int count = 0;

    record.separator = separator;
    for (;;) {
        import_field f = { NULL, 0, 0 };

        if (csv_field(&record, &f) || csv_at_end(&record)) {
            return count;
        }
        record.at++;
        count++;
    }
}

/** Does the header have all columns, with this separator? */
static int csv_has_names(const import_text *in, char separator,
                         const char *const names[2])
{
    import_text header = *in;
    int i, found = 0;

    header.separator = separator;
    for (i = 0; i < 2; i++) {
        if (names[i] && import_column(&header, names[i],
                                      strlen(names[i])) < 0) {
            return 0;
        }
        found += names[i] != NULL;
    }
    return found > 0;
}

void import_guess_separator(import_text *in, const char *const names[2])
{
    static const char candidates[] = ",;\t|";
    char found = '\0';
    const char *c;

    if (in->end - in->at >= 5 && strncasecmp(in->at, "sep=", 4) == 0
        && (in->at + 5 == in->end || strchr("\r\n", in->at[5]))) {
        in->separator = in->at[4];
        import_skip_line(in);
        return;
    }
    if (!names[0] && !names[1] && csv_count(in, ',') > 0) {
        return;
    }
    for (c = candidates; *c; c++) {
        if (names[0] || names[1] ? csv_has_names(in, *c, names)
                                 : csv_count(in, *c) > 0) {
            if (found) {
                return;
            }
            found = *c;
        }
    }
    if (found) {
        in->separator = found;
    }
}

void import_skip_header(import_text *in)
{
    import_text begin = *in;

    in->is_first = 0;
    for (;;) {
        import_field f = { NULL, 0, 0 };

        if (csv_field(in, &f)) {
            /* a quote that is not closed: the line is the header */
            *in = begin;
            in->is_first = 0;
            break;
        }
        if (csv_at_end(in)) {
            break;
        }
        in->at++;
    }
    import_skip_line(in);
}

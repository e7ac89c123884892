/* SPDX-License-Identifier: Apache-2.0 */

/*
 * sql_core.c: a table and two expressions.
 */

#include "sql_core.h"

#include <string.h>

#include "base/scan.h"

static apr_size_t identifier_len(hostmap_str text)
{
    apr_size_t i = 0;

    while (i < text.len
           && ((text.ptr[i] >= 'a' && text.ptr[i] <= 'z')
               || text.ptr[i] == '_'
               || (i > 0 && hostmap_scan_is_digit(text.ptr[i])))) {
        i++;
    }

    return i;
}

/* The length of the expression at the front: to the comma or the parenthesis
 * that ends it; text.len: it does not end. */
static apr_size_t expression_len(hostmap_str text)
{
    apr_size_t i, depth = 0;
    char quote = 0;

    for (i = 0; i < text.len; i++) {
        char c = text.ptr[i];

        if (quote) {
            quote = c == quote ? 0 : quote;
        }
        else if (c == '\'' || c == '"') {
            quote = c;
        }
        else if (c == '(') {
            depth++;
        }
        else if (depth == 0 && (c == ',' || c == ')')) {
            return i;
        }
        else if (c == ')') {
            depth--;
        }
    }

    return text.len;
}

/* The bytes that end the text that is printed around it. */
static int is_safe(hostmap_str text)
{
    apr_size_t i;

    for (i = 0; i < text.len; i++) {
        if (text.ptr[i] == '$' || text.ptr[i] == ';' || text.ptr[i] == '\0'
            || hostmap_scan_is(text.ptr[i], HOSTMAP_SCAN_CONTROL)) {
            return 0;
        }
    }

    return 1;
}

static apr_status_t take_table(follow_table *table, hostmap_str *rest,
                               const hostmap_scan *scan)
{
    apr_size_t len = identifier_len(*rest);

    table->table.ptr = rest->ptr;
    table->name = hostmap_str_of(rest->ptr, len);
    *rest = hostmap_scan_after(*rest, len);
    if (len && rest->len && rest->ptr[0] == '.') {
        *rest = hostmap_scan_after(*rest, 1);
        len = identifier_len(*rest);
        table->name = hostmap_str_of(rest->ptr, len);
        *rest = hostmap_scan_after(*rest, len);
    }
    if (len == 0 || len > FOLLOW_TABLE_MAX) {
        return hostmap_scan_fail(scan, table->name.ptr, "not the name of a "
                                 "table: small letters, digits, `_`, at most "
                                 "30, after a schema and a dot or alone");
    }
    table->table.len = (apr_size_t)(rest->ptr - table->table.ptr);

    return APR_SUCCESS;
}

static apr_status_t take_expression(hostmap_str *expression,
                                    hostmap_str *rest, char end,
                                    const hostmap_scan *scan)
{
    apr_size_t len = expression_len(*rest);

    if (len == rest->len || rest->ptr[len] != end) {
        return hostmap_scan_fail(scan, rest->ptr, "expected "
                                 "`table(host, entry)`");
    }
    *expression = hostmap_scan_trim(hostmap_str_of(rest->ptr, len));
    *rest = hostmap_scan_after(*rest, len + 1);
    if (expression->len == 0 || !is_safe(*expression)) {
        return hostmap_scan_fail(scan, expression->ptr, "not an expression, "
                                 "or one with `;`, `$` or control bytes");
    }

    return APR_SUCCESS;
}

apr_status_t follow_table_parse(follow_table *table, hostmap_str text,
                                hostmap_bad *bad)
{
    hostmap_scan scan = { text.ptr, bad };
    hostmap_str rest = hostmap_scan_trim(text);
    apr_status_t rv;

    memset(table, 0, sizeof(*table));
    rv = take_table(table, &rest, &scan);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (rest.len == 0 || rest.ptr[0] != '(') {
        return hostmap_scan_fail(&scan, rest.ptr, "expected "
                                 "`table(host, entry)`");
    }
    rest = hostmap_scan_after(rest, 1);
    rv = take_expression(&table->host, &rest, ',', &scan);
    if (rv == APR_SUCCESS) {
        rv = take_expression(&table->entry, &rest, ')', &scan);
    }
    if (rv == APR_SUCCESS && rest.len) {
        rv = hostmap_scan_fail(&scan, rest.ptr, "expected nothing after "
                               "`table(host, entry)`");
    }

    return rv;
}

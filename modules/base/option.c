/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file option.c
 * @brief The table of the options that may follow a backend URL, and its
 *        reader.
 *
 * Names, units and ranges are those of set_worker_param() in httpd's
 * mod_proxy.c, except that a number has to be one: `timeout=5x` is refused.
 */

#include <string.h>

#include "option.h"
#include "scan.h"

#define MSEC APR_INT64_C(1000)
#define SEC (1000 * MSEC)

#define INT_MOST APR_INT32_MAX
/** mod_proxy keeps seconds in an int */
#define TIME_MOST (APR_INT32_MAX * SEC)
/** smallest size other than 0, the system's default */
#define SIZE_LEAST 512

#define INT(name, min, expected) \
    { name, HOSTMAP_OPTION_INT, 1, min, INT_MOST, expected }
#define TIME(name, unit, min, max, expected) \
    { name, HOSTMAP_OPTION_TIME, unit, min, max, expected }
#define SWITCH(name, max, expected) \
    { name, HOSTMAP_OPTION_SWITCH, 1, 0, max, expected }
/** room: size of the field in mod_proxy, with the terminating NUL */
#define TEXT(name, room, expected) \
    { name, HOSTMAP_OPTION_TEXT, 1, 1, (room) - 1, expected }

const hostmap_option_def hostmap_options[] = {
    TIME("acquire", MSEC, MSEC, TIME_MOST,
         "acquire takes a time of at least one millisecond"),
    TIME("addressttl", SEC, -1, TIME_MOST,
         "addressttl takes -1 or a time in whole seconds"),
    TIME("connectiontimeout", SEC, MSEC, TIME_MOST,
         "connectiontimeout takes a time of at least one millisecond"),
    SWITCH("disablereuse", 1, "disablereuse takes on or off"),
    SWITCH("enablereuse", 1, "enablereuse takes on or off"),
    SWITCH("flushpackets", 2, "flushpackets takes on, off or auto"),
    TIME("flushwait", MSEC, 0, 1000 * MSEC,
         "flushwait takes a time of 0 to 1000 milliseconds"),
    INT("iobuffersize", SIZE_LEAST,
        "iobuffersize takes 0 or at least 512 bytes"),
    SWITCH("keepalive", 1, "keepalive takes on or off"),
    INT("max", 0, "max takes a whole number"),
    INT("min", 0, "min takes a whole number"),
    TIME("ping", SEC, MSEC, TIME_MOST,
         "ping takes a time of at least one millisecond"),
    INT("receivebuffersize", SIZE_LEAST,
        "receivebuffersize takes 0 or at least 512 bytes"),
    INT("responsefieldsize", 0,
        "responsefieldsize takes a number of bytes"),
    TIME("retry", SEC, 0, TIME_MOST, "retry takes a time"),
    TEXT("secret", 64, "secret takes 1 to 63 bytes"),
    INT("smax", 0, "smax takes a whole number"),
    TIME("timeout", SEC, SEC, TIME_MOST,
         "timeout takes a time of at least one second"),
    TIME("ttl", SEC, SEC, TIME_MOST,
         "ttl takes a time of at least one second"),
    TEXT("upgrade", 16, "upgrade takes a protocol of 1 to 15 bytes"),
    { NULL, HOSTMAP_OPTION_INT, 0, 0, 0, NULL }
};

/** Options of ProxyPass that an entry of a map cannot have. */
static const struct {
    const char *name;
    const char *reason;
} option_refused[] = {
    { "loadfactor", "loadfactor is for members of a balancer" },
    { "route", "route is for members of a balancer" },
    { "redirect", "redirect is for members of a balancer" },
    { "status", "status is for members of a balancer" },
    { "lbset", "lbset is for members of a balancer" },
    { "flusher", "flusher is for mod_proxy_fdpass" },
    { "mapping", "mapping has no effect in an entry" },
    { "weight", "weight is for members of a group" }
};

static const struct {
    const char *suffix;
    apr_int64_t unit;
} option_units[] = {
    { "ms", MSEC },
    { "s", SEC },
    { "mi", 60 * SEC },
    { "min", 60 * SEC },
    { "h", 3600 * SEC }
};

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

const hostmap_option_def *hostmap_option_find(hostmap_str name)
{
    const hostmap_option_def *def;

    for (def = hostmap_options; def->name; def++) {
        if (hostmap_scan_equal(name, def->name)) {
            return def;
        }
    }
    return NULL;
}

unsigned hostmap_option_flag(hostmap_str word)
{
    if (hostmap_scan_equal(word, "nocanon")) {
        return HOSTMAP_FLAG_NOCANON;
    }
    if (hostmap_scan_equal(word, "noquery")) {
        return HOSTMAP_FLAG_NOQUERY;
    }
    if (hostmap_scan_equal(word, "noreverse")) {
        return HOSTMAP_FLAG_NOREVERSE;
    }
    return 0;
}

int hostmap_option_is_member(hostmap_str word)
{
    static const char weight[] = "weight=";
    hostmap_str name = word;

    name.len = sizeof(weight) - 1;
    return hostmap_scan_equal(word, "backup")
           || (word.len >= name.len && hostmap_scan_equal(name, weight));
}

/** Units are lower case, as for httpd's ap_timeout_parameter_parse(). */
static int option_time(apr_int64_t *number, hostmap_str text,
                       apr_int64_t unit)
{
    hostmap_str digits = text;
    apr_size_t i, suffix_len;

    digits.len = 0;
    while (digits.len < text.len
           && hostmap_scan_is_digit(text.ptr[digits.len])) {
        digits.len++;
    }
    suffix_len = text.len - digits.len;
    if (suffix_len > 0) {
        unit = 0;
        for (i = 0; i < LENGTH(option_units); i++) {
            const char *suffix = option_units[i].suffix;

            if (strlen(suffix) == suffix_len
                && memcmp(suffix, text.ptr + digits.len, suffix_len) == 0) {
                unit = option_units[i].unit;
            }
        }
    }
    if (unit == 0 || !hostmap_scan_number(number, digits)
        || *number > APR_INT64_MAX / unit) {
        return 0;
    }
    *number *= unit;
    return 1;
}

static int option_switch(apr_int64_t *number, hostmap_str text)
{
    static const char *const words[] = { "off", "on", "auto" };
    apr_size_t i;

    for (i = 0; i < LENGTH(words); i++) {
        if (hostmap_scan_equal(text, words[i])) {
            *number = (apr_int64_t)i;
            return 1;
        }
    }
    return 0;
}

/** Read a value by the kind of its row.  Returns 1; 0 if it is not one. */
static int option_number(hostmap_option *option)
{
    const hostmap_option_def *def = option->def;

    switch (def->kind) {
    case HOSTMAP_OPTION_INT:
        return hostmap_scan_number(&option->number, option->text);
    case HOSTMAP_OPTION_TIME:
        if (def->min == -1 && hostmap_scan_equal(option->text, "-1")) {
            option->number = -1;
            return 1;
        }
        return option_time(&option->number, option->text, def->unit);
    case HOSTMAP_OPTION_SWITCH:
        return option_switch(&option->number, option->text);
    case HOSTMAP_OPTION_TEXT:
        option->number = (apr_int64_t)option->text.len;
        return 1;
    }
    return 0;
}

static int option_in_range(const hostmap_option *option)
{
    const hostmap_option_def *def = option->def;

    if (def->kind == HOSTMAP_OPTION_INT && def->min == SIZE_LEAST
        && option->number == 0) {
        return 1;
    }
    /* mod_proxy keeps the time that may be -1 in seconds */
    if (def->kind == HOSTMAP_OPTION_TIME && def->min == -1
        && option->number != -1 && option->number % SEC != 0) {
        return 0;
    }
    return option->number >= def->min && option->number <= def->max;
}

static const char *option_unknown(hostmap_str name)
{
    apr_size_t i;

    for (i = 0; i < LENGTH(option_refused); i++) {
        if (hostmap_scan_equal(name, option_refused[i].name)) {
            return option_refused[i].reason;
        }
    }
    if (name.len > 2) {
        name.len = 2;
        if (hostmap_scan_equal(name, "hc")) {
            return "health checks are for members of a balancer";
        }
    }
    return "not an option of ProxyPass";
}

apr_status_t hostmap_option_read(hostmap_option *option, hostmap_str word,
                                 const hostmap_scan *scan)
{
    const char *equal = memchr(word.ptr, '=', word.len);
    hostmap_str name;

    if (equal == NULL) {
        return hostmap_scan_fail(scan, word.ptr,
                                 hostmap_option_is_member(word)
                                 ? "backup is for members of a group"
                                 : "expected key=value, nocanon, noquery or "
                                   "noreverse");
    }
    name.ptr = word.ptr;
    name.len = (apr_size_t)(equal - word.ptr);
    option->text.ptr = equal + 1;
    option->text.len = word.len - name.len - 1;
    option->def = hostmap_option_find(name);
    if (option->def == NULL) {
        return hostmap_scan_fail(scan, name.ptr, option_unknown(name));
    }
    if (!option_number(option) || !option_in_range(option)) {
        return hostmap_scan_fail(scan, option->text.ptr,
                                 option->def->expected);
    }
    return APR_SUCCESS;
}

apr_status_t hostmap_option_next(hostmap_option *option, hostmap_str *words,
                                 hostmap_bad *bad)
{
    hostmap_scan scan;
    hostmap_str word;

    scan.base = words->ptr;
    scan.bad = bad;
    do {
        word = hostmap_scan_word(words);
        if (word.len == 0) {
            return APR_EOF;
        }
    } while (hostmap_option_flag(word) || hostmap_option_is_member(word));
    return hostmap_option_read(option, word, &scan);
}

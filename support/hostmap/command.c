/* SPDX-License-Identifier: Apache-2.0 */

/*
 * command.c: a command line, read by a table of verbs, and the help that the
 * table holds.
 */

#include "command.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "apr_general.h"
#include "apr_strings.h"

#include "progress.h"

/* ---- help -------------------------------------------------------------- */

static void command_usage(FILE *to, const char *family, const tool_verb *verbs)
{
    const tool_verb *verb;

    fputs("Usage:\n", to);
    for (verb = verbs; verb->name; verb++) {
        fprintf(to, "  %s %s %s\n      %s\n", family, verb->name,
                verb->synopsis, verb->brief);
    }
    fprintf(to, "  %s help [VERB]\n", family);
    if (!strchr(family, ' ')) {
        fprintf(to, "  %s --version\n", family);
    }
    fputs("\n"
          "Exit status: 0 done, 1 error, 2 not found, or different.\n", to);
}

static int command_help_of(const char *family, const tool_verb *verb)
{
    printf("Usage: %s %s %s\n%c%s.\n\n%s", family, verb->name, verb->synopsis,
           verb->brief[0] - 'a' + 'A', verb->brief + 1, verb->help);

    return TOOL_DONE;
}

static void command_usage_of(const char *family, const tool_verb *verb)
{
    fprintf(stderr, "Usage: %s %s %s\n", family, verb->name, verb->synopsis);
}

static const tool_verb *command_find(const char *family, const tool_verb *verbs,
                                     const char *name)
{
    const tool_verb *verb;

    for (verb = verbs; verb->name; verb++) {
        if (strcmp(verb->name, name) == 0) {
            return verb;
        }
    }
    tool_error("no verb `%s`, see `%s help`", name, family);

    return NULL;
}

static int command_help(tool *t, const char *family, const tool_verb *verbs)
{
    const tool_verb *verb;

    if (t->argc > 2) {
        return tool_error("help: too many words, expected one verb");
    }
    if (t->argc == 2) {
        verb = command_find(family, verbs, t->argv[1]);
        return verb ? command_help_of(family, verb) : TOOL_FAILED;
    }
    command_usage(stdout, family, verbs);

    return TOOL_DONE;
}

/* ---- the command line -------------------------------------------------- */

/* Options that take no word, and the flags that they are. */
static const struct command_flag {
    int option;
    unsigned flag;
} command_flags[] = {
    { TOOL_OPT_DRY_RUN, TOOL_DRY_RUN },
    { TOOL_OPT_SKIP_BAD, TOOL_SKIP_BAD },
    { TOOL_OPT_JSON, TOOL_JSON },
    { TOOL_OPT_QUIET, TOOL_QUIET },
    { TOOL_OPT_UNFOLLOW, TOOL_UNFOLLOW },
    { TOOL_OPT_ONLY, TOOL_ONLY },
    { TOOL_OPT_PEM, TOOL_PEM },
    { TOOL_OPT_PRIVATE, TOOL_PRIVATE },
    { 0, 0 }
};

/* Options that take a word, and where it goes. */
static const struct command_word {
    int option;
    apr_size_t member;
} command_words[] = {
    { 't', APR_OFFSETOF(tool, type) },
    { TOOL_OPT_FROM, APR_OFFSETOF(tool, from) },
    { TOOL_OPT_KEY, APR_OFFSETOF(tool, key) },
    { TOOL_OPT_VALUE, APR_OFFSETOF(tool, value) },
    { TOOL_OPT_VALUE_FORMAT, APR_OFFSETOF(tool, value_format) },
    { TOOL_OPT_SEPARATOR, APR_OFFSETOF(tool, separator) },
    { TOOL_OPT_VARIABLE, APR_OFFSETOF(tool, variable) },
    { TOOL_OPT_MAX_REMOVED, APR_OFFSETOF(tool, max_removed) },
    { TOOL_OPT_MASTER, APR_OFFSETOF(tool, master) },
    { TOOL_OPT_OLD, APR_OFFSETOF(tool, old) },
    { TOOL_OPT_CA, APR_OFFSETOF(tool, ca) },
    { TOOL_OPT_CERT, APR_OFFSETOF(tool, cert) },
    { TOOL_OPT_DAYS, APR_OFFSETOF(tool, days) },
    { TOOL_OPT_HOSTS, APR_OFFSETOF(tool, hosts) },
    { TOOL_OPT_LIMIT, APR_OFFSETOF(tool, limit) },
    { 0, 0 }
};

static void command_take_option(tool *t, int option, const char *value)
{
    const struct command_flag *flag;
    const struct command_word *word;

    if (option >= TOOL_OPT_STORE
        && option < TOOL_OPT_STORE + TOOL_STORE_OPTIONS) {
        t->store[option - TOOL_OPT_STORE] = value ? value : "";
        return;
    }
    for (flag = command_flags; flag->option; flag++) {
        if (flag->option == option) {
            t->flags |= flag->flag;
        }
    }
    for (word = command_words; word->option; word++) {
        if (word->option == option) {
            *(const char **)((char *)t + word->member) = value;
        }
    }
}

/* apr_getopt_err_fn_t: begins with the name of the verb. */
static void command_option_error(void *baton, const char *format, ...)
{
    va_list args;

    (void)baton;
    fputs("hostmap: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
}

/*
 * Options and operands in any order, up to `--`.  apr_getopt_long() takes `-`
 * for a mistake, so it is shown nothing but options.
 */
static apr_status_t command_read_options(tool *t, const tool_verb *verb,
                                         int *help)
{
    apr_getopt_t *os;
    const char *value;
    apr_status_t rv;
    int option, only_operands = 0;

    rv = apr_getopt_init(&os, t->pool, t->argc, t->argv);
    if (rv == APR_SUCCESS) {
        os->errfn = command_option_error;
    }
    while (rv == APR_SUCCESS) {
        if (!*os->place) {
            const char *word;

            if (os->ind >= t->argc) {
                break;
            }
            word = t->argv[os->ind];
            if (!only_operands && strcmp(word, "--") == 0) {
                only_operands = 1;
                os->ind++;
                continue;
            }
            if (only_operands || word[0] != '-' || !word[1]) {
                t->operands[t->count++] = word;
                os->ind++;
                continue;
            }
        }
        rv = apr_getopt_long(os, verb->options, &option, &value);
        if (rv == APR_SUCCESS && option == 'h') {
            *help = 1;
        }
        else if (rv == APR_SUCCESS) {
            command_take_option(t, option, value);
        }
    }

    return rv;
}

static int command_read_percent(tool *t)
{
    const char *text = t->max_removed;
    char *end;
    long percent;

    t->percent = -1;
    if (!text) {
        return TOOL_DONE;
    }
    percent = strtol(text, &end, 10);
    if (end == text || *end || percent < 0 || percent > 100) {
        return tool_error("--max-removed %s: expected a number of percent, 0 "
                          "to 100", text);
    }
    t->percent = (int)percent;

    return TOOL_DONE;
}

static int command_run_verb(tool *t, const char *family, const tool_verb *verb)
{
    int help = 0;

    if (!verb->options) {
        help = t->argc == 2 && strcmp(t->argv[1], "--help") == 0;
        return help ? command_help_of(family, verb) : verb->run(t);
    }

    t->operands = apr_pcalloc(t->pool, t->argc * sizeof(*t->operands));
    if (command_read_options(t, verb, &help) != APR_SUCCESS) {
        command_usage_of(family, verb);
        return TOOL_FAILED;
    }
    if (help) {
        return command_help_of(family, verb);
    }
    if (t->count < verb->min || t->count > verb->max) {
        tool_error("%s: %s operands", verb->name,
                   t->count < verb->min ? "missing" : "too many");
        command_usage_of(family, verb);
        return TOOL_FAILED;
    }
    progress_enable(!(t->flags & TOOL_QUIET));

    return command_read_percent(t) == TOOL_DONE ? verb->run(t) : TOOL_FAILED;
}

int command_run(tool *t, const char *family, const tool_verb *verbs)
{
    const tool_verb *verb;
    const char *word;

    if (t->argc < 2) {
        command_usage(stderr, family, verbs);
        return TOOL_FAILED;
    }
    t->called = apr_pstrcat(t->pool, t->called, " ", t->argv[1], NULL);
    t->argc--;
    t->argv++;
    word = t->argv[0];
    if (strcmp(word, "help") == 0 || strcmp(word, "--help") == 0
        || strcmp(word, "-h") == 0) {
        return command_help(t, family, verbs);
    }
    verb = command_find(family, verbs, word);

    return verb ? command_run_verb(t, family, verb) : TOOL_FAILED;
}

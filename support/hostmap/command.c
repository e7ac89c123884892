/* SPDX-License-Identifier: Apache-2.0 */

/*
 * command.c: a command line, read by a table of verbs, and the help that the
 * table holds.
 */

#include "command.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

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

static void command_take_option(tool *t, int option, const char *value)
{
    switch (option) {
    case 't':
        t->type = value;
        break;
    case TOOL_OPT_DRY_RUN:
        t->flags |= TOOL_DRY_RUN;
        break;
    case TOOL_OPT_SKIP_BAD:
        t->flags |= TOOL_SKIP_BAD;
        break;
    case TOOL_OPT_JSON:
        t->flags |= TOOL_JSON;
        break;
    case TOOL_OPT_QUIET:
        t->flags |= TOOL_QUIET;
        break;
    case TOOL_OPT_FROM:
        t->from = value;
        break;
    case TOOL_OPT_KEY:
        t->key = value;
        break;
    case TOOL_OPT_VALUE:
        t->value = value;
        break;
    case TOOL_OPT_VALUE_FORMAT:
        t->value_format = value;
        break;
    case TOOL_OPT_SEPARATOR:
        t->separator = value;
        break;
    case TOOL_OPT_VARIABLE:
        t->variable = value;
        break;
    case TOOL_OPT_MAX_REMOVED:
        t->max_removed = value;
        break;
    case TOOL_OPT_UNFOLLOW:
        t->flags |= TOOL_UNFOLLOW;
        break;
    default:
        if (option >= TOOL_OPT_STORE
            && option < TOOL_OPT_STORE + TOOL_STORE_OPTIONS) {
            t->store[option - TOOL_OPT_STORE] = value ? value : "";
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

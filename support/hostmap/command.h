/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file command.h
 * @brief The command line of a tool that has verbs: a table of their names,
 *        options and help.
 */

#ifndef HOSTMAP_COMMAND_H
#define HOSTMAP_COMMAND_H

#include "tool.h"

/** A row of a table of verbs; the last one has no name. */
typedef struct tool_verb {
    const char *name;
    /** @return an exit status */
    int (*run)(tool *t);
    /** what apr_getopt_long() takes; NULL: the verb reads argv by itself */
    const apr_getopt_option_t *options;
    /** how many operands it takes */
    int min, max;
    const char *synopsis;
    /** one line, for the list of verbs */
    const char *brief;
    /** for `hostmap VERB --help`, below the synopsis */
    const char *help;
} tool_verb;

/**
 * Run the verb of the command line, or print help.
 * @param t argv begins with the word before the verb ("hostmap", VERB, ...);
 *        it is moved on to the verb
 * @param family how the user calls it: "hostmap"
 * @param verbs the table
 * @return an exit status
 */
int command_run(tool *t, const char *family, const tool_verb *verbs);

#endif /* HOSTMAP_COMMAND_H */

/* SPDX-License-Identifier: Apache-2.0 */

/*
 * main.c: the tool that makes, reads and checks maps.  Here are the table
 * of verbs and the start; what a verb does is in verbs/VERB.c, how the command
 * line is read by such a table in command.c.
 */

#include "tool.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "apr_general.h"
#include "apr_lib.h"
#include "apr_strings.h"

#include "cert/cert.h"
#include "command.h"
#include "verbs/verbs.h"

#define OPTION_HELP  { "help", 'h', 0, NULL }
#define OPTION_TYPE  { "type", 't', 1, NULL }
#define OPTION_JSON  { "json", TOOL_OPT_JSON, 0, NULL }
#define OPTION_QUIET { "quiet", TOOL_OPT_QUIET, 0, NULL }
#define OPTION_MAX_REMOVED { "max-removed", TOOL_OPT_MAX_REMOVED, 1, NULL }
#define OPTION_UNFOLLOW { "unfollow", TOOL_OPT_UNFOLLOW, 0, NULL }
#define OPTIONS_END  { NULL, 0, 0, NULL }

static const apr_getopt_option_t reader_options[] = {
    OPTION_HELP, OPTION_TYPE, OPTIONS_END
};

static const apr_getopt_option_t answer_options[] = {
    OPTION_HELP, OPTION_TYPE, OPTION_JSON, OPTIONS_END
};

static const apr_getopt_option_t build_options[] = {
    OPTION_HELP, OPTION_TYPE,
    { "dry-run", TOOL_OPT_DRY_RUN, 0, NULL },
    { "skip-bad", TOOL_OPT_SKIP_BAD, 0, NULL },
    OPTION_MAX_REMOVED, OPTION_UNFOLLOW, OPTION_JSON, OPTION_QUIET,
    OPTIONS_END
};

static const apr_getopt_option_t check_options[] = {
    OPTION_HELP, OPTION_TYPE, OPTION_QUIET, OPTIONS_END
};

static const apr_getopt_option_t stat_options[] = {
    OPTION_HELP, OPTION_TYPE, OPTION_JSON, OPTION_QUIET, OPTIONS_END
};

static const apr_getopt_option_t convert_options[] = {
    OPTION_HELP, OPTION_TYPE,
    { "from", TOOL_OPT_FROM, 1, NULL },
    { "key", TOOL_OPT_KEY, 1, NULL },
    { "value", TOOL_OPT_VALUE, 1, NULL },
    { "separator", TOOL_OPT_SEPARATOR, 1, NULL },
    { "value-format", TOOL_OPT_VALUE_FORMAT, 1, NULL },
    { "variable", TOOL_OPT_VARIABLE, 1, NULL },
    { "skip-bad", TOOL_OPT_SKIP_BAD, 0, NULL },
    OPTION_MAX_REMOVED, OPTION_UNFOLLOW, OPTION_QUIET,
    OPTIONS_END
};

static const apr_getopt_option_t change_options[] = {
    OPTION_HELP, OPTION_UNFOLLOW, OPTION_QUIET, OPTIONS_END
};

static const apr_getopt_option_t diff_options[] = {
    OPTION_HELP, OPTION_JSON, OPTION_QUIET, OPTIONS_END
};

#define OPTION_STORE(name, id, takes) \
    { name, TOOL_OPT_STORE + id, takes, NULL }
#define OPTIONS_ACCESS \
    OPTION_STORE("password-file", TOOL_STORE_PASSWORD_FILE, 1), \
    OPTION_STORE("cafile", TOOL_STORE_CAFILE, 1), \
    OPTION_STORE("cert", TOOL_STORE_CERT, 1), \
    { "key", TOOL_OPT_KEY, 1, NULL }

static const apr_getopt_option_t follow_options[] = {
    OPTION_HELP,
    OPTION_STORE("once", TOOL_STORE_ONCE, 0),
    OPTION_STORE("interval", TOOL_STORE_INTERVAL, 1),
    OPTION_MAX_REMOVED,
    OPTION_STORE("behind", TOOL_STORE_BEHIND, 1),
    OPTION_STORE("keep", TOOL_STORE_KEEP, 1),
    OPTION_STORE("keep-interval", TOOL_STORE_KEEP_INTERVAL, 1),
    OPTION_STORE("snapshots", TOOL_STORE_SNAPSHOTS, 1),
    OPTIONS_ACCESS,
    OPTION_STORE("status", TOOL_STORE_STATUS, 1),
    OPTION_STORE("report", TOOL_STORE_REPORT, 0),
    OPTION_STORE("push", TOOL_STORE_PUSH, 1),
    OPTION_STORE("push-password-file", TOOL_STORE_PUSH_PASSWORD_FILE, 1),
    OPTION_STORE("print-sql", TOOL_STORE_PRINT_SQL, 1),
    OPTION_STORE("where", TOOL_STORE_WHERE, 1),
    OPTION_STORE("name", TOOL_STORE_NAME, 1),
    OPTION_STORE("remove", TOOL_STORE_REMOVE, 0),
    OPTIONS_END
};

static const apr_getopt_option_t top_options[] = {
    OPTION_HELP,
    OPTION_STORE("once", TOOL_STORE_ONCE, 0),
    OPTION_STORE("interval", TOOL_STORE_INTERVAL, 1),
    OPTIONS_END
};

static const apr_getopt_option_t push_options[] = {
    OPTION_HELP,
    { "dry-run", TOOL_OPT_DRY_RUN, 0, NULL },
    OPTION_MAX_REMOVED,
    OPTION_STORE("diff", TOOL_STORE_DIFF, 1),
    OPTIONS_ACCESS, OPTION_JSON, OPTION_QUIET, OPTIONS_END
};

static const apr_getopt_option_t pull_options[] = {
    OPTION_HELP, OPTION_TYPE, OPTION_MAX_REMOVED, OPTIONS_ACCESS,
    OPTION_QUIET, OPTIONS_END
};

static const apr_getopt_option_t verify_options[] = {
    OPTION_HELP, OPTIONS_ACCESS, OPTION_QUIET, OPTIONS_END
};

static const apr_getopt_option_t fleet_options[] = {
    OPTION_HELP, OPTIONS_ACCESS, OPTION_JSON, OPTIONS_END
};

static const tool_verb verbs[] = {
    { "build", tool_build, build_options, 2, 2,
      "[-t TYPE] [--dry-run] [--max-removed PERCENT] [--skip-bad]\n"
      "      [--unfollow] [--json] [--quiet] SOURCE MAP",
      "make a map from a text of `key value` lines",
      "SOURCE is a text, `-` is standard input.  MAP is replaced as a whole:\n"
      "a new file is made beside it and renamed over it.\n"
      "\n"
      "  -t TYPE      type of a new map: lmdb (default), sdbm, gdbm, ndbm, db\n"
      "               or default (APR's).  An existing map keeps its type.\n"
      "  --dry-run    check everything and print what would change, but write\n"
      "               nothing\n"
      "  --max-removed PERCENT\n"
      "               write nothing if more than this part of the entries of\n"
      "               the existing map would be removed (default: 50, for\n"
      "               maps of more than 100 entries)\n"
      "  --skip-bad   skip wrong lines, and duplicate keys except the first\n"
      "               of each; without it, any of them stops the build\n"
      "  --unfollow   MAP follows a store: break away from it, and change it\n"
      "  --json       print what was done as one line of JSON\n"
      "  --quiet      print errors only\n" },
    { "check", tool_check, check_options, 1, 1,
      "[-t TYPE] [--quiet] FILE",
      "find what is wrong in a text or a map",
      "FILE is a text, `-` (a text on standard input) or a map.\n"
      "\n"
      "  -t TYPE      FILE is a map of this type (default: detected from\n"
      "               the file; a file of no type is a text)\n"
      "  --quiet      print errors only\n" },
    { "get", tool_get, answer_options, 2, 3,
      "[-t TYPE] [--json] MAP HOST [PATH]",
      "show the entry that answers for a host and a path, and why",
      "HOST and PATH may be written as in a URL: WWW.Example.com:8080\n"
      "/blog/?page=2.  Exit status 2: the map has no entry for them.\n"
      "\n"
      "  -t TYPE      type of MAP (default: detected from the file)\n"
      "  --json       print one line of JSON\n" },
    { "list", tool_list, reader_options, 1, 2,
      "[-t TYPE] MAP [HOST|*.SUFFIX]",
      "print entries, sorted, as build reads them",
      "HOST: the entry of this host only.  *.SUFFIX: those of all hosts below\n"
      "SUFFIX.  Exit status 2: the map has no such entry.\n"
      "\n"
      "  -t TYPE      type of MAP (default: detected from the file)\n" },
    { "set", tool_set, change_options, 2, INT_MAX,
      "[--unfollow] [--quiet] MAP KEY VALUE... | MAP -",
      "add or change entries of a map",
      "The words of VALUE are those of a line that `hostmap build` reads.\n"
      "`-`: many entries, `key value` lines on standard input.  All or\n"
      "nothing: when one is wrong, nothing is changed.  A copy of MAP is\n"
      "changed and renamed over it.\n"
      "\n"
      "  --unfollow   MAP follows a store: break away from it, and change it\n"
      "  --quiet      print errors only\n" },
    { "delete", tool_delete, change_options, 2, INT_MAX,
      "[--unfollow] [--quiet] MAP KEY... | MAP -",
      "remove entries from a map",
      "`-`: the first word of each line of standard input is a KEY, as\n"
      "`hostmap list` prints them.  All or nothing.  Exit status 2: MAP has\n"
      "no entry for one of the keys, and nothing was changed.\n"
      "\n"
      "  --unfollow   MAP follows a store: break away from it, and change it\n"
      "  --quiet      print errors only\n" },
    { "diff", tool_diff, diff_options, 2, 2,
      "[--json] [--quiet] OLD NEW",
      "show the differences between two maps or texts",
      "OLD and NEW are maps or texts, `-` is a text on standard input.  An\n"
      "entry that only one of them has is a line `-key value` or\n"
      "`+key value`, one with another value is both; sorted, as `hostmap\n"
      "apply` reads them.  Exit status 2: they differ.\n"
      "\n"
      "  --json       print one line of JSON for each key\n"
      "  --quiet      no progress and no notes, only errors\n" },
    { "apply", tool_apply, change_options, 2, 2,
      "[--unfollow] [--quiet] MAP DIFF",
      "apply the output of `hostmap diff` to a map",
      "DIFF is what `hostmap diff` printed, `-` is standard input.  All or\n"
      "nothing: if MAP does not have the entry of a `-` line, with its value,\n"
      "or already has an entry for the key of a `+` line, nothing is changed.\n"
      "\n"
      "  --unfollow   MAP follows a store: break away from it, and change it\n"
      "  --quiet      print errors only\n" },
    { "stat", tool_stat, stat_options, 1, 1,
      "[-t TYPE] [--json] [--quiet] MAP",
      "show the size, type and age of a map",
      "Reads all entries to count them, unless MAP is of type lmdb.\n"
      "\n"
      "  -t TYPE      type of MAP (default: detected from the file)\n"
      "  --json       print one line of JSON\n"
      "  --quiet      no progress on the terminal\n" },
    { "top", tool_top, top_options, 1, 1,
      "[--once] [--interval TIME] URL|FILE",
      "watch the busy hosts and backends of a server, as top does",
      "URL is where mod_switchboard_status answers: http://127.0.0.1:8402/.\n"
      "FILE is its JSON, `-` is standard input; a file is shown once.\n"
      "\n"
      "  --once       print once and end; so it is when standard output is no\n"
      "               terminal\n"
      "  --interval TIME\n"
      "               how often it is asked: 2s\n"
      "\n"
      "Keys: hosts with the most c current requests, n requests, e errors,\n"
      "b bytes, s seconds; q ends.\n" },
    { "convert", tool_convert, convert_options, 2, 2,
      "[-t TYPE] [--from FORMAT] [--key NAME] [--value NAME]\n"
      "      [--separator CHAR] [--variable NAME] [--value-format TEXT]\n"
      "      [--max-removed PERCENT] [--skip-bad] [--unfollow] [--quiet]\n"
      "      SOURCE DEST",
      "make a map or a text from a map, a text or another program's list",
      "SOURCE is a map or a text, or a list of the format that --from names;\n"
      "`-` is standard input.  DEST is a map, written as build does, or with\n"
      "-t text a text; `-` is a text on standard output.\n"
      "\n"
      "  -t TYPE      type of DEST, as for build, or text\n"
      "  --from FORMAT\n"
      "               SOURCE is a list: csv, tsv, haproxy (a map file) or\n"
      "               nginx (a map block, or the lines that it includes)\n"
      "  --key NAME, --value NAME\n"
      "               csv, tsv: the columns, by name in the first line, or by\n"
      "               number if there is no such line (default: 1 and 2)\n"
      "  --separator CHAR\n"
      "               csv: the character between the fields, or comma,\n"
      "               semicolon, tab or pipe (default: detected from the\n"
      "               first line, else a comma)\n"
      "  --variable NAME\n"
      "               nginx: read the map block that sets $NAME (default:\n"
      "               the only one that maps $host or $http_host)\n"
      "  --value-format TEXT\n"
      "               write TEXT in place of each value of the list, with\n"
      "               the value in place of %s: http://%s\n"
      "  --max-removed PERCENT\n"
      "               as for build\n"
      "  --skip-bad   skip what cannot be carried over, and duplicate keys\n"
      "               except the first of each; without it, any of them\n"
      "               stops the conversion\n"
      "  --unfollow   DEST follows a store: break away from it, and change it\n"
      "  --quiet      print errors only\n" },
    { "follow", tool_follow, follow_options, 0, 2,
      "[--once] [--interval TIME] [--max-removed PERCENT]\n"
      "      [--behind TIME] [--keep FILE] [--keep-interval TIME]\n"
      "      [--snapshots N] [--password-file FILE] [--cafile FILE]\n"
      "      [--cert FILE] [--key FILE] [--status FILE] [--report]\n"
      "      [--push URL] [--push-password-file FILE] URL MAP\n"
      "      | --print-sql TABLE [--where SQL] [--name NAME] [--remove]",
      "keep a map like the hosts of a store, Redis or PostgreSQL",
      "Runs until it is told to stop.  URL: redis://[user@]host[:port],\n"
      "rediss:// (TLS), redis+unix:/path, redis+sentinel://host/master or\n"
      "postgresql://..., with ?name=hosts for other hosts of the store.  MAP\n"
      "best lies in memory (/run), with --keep on a disk.\n"
      "\n"
      "  --once       bring MAP up to date and end: exit status 2 if the\n"
      "               store cannot be reached, 3 if its state is refused\n"
      "  --interval TIME\n"
      "               replace MAP at most once in this time: 250ms\n"
      "  --max-removed PERCENT\n"
      "               refuse a state of the store that removes more than this\n"
      "               part of the entries; not given: 50 if MAP has more than\n"
      "               100\n"
      "  --behind TIME\n"
      "               how long a store that is older than MAP is waited for,\n"
      "               before its state is taken: 30s\n"
      "  --keep FILE  a copy of MAP; a missing MAP begins as a copy of FILE\n"
      "  --keep-interval TIME\n"
      "               write it at most once in this time, and at the end:\n"
      "               10min\n"
      "  --snapshots N\n"
      "               of a fleet, this many read the whole store at a time: 4\n"
      "  --password-file FILE\n"
      "               the password, one line; else that of the variable\n"
      "               HOSTMAP_PASSWORD, or none\n"
      "  --cafile FILE\n"
      "               TLS: certificates that are trusted, instead of the\n"
      "               system's\n"
      "  --cert FILE, --key FILE\n"
      "               TLS: a certificate of our own, and its key\n"
      "  --status FILE\n"
      "               write what it does each second, as JSON, or for\n"
      "               Prometheus if FILE ends in .prom\n"
      "  --report     tell the store as well, for `hostmap fleet`\n"
      "  --push URL   write what is followed into this store, Redis, for a\n"
      "               fleet that follows it\n"
      "  --push-password-file FILE\n"
      "               the password of that store, one line; else that of the\n"
      "               variable HOSTMAP_PUSH_PASSWORD, or none\n"
      "  --print-sql TABLE\n"
      "               print what PostgreSQL needs for 'domains(hostname,\n"
      "               backend)' to be followed: a table and expressions of\n"
      "               host and entry\n"
      "  --where SQL  of the rows that are hosts; otherwise all\n"
      "  --name NAME  of the hosts, as in ?name=: hosts\n"
      "  --remove     print how it is taken away\n" },
    { "push", tool_push, push_options, 1, 2,
      "[--dry-run] [--max-removed PERCENT] [--diff DIFF]\n"
      "      [--password-file FILE] [--cafile FILE] [--cert FILE]\n"
      "      [--key FILE] [--json] [--quiet] [SOURCE] URL",
      "make a store like a text or a map, or change some of its entries",
      "Writes what is different, in transactions of 1,000, and begins the\n"
      "store's log if it has no log yet.  SOURCE is a text or a map, `-` a\n"
      "text on standard input.\n"
      "\n"
      "  --dry-run    print what would change, write nothing\n"
      "  --max-removed PERCENT\n"
      "               as for build, of the store's entries\n"
      "  --diff DIFF  in place of SOURCE: what `hostmap diff` printed.  All\n"
      "               or nothing, as for apply\n"
      "  --password-file FILE, --cafile FILE, --cert FILE, --key FILE\n"
      "               as for follow\n"
      "  --json       print what was done as one line of JSON\n"
      "  --quiet      print errors only\n" },
    { "pull", tool_pull, pull_options, 2, 2,
      "[-t TYPE] [--max-removed PERCENT] [--password-file FILE]\n"
      "      [--cafile FILE] [--cert FILE] [--key FILE] [--quiet] URL DEST",
      "make a map or a text of all that a store holds",
      "DEST is a map that follows the store, with its position: `hostmap\n"
      "follow` continues from there.  `-` is a text on standard output.\n"
      "\n"
      "  -t TYPE      lmdb (default) or text\n"
      "  --max-removed PERCENT\n"
      "               as for build, of the existing map\n"
      "  --password-file FILE, --cafile FILE, --cert FILE, --key FILE\n"
      "               as for follow\n"
      "  --quiet      print errors only\n" },
    { "verify", tool_verify, verify_options, 2, 2,
      "[--password-file FILE] [--cafile FILE] [--cert FILE]\n"
      "      [--key FILE] [--quiet] URL MAP",
      "compare a map with the store that it follows",
      "Reads all of both and brings copies of them to one position.  Exit\n"
      "status 2: they differ, or the map is not what it says; the difference\n"
      "is printed as `hostmap diff` does.\n"
      "\n"
      "  --password-file FILE, --cafile FILE, --cert FILE, --key FILE\n"
      "               as for follow\n"
      "  --quiet      print errors only\n" },
    { "fleet", tool_fleet, fleet_options, 1, 1,
      "[--password-file FILE] [--cafile FILE] [--cert FILE]\n"
      "      [--key FILE] [--json] URL",
      "show what the followers of a store have reported",
      "Of each node that runs with --report: how far it is behind, what it\n"
      "holds.  Exit status 2: one is more than 10 s behind, is silent for\n"
      "longer, or holds something else than another one at its position.\n"
      "\n"
      "  --password-file FILE, --cafile FILE, --cert FILE, --key FILE\n"
      "               as for follow\n"
      "  --json       a line for programs for each node\n" },
    { "cert", tool_cert, NULL, 0, INT_MAX,
      "VERB ...",
      "make and read certificate maps, for mod_ssl_certmap",
      "`hostmap cert help` lists its verbs.\n" },
    { "httxt2dbm", tool_httxt2dbm, NULL, 0, INT_MAX,
      "[-v] [-f TYPE] -i SOURCE -o MAP",
      "do what httpd's httxt2dbm does, without half-written files",
      "Keys may be any word, the value is the first word after the key, the\n"
      "last line of a key counts, entries are added to an existing map.\n"
      "\n"
      "  -v           print what is done and every entry\n"
      "  -f TYPE      GDBM, SDBM, DB, NDBM, LMDB or default\n"
      "  -i SOURCE    the text, `-` is standard input\n"
      "  -o MAP       the map\n" },
    { NULL }
};

/* ---- the program ------------------------------------------------------- */

static int main_run(tool *t)
{
    if (t->argc > 0) {
        t->called = apr_filepath_name_get(t->argv[0]);
        if (strcmp(t->called, "httxt2dbm") == 0) {
            return tool_httxt2dbm(t);
        }
    }
    if (t->argc > 1 && strcmp(t->argv[1], "--version") == 0) {
        puts("hostmap (Switchboard) " SWITCHBOARD_VERSION);
        return TOOL_DONE;
    }

    return command_run(t, "hostmap", verbs);
}

/* If a standard stream is closed, the next file that is opened gets its number:
 * output would be printed into a map.  Open something on these numbers first.
 * O_PATH: reading and writing it are still errors, as on a closed stream. */
static void main_hold_streams(void)
{
    int fd;

    do {
        fd = open("/", O_PATH | O_CLOEXEC);
    } while (fd >= 0 && fd <= 2);
    if (fd > 2) {
        close(fd);
    }
}

static int main_out_of_memory(int rv)
{
    tool_error("out of memory");
    exit(TOOL_FAILED);
}

int main(int argc, const char *const argv[])
{
    static char buffer[1 << 16];
    tool t;
    int status;

    main_hold_streams();
    /* A reader that goes away is a write error like others: an unfinished map
     * is then removed. */
    signal(SIGPIPE, SIG_IGN);
    /* The same for a file that gets larger than the user's limit. */
    signal(SIGXFSZ, SIG_IGN);
    setvbuf(stdout, buffer, _IOFBF, sizeof(buffer));
    setvbuf(stderr, NULL, _IOLBF, 0);

    if (apr_app_initialize(&argc, &argv, NULL) != APR_SUCCESS) {
        return tool_error("APR cannot be initialised");
    }
    atexit(apr_terminate);

    memset(&t, 0, sizeof(t));
    t.argc = argc;
    t.argv = argv;
    if (apr_pool_create_ex(&t.pool, NULL, main_out_of_memory, NULL)
        != APR_SUCCESS) {
        return main_out_of_memory(APR_ENOMEM);
    }
    status = tool_finish(main_run(&t));
    apr_pool_destroy(t.pool);

    return status;
}

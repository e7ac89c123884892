/* SPDX-License-Identifier: Apache-2.0 */

/*
 * cert.c: the verbs of `hostmap cert`, with their options and help.
 */

#include "cert.h"

#include <limits.h>

#include "command.h"

#define OPTION_HELP   { "help", 'h', 0, NULL }
#define OPTION_MASTER { "master", TOOL_OPT_MASTER, 1, NULL }
#define OPTION_CA     { "ca", TOOL_OPT_CA, 1, NULL }
#define OPTION_JSON   { "json", TOOL_OPT_JSON, 0, NULL }
#define OPTION_QUIET  { "quiet", TOOL_OPT_QUIET, 0, NULL }
#define OPTIONS_END   { NULL, 0, 0, NULL }

#define HELP_MASTER \
    "  --master FILE\n" \
    "               file of the master key; not given:\n" \
    "               " CERT_MASTER_DEFAULT "\n"
#define HELP_QUIET "  --quiet      print errors only\n"
#define HELP_CA \
    "  --ca FILE    roots that chains may end at, besides those that this\n" \
    "               machine trusts; none: any chain counts as complete\n"

static const apr_getopt_option_t init_options[] = {
    OPTION_HELP, OPTION_MASTER, OPTION_QUIET, OPTIONS_END
};

static const apr_getopt_option_t set_options[] = {
    OPTION_HELP,
    { "cert", TOOL_OPT_CERT, 1, NULL },
    { "key", TOOL_OPT_KEY, 1, NULL },
    { "only", TOOL_OPT_ONLY, 0, NULL },
    OPTION_CA, OPTION_MASTER, OPTION_QUIET, OPTIONS_END
};

static const apr_getopt_option_t get_options[] = {
    OPTION_HELP,
    { "pem", TOOL_OPT_PEM, 0, NULL },
    { "private", TOOL_OPT_PRIVATE, 0, NULL },
    OPTION_MASTER, OPTION_JSON, OPTIONS_END
};

static const apr_getopt_option_t list_options[] = {
    OPTION_HELP, OPTION_JSON, OPTIONS_END
};

static const apr_getopt_option_t delete_options[] = {
    OPTION_HELP, OPTION_QUIET, OPTIONS_END
};

static const apr_getopt_option_t check_options[] = {
    OPTION_HELP, OPTION_MASTER, OPTION_QUIET, OPTIONS_END
};

static const apr_getopt_option_t import_options[] = {
    OPTION_HELP,
    { "dry-run", TOOL_OPT_DRY_RUN, 0, NULL },
    { "skip-bad", TOOL_OPT_SKIP_BAD, 0, NULL },
    OPTION_CA, OPTION_MASTER, OPTION_QUIET, OPTIONS_END
};

static const apr_getopt_option_t due_options[] = {
    OPTION_HELP,
    { "days", TOOL_OPT_DAYS, 1, NULL },
    { "hosts", TOOL_OPT_HOSTS, 1, NULL },
    { "limit", TOOL_OPT_LIMIT, 1, NULL },
    OPTIONS_END
};

static const apr_getopt_option_t rekey_options[] = {
    OPTION_HELP, OPTION_MASTER,
    { "old", TOOL_OPT_OLD, 1, NULL },
    OPTION_QUIET, OPTIONS_END
};

static const tool_verb cert_verbs[] = {
    { "init", cert_init, init_options, 1, 1,
      "[--master FILE] [--quiet] DIR",
      "make an empty certificate map, and a master key unless one exists",
      "DIR is made, or has to be empty, and gets 256 empty shards.  A map\n"
      "that is complete is left as it is.\n"
      "\n" HELP_MASTER HELP_QUIET },
    { "set", cert_set, set_options, 1, INT_MAX,
      "--cert FILE --key FILE [--only] [--ca FILE] [--master FILE]\n"
      "      [--quiet] DIR [NAME...] | DIR -",
      "add or replace the certificate of names",
      "NAME is a host or `*.` and a domain, one of those that the certificate\n"
      "is for; not given: all of those.  Refused are: a key that is not the\n"
      "certificate's, weak keys and signatures, an expired certificate, a\n"
      "chain that is incomplete or in the wrong order.  A name may have two\n"
      "certificates, with an EC and an RSA key; one of the same kind is\n"
      "replaced.  `-`: many, lines of\n"
      "`NAME CERT-FILE KEY-FILE` on standard input; when one is wrong,\n"
      "nothing is changed.\n"
      "\n"
      "  --cert FILE  the certificate and its chain, PEM\n"
      "  --key FILE   its private key, PEM\n"
      "  --only       the name keeps no certificate of the other kind\n"
      HELP_CA HELP_MASTER HELP_QUIET },
    { "get", cert_get, get_options, 2, 2,
      "[--pem] [--private] [--master FILE] [--json] DIR NAME",
      "show the certificates that a client is given for a name",
      "Exit status 2: the map has none for it.\n"
      "\n"
      "  --pem        print certificates and chains as PEM\n"
      "  --private    print the private keys too: needs the master key\n"
      HELP_MASTER
      "  --json       one line for programs\n" },
    { "list", cert_list, list_options, 1, 2,
      "[--json] DIR [NAME|*.SUFFIX]",
      "print the names of a map and when their certificates expire",
      "*.SUFFIX: all names below SUFFIX.  Exit status 2: no such name.\n"
      "\n"
      "  --json       a line for programs for each name\n" },
    { "delete", cert_delete, delete_options, 2, INT_MAX,
      "[--quiet] DIR NAME... | DIR -",
      "take names out of a map",
      "`-`: the first word of each line of standard input is a NAME.  Exit\n"
      "status 2: the map has no certificate of one of them, and nothing was\n"
      "changed.\n"
      "\n" HELP_QUIET },
    { "check", cert_check, check_options, 1, 1,
      "[--master FILE] [--quiet] DIR",
      "prove every certificate of a map",
      "Opens each record with the master key and compares key, certificate,\n"
      "chain and name.  Expired certificates are warnings.\n"
      "\n" HELP_MASTER HELP_QUIET },
    { "stat", cert_stat, list_options, 1, 1,
      "[--json] DIR",
      "count names, kinds of keys and days until they expire",
      "Needs no master key.\n"
      "\n"
      "  --json       one line for programs\n" },
    { "import", cert_import, import_options, 2, INT_MAX,
      "[--dry-run] [--skip-bad] [--ca FILE] [--master FILE] [--quiet]\n"
      "      DIR FOLDER...",
      "take over the certificates of an ACME client or a server",
      "FOLDER is that of certbot, dehydrated, acme.sh, lego or Caddy, or\n"
      "holds HAProxy's .pem files.  Certificates are taken for all their\n"
      "names; of two for one name and kind the one that expires later.\n"
      "\n"
      "  --dry-run    check everything, write nothing\n"
      "  --skip-bad   leave out what `set` would refuse; otherwise nothing is\n"
      "               written then\n"
      HELP_CA HELP_MASTER HELP_QUIET },
    { "due", cert_due, due_options, 1, 1,
      "[--days NUMBER] [--hosts MAP] [--limit NUMBER] DIR",
      "print the names that need a certificate, one a line",
      "First the hosts of MAP that have none, then the names whose\n"
      "certificate expires soon, soonest first.  Exit status 2: there is\n"
      "none.\n"
      "\n"
      "  --days NUMBER\n"
      "               how many days count as soon: 30\n"
      "  --hosts MAP  a host map: only its hosts are printed; without it,\n"
      "               names of DIR\n"
      "  --limit NUMBER\n"
      "               the most that are printed\n" },
    { "rekey", cert_rekey, rekey_options, 1, 1,
      "[--master FILE] --old FILE [--quiet] DIR",
      "seal all private keys with a new master key",
      "httpd needs both keys in the meantime: SSLCertMapKeyFile NEW OLD.\n"
      "\n" HELP_MASTER
      "  --old FILE   file of the master key before\n" HELP_QUIET },
    { NULL }
};

int tool_cert(tool *t)
{
    return command_run(t, "hostmap cert", cert_verbs);
}

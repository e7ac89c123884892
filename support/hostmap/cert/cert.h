/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file cert.h
 * @brief `hostmap cert`: what its verbs share.  One thread.
 *
 * A verb is in the file of its name: init, set and delete in set.c, get and
 * list in list.c.
 */

#ifndef HOSTMAP_CERT_H
#define HOSTMAP_CERT_H

#include "tool.h"

/** Where the master key is, unless --master names another file. */
#define CERT_MASTER_DEFAULT "/etc/switchboard/certmap.key"

/** `hostmap cert ...`: reads the rest of the command line. */
int tool_cert(tool *t);

int cert_init(tool *t);
int cert_set(tool *t);
int cert_get(tool *t);
int cert_list(tool *t);
int cert_delete(tool *t);
int cert_check(tool *t);
int cert_stat(tool *t);
int cert_import(tool *t);
int cert_due(tool *t);
int cert_rekey(tool *t);

#endif /* HOSTMAP_CERT_H */

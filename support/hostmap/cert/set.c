/* SPDX-License-Identifier: Apache-2.0 */

/*
 * set.c: `hostmap cert init`, `set` and `delete`.
 */

#include "cert.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "apr_strings.h"

#include "map.h"
#include "pem.h"
#include "shard.h"

/* Longest line of standard input: a name and two paths. */
#define LINE_MAX_LEN 16384

/* ---- init -------------------------------------------------------------- */

/* How many of its shards a folder has. */
static unsigned shards_there(tool *t, const char *dir)
{
    struct stat st;
    unsigned i, count = 0;

    for (i = 0; i < CERTMAP_SHARDS; i++) {
        count += stat(map_shard_path(dir, i, t->pool), &st) == 0;
    }
    return count;
}

/* 1: it was made. */
static int master_make(tool *t, int *made)
{
    const char *path = t->master ? t->master : CERT_MASTER_DEFAULT;
    hostmap_reason why;
    struct stat st;

    *made = 0;
    if (stat(path, &st) == 0) {
        return map_master(t) ? TOOL_DONE : TOOL_FAILED;
    }
    if (certmap_master_make(path, &why) != APR_SUCCESS) {
        return tool_error("%s", why.text);
    }
    *made = 1;
    return TOOL_DONE;
}

int cert_init(tool *t)
{
    const char *dir = t->operands[0];
    unsigned there = shards_there(t, dir);
    int made;

    if (there > 0 && there < CERTMAP_SHARDS) {
        return tool_error("%s: %u of %d shards are missing: put them back from "
                          "a copy of the map; a new shard would know none of "
                          "its names", dir, CERTMAP_SHARDS - there,
                          CERTMAP_SHARDS);
    }
    if (master_make(t, &made) != TOOL_DONE) {
        return TOOL_FAILED;
    }
    if (made) {
        tool_report(t, "%s: a new master key\n",
                    t->master ? t->master : CERT_MASTER_DEFAULT);
    }
    if (there == CERTMAP_SHARDS) {
        tool_report(t, "%s: a certificate map already, left as it is\n", dir);
        return TOOL_DONE;
    }
    if (shard_init(t, dir) != TOOL_DONE) {
        return TOOL_FAILED;
    }
    tool_report(t, "%s: an empty certificate map\n", dir);
    return TOOL_DONE;
}

/* ---- lines of standard input ------------------------------------------- */

/* @return an exit status; not TOOL_DONE ends the reading */
typedef int line_fn(void *baton, char **words, int count);

static int lines_read(line_fn *fn, void *baton, int wanted)
{
    static char line[LINE_MAX_LEN];
    int number = 0, status = TOOL_DONE;

    while (fgets(line, sizeof(line), stdin)) {
        char *words[4] = { NULL }, *rest = line, *word;
        int count = 0;

        number++;
        if (!strchr(line, '\n') && !feof(stdin)) {
            return tool_error("standard input:%d: longer than %d bytes",
                              number, LINE_MAX_LEN - 2);
        }
        while (count < 4 && (word = apr_strtok(rest, " \t\r\n", &rest))) {
            words[count++] = word;
        }
        if (count == 0 || words[0][0] == '#') {
            continue;
        }
        if (wanted > 1 && count != wanted) {
            return tool_error("standard input:%d: expected `NAME CERT-FILE "
                              "KEY-FILE`", number);
        }
        if (fn(baton, words, count) != TOOL_DONE) {
            tool_error("standard input:%d: the line that is wrong", number);
            status = TOOL_FAILED;
        }
    }
    if (ferror(stdin)) {
        return tool_error("standard input: %s", strerror(errno));
    }
    return status;
}

/* ---- set --------------------------------------------------------------- */

typedef struct set_state {
    tool *t;
    const pem_roots *roots;
    shard_batch batch;
} set_state;

static pem_item *item_read(set_state *s, const char *cert, const char *key)
{
    hostmap_reason why;
    pem_item *item;

    if (pem_read(&item, cert, key, s->roots, s->t->pool, &why)
        != APR_SUCCESS) {
        tool_error("%s: %s", cert, why.text);
        return NULL;
    }
    return item;
}

static int set_one(set_state *s, const char *name, const pem_item *item,
                   const char *file)
{
    char key[CERTMAP_NAME_MAX + 1];
    shard_change *change;
    apr_size_t len;

    if (map_read_name(key, &len, name) != TOOL_DONE) {
        return TOOL_FAILED;
    }
    if (!pem_names_has(item, hostmap_str_of(key, len))) {
        return tool_error("%s: not a certificate for %s", file, key);
    }
    change = shard_note(&s->batch, hostmap_str_of(key, len), item);
    change->only = (s->t->flags & TOOL_ONLY) != 0;
    return TOOL_DONE;
}

/* line_fn */
static int set_line(void *baton, char **words, int count)
{
    set_state *s = baton;
    const pem_item *item = item_read(s, words[1], words[2]);

    (void)count;
    return item ? set_one(s, words[0], item, words[1]) : TOOL_FAILED;
}

/* Each name that the certificate is for. */
static int set_all(set_state *s, const pem_item *item)
{
    int i, status = TOOL_DONE;

    if (item->names->nelts == 0) {
        return tool_error("%s: the certificate is for no DNS name",
                          s->t->cert);
    }
    for (i = 0; i < item->names->nelts && status == TOOL_DONE; i++) {
        status = set_one(s, APR_ARRAY_IDX(item->names, i, hostmap_str).ptr,
                         item, s->t->cert);
    }
    return status;
}

static int set_operands(set_state *s)
{
    tool *t = s->t;
    const pem_item *item;
    int i;

    if (!t->cert || !t->key) {
        return tool_error("set: expected --cert FILE and --key FILE");
    }
    item = item_read(s, t->cert, t->key);
    if (item && t->count == 1) {
        return set_all(s, item);
    }
    for (i = 1; item && i < t->count; i++) {
        if (set_one(s, t->operands[i], item, t->cert) != TOOL_DONE) {
            return TOOL_FAILED;
        }
    }
    return item ? TOOL_DONE : TOOL_FAILED;
}

static int is_standard_input(const tool *t)
{
    return t->count == 2 && strcmp(t->operands[1], "-") == 0;
}

/* Wants no roots at all: --ca none. */
static int roots_open(const pem_roots **roots, tool *t)
{
    *roots = NULL;
    if (t->ca && strcmp(t->ca, "none") == 0) {
        return TOOL_DONE;
    }
    *roots = pem_roots_read(t);
    return *roots ? TOOL_DONE : TOOL_FAILED;
}

int cert_set(tool *t)
{
    const char *dir = t->operands[0];
    certmap_master *master = map_master(t);
    set_state s = { t };
    int status;

    if (!master || roots_open(&s.roots, t) != TOOL_DONE) {
        return TOOL_FAILED;
    }
    shard_begin(&s.batch, t, dir, master);
    status = is_standard_input(t) ? lines_read(set_line, &s, 3)
                                  : set_operands(&s);
    if (status != TOOL_DONE) {
        return tool_error("%s: nothing was changed", dir);
    }
    if (shard_commit(&s.batch) != TOOL_DONE) {
        return TOOL_FAILED;
    }
    tool_report(t, "%s: %" APR_INT64_T_FMT " names added, %" APR_INT64_T_FMT
                " replaced\n", dir, s.batch.added, s.batch.replaced);
    return TOOL_DONE;
}

/* ---- delete ------------------------------------------------------------ */

typedef struct delete_state {
    tool *t;
    shard_batch batch;
    int missing;
} delete_state;

/* Has the map a record of this very key? */
static int delete_one(delete_state *s, const char *name)
{
    char key[CERTMAP_NAME_MAX + 1];
    apr_size_t len;
    hostmap_file *file;
    hostmap_reason why = { "" };
    const char *path;
    hostmap_str name_key, value;
    apr_status_t rv;

    if (map_read_name(key, &len, name) != TOOL_DONE) {
        return TOOL_FAILED;
    }
    name_key = hostmap_str_of(key, len);
    path = map_shard_path(s->t->operands[0], certmap_name_shard(name_key),
                          s->t->pool);
    rv = hostmap_file_open(&file, path, "lmdb", s->t->pool, &why);
    if (rv == APR_SUCCESS) {
        rv = hostmap_file_fetch(file, &value, name_key, s->t->pool, &why);
        hostmap_file_close(file);
    }
    if (rv == APR_NOTFOUND) {
        s->missing++;
        tool_error("%s: no certificate of %s", s->t->operands[0], key);
        return TOOL_DONE;
    }
    if (rv != APR_SUCCESS) {
        return tool_file_error(path, rv, &why);
    }
    shard_note(&s->batch, name_key, NULL);
    return TOOL_DONE;
}

/* line_fn */
static int delete_line(void *baton, char **words, int count)
{
    (void)count;
    return delete_one(baton, words[0]);
}

int cert_delete(tool *t)
{
    const char *dir = t->operands[0];
    delete_state s = { t };
    int i, status = TOOL_DONE;

    shard_begin(&s.batch, t, dir, NULL);
    if (is_standard_input(t)) {
        status = lines_read(delete_line, &s, 1);
    }
    for (i = 1; !is_standard_input(t) && i < t->count; i++) {
        if (delete_one(&s, t->operands[i]) != TOOL_DONE) {
            status = TOOL_FAILED;
        }
    }
    if (status != TOOL_DONE || s.missing) {
        tool_error("%s: nothing was changed", dir);
        return status != TOOL_DONE ? status : TOOL_NOT_FOUND;
    }
    if (shard_commit(&s.batch) != TOOL_DONE) {
        return TOOL_FAILED;
    }
    tool_report(t, "%s: %" APR_INT64_T_FMT " names removed\n", dir,
                s.batch.removed);
    return TOOL_DONE;
}

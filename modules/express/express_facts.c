/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The optional functions of mod_proxy_express.h.
 */

#include "express_facts.h"

#include <string.h>

#include "apr_strings.h"

#include "http_config.h"
#include "http_protocol.h"

#include "base/option.h"

extern module AP_MODULE_DECLARE_DATA proxy_express_module;

/* This child's. */
static express_map *express_maps_first;
static express_map **express_maps_end = &express_maps_first;
static unsigned express_maps_count;

void express_facts_add(express_map *map)
{
    map->number = express_maps_count++;
    *express_maps_end = map;
    express_maps_end = &map->next;
}

/* ---- a request --------------------------------------------------------- */

static proxy_express_outcome proxy_express_answered(
    request_rec *r, proxy_express_answer *answer)
{
    const express_request *state;

    state = ap_get_module_config(r->request_config, &proxy_express_module);
    if (!state || state->outcome == PROXY_EXPRESS_NONE) {
        return PROXY_EXPRESS_NONE;
    }
    answer->key = state->key;
    answer->map = state->map ? state->map->number : 0;
    answer->backend = state->entry.url.ptr;
    answer->backend_len = state->entry.url.len;
    return state->outcome;
}

/* ---- maps -------------------------------------------------------------- */

static void express_map_facts(proxy_express_map *to, const express_map *map,
                              apr_pool_t *p)
{
    static const char *const states[] = { "ok", "busy", "broken", "not read" };
    hostmap_facts facts;
    hostmap_str value;

    /* no host has this key: the map is looked at, as for a request */
    hostmap_lookup(map->map, &value, hostmap_str_text("."), p);
    hostmap_facts_get(map->map, &facts);
    to->path = map->path;
    to->type = facts.file.type;
    to->state = states[facts.state];
    to->entries = facts.file.entries;
    to->modified = facts.file.mtime;
    to->replaced = facts.replaced;
    to->broken = facts.broken;
    to->busy = facts.busy;
    to->last_error = facts.last_error_at
                     ? apr_pstrdup(p, facts.last_error.text) : NULL;
    to->last_error_at = facts.last_error_at;
}

static unsigned proxy_express_maps(const proxy_express_map **maps,
                                   apr_pool_t *p)
{
    proxy_express_map *made = apr_pcalloc(p, sizeof(*made)
                                             * (express_maps_count + 1));
    const express_map *map;
    unsigned count = 0;

    for (map = express_maps_first; map; map = map->next) {
        express_map_facts(&made[count++], map, p);
    }
    *maps = made;
    return count;
}

/* ---- a question -------------------------------------------------------- */

/* The words after a URL, without what is secret. */
static const char *express_options_shown(hostmap_str words, apr_pool_t *p)
{
    static const char secret[] = "secret=";
    char *word, *last, *text = apr_pstrmemdup(p, words.ptr, words.len);
    const char *shown = NULL;

    for (word = apr_strtok(text, " \t", &last); word;
         word = apr_strtok(NULL, " \t", &last)) {
        if (ap_cstr_casecmpn(word, secret, sizeof(secret) - 1) == 0) {
            word = apr_pstrcat(p, secret, "(hidden)", NULL);
        }
        shown = shown ? apr_pstrcat(p, shown, " ", word, NULL) : word;
    }
    return shown;
}

/* The name, or nothing for one that is written in the entry, and all words. */
static void express_group_told(proxy_express_entry *entry,
                               const hostmap_entry *parsed, hostmap_str group,
                               apr_pool_t *p)
{
    if (parsed->group.len == 0) {
        entry->options = express_options_shown(parsed->words, p);
        return;
    }
    entry->target = apr_psprintf(p, "@%.*s%.*s", (int)parsed->group.len,
                                 parsed->group.ptr, (int)parsed->path.len,
                                 parsed->path.ptr);
    if (!group.ptr) {
        entry->reason = "the map does not hold the group";
        return;
    }
    entry->options = express_options_shown(group, p);
    if (parsed->words.len > 0) {
        /* they go over the members' */
        entry->options = apr_psprintf(p, "%s, %s", entry->options,
                                      express_options_shown(parsed->words, p));
    }
}

static void express_entry_told(proxy_express_entry *entry,
                               const hostmap_matched *found, apr_pool_t *p)
{
    static const char *const kinds[] = { "exact", "wildcard", "default" };
    static const char *const actions[] = {
        [HOSTMAP_ENTRY_PROXY] = "proxy", [HOSTMAP_ENTRY_GROUP] = "proxy",
        [HOSTMAP_ENTRY_NONE] = "decline", [HOSTMAP_ENTRY_REDIRECT] = "redirect",
        [HOSTMAP_ENTRY_STATUS] = "status"
    };
    hostmap_entry parsed;
    hostmap_bad bad;

    entry->key = apr_pstrmemdup(p, found->key, found->key_len);
    entry->match = found->key_len > found->host_len ? "path"
                                                    : kinds[found->kind];
    if (hostmap_entry_parse(&parsed, found->value, &bad) != APR_SUCCESS) {
        entry->reason = apr_psprintf(p, "bad entry: %s at column %"
                                     APR_SIZE_T_FMT " of its value",
                                     bad.reason, bad.pos + 1);
        return;
    }
    entry->action = actions[parsed.kind];
    entry->status = parsed.status;
    if (parsed.kind == HOSTMAP_ENTRY_PROXY
        || parsed.kind == HOSTMAP_ENTRY_REDIRECT) {
        entry->target = apr_pstrmemdup(p, parsed.url.ptr, parsed.url.len);
    }
    if (parsed.kind == HOSTMAP_ENTRY_PROXY) {
        entry->origin = apr_pstrmemdup(p, parsed.url.ptr,
                                       parsed.url.len - parsed.path.len);
        entry->options = express_options_shown(parsed.words, p);
    }
    if (parsed.kind == HOSTMAP_ENTRY_GROUP) {
        express_group_told(entry, &parsed, found->group, p);
    }
}

static void proxy_express_ask(proxy_express_entry *entry, unsigned number,
                              const char *host, const char *path,
                              apr_pool_t *p)
{
    char key[HOSTMAP_KEY_MAX + 1], *normal;
    const express_map *map = express_maps_first;
    hostmap_matched found;
    apr_size_t key_len, len = strlen(path);
    hostmap_bad bad;
    apr_status_t rv;

    memset(entry, 0, sizeof(*entry));
    while (map && map->number != number) {
        map = map->next;
    }
    if (!map) {
        entry->reason = "no such map";
        return;
    }
    if (hostmap_key_host(key, &key_len, hostmap_str_text(host), &bad)
        != APR_SUCCESS) {
        entry->reason = apr_pstrcat(p, "not a host: ", bad.reason, NULL);
        return;
    }
    normal = apr_palloc(p, len + 1);
    if (hostmap_path_normalise(normal, &len, hostmap_str_of(path, len), &bad)
        != APR_SUCCESS) {
        entry->reason = apr_pstrcat(p, "not a path: ", bad.reason, NULL);
        return;
    }
    normal[len] = '\0';
    rv = hostmap_find(map->map, &found, hostmap_str_of(key, key_len), normal,
                      p);
    if (rv != APR_SUCCESS) {
        entry->reason = rv == APR_NOTFOUND ? "no entry for this host"
                        : rv == HOSTMAP_EBUSY ? "a writer holds the map"
                        : "the map cannot be read";
        return;
    }
    express_entry_told(entry, &found, p);
}

void express_facts_register(void)
{
    APR_REGISTER_OPTIONAL_FN(proxy_express_answered);
    APR_REGISTER_OPTIONAL_FN(proxy_express_maps);
    APR_REGISTER_OPTIONAL_FN(proxy_express_ask);
}

/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file folder.h
 * @brief A folder of the test's own, with maps in it.  Everything fails the
 *        test when it fails.
 */

#ifndef FOLDER_H
#define FOLDER_H

#include "apr_pools.h"

#include "hostmap/store/hostmap_file.h"

/** Set by folder_setup(): a pool, and the folder's path. */
extern apr_pool_t *folder_pool;
extern const char *folder_path;

/** Fixtures for tcase_add_checked_fixture(). */
void folder_setup(void);
/** In memory where the system has /dev/shm: for tests that write a thousand
 *  maps, each of which would wait for the disk. */
void folder_setup_in_memory(void);
void folder_teardown(void);

/** A path in the folder. */
const char *folder_file(const char *name);

/** An entry of literal strings, for map_with(). */
#define ENTRY(key, value) \
    { { key, sizeof(key) - 1 }, { value, sizeof(value) - 1 } }

/** Make a map of these entries, or replace it. */
void map_with(const char *name, const char *type,
              const hostmap_pair *entries, int count);

/** The same: count entries `hN.example.com` -> `http://VALUE/N`. */
void folder_map(const char *name, const char *type, int count,
                const char *value);

/** Replace a file by these bytes. */
void folder_write(const char *name, const void *bytes, size_t len);

/** The driver is missing on this system: says so, and the test is to end. */
int folder_lacks(const char *type);

#endif /* FOLDER_H */

/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file atomic.h
 * @brief Words that threads of several processes count in.
 *
 * apr_atomic orders all memory around each operation and is a call.  A counter
 * needs neither: add, get and set are one instruction where the machine has
 * it.  What is put comes after all that was written before, what is taken
 * before all that is read after it.  GCC's and Clang's builtins, which
 * ThreadSanitizer knows (and no fences, which it does not).
 */

#ifndef BASE_ATOMIC_H
#define BASE_ATOMIC_H

#include <stddef.h>

#include "apr.h"

static inline void atomic_add64(apr_uint64_t *word, apr_uint64_t n)
{
    __atomic_fetch_add(word, n, __ATOMIC_RELAXED);
}

static inline apr_uint64_t atomic_get64(const apr_uint64_t *word)
{
    return __atomic_load_n(word, __ATOMIC_RELAXED);
}

static inline void atomic_set64(apr_uint64_t *word, apr_uint64_t value)
{
    __atomic_store_n(word, value, __ATOMIC_RELAXED);
}

static inline void atomic_add32(apr_uint32_t *word, apr_uint32_t n)
{
    __atomic_fetch_add(word, n, __ATOMIC_RELAXED);
}

static inline apr_uint32_t atomic_get32(const apr_uint32_t *word)
{
    return __atomic_load_n(word, __ATOMIC_RELAXED);
}

static inline void atomic_set32(apr_uint32_t *word, apr_uint32_t value)
{
    __atomic_store_n(word, value, __ATOMIC_RELAXED);
}

static inline apr_uint64_t atomic_take64(const apr_uint64_t *word)
{
    return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

static inline void atomic_put64(apr_uint64_t *word, apr_uint64_t value)
{
    __atomic_store_n(word, value, __ATOMIC_RELEASE);
}

static inline apr_uint32_t atomic_take32(const apr_uint32_t *word)
{
    return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

static inline void atomic_put32(apr_uint32_t *word, apr_uint32_t value)
{
    __atomic_store_n(word, value, __ATOMIC_RELEASE);
}

/* A place for one object that changes hands: what its last owner wrote is seen
 * by the next one. */

/** Take the object out.  @return NULL: there is none */
static inline void *atomic_take_ptr(void **place)
{
    return __atomic_exchange_n(place, NULL, __ATOMIC_ACQUIRE);
}

/** Put an object into an empty place.  @return 0: it is not empty */
static inline int atomic_put_ptr(void **place, void *object)
{
    void *none = NULL;

    return __atomic_compare_exchange_n(place, &none, object, 0,
                                       __ATOMIC_RELEASE, __ATOMIC_RELAXED);
}

#endif /* BASE_ATOMIC_H */

/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file express_canon.h
 * @brief Most backend URLs are canonical as they are.
 */

#ifndef EXPRESS_CANON_H
#define EXPRESS_CANON_H

/** In register_hooks. */
void express_canon_register(void);

#endif /* EXPRESS_CANON_H */

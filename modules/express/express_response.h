/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file express_response.h
 * @brief The headers of a mapped response: ProxyPassReverse with the entry that
 *        served the request.
 */

#ifndef EXPRESS_RESPONSE_H
#define EXPRESS_RESPONSE_H

/** In register_hooks. */
void express_response_register(void);

#endif /* EXPRESS_RESPONSE_H */

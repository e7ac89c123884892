/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file certmap_handshake.h
 * @brief What the module does in a TLS handshake, by OpenSSL's callbacks.
 */

#ifndef CERTMAP_HANDSHAKE_H
#define CERTMAP_HANDSHAKE_H

#include "httpd.h"

#include <openssl/ssl.h>

#include "certmap_find_core.h"

/** How a virtual host serves from a map.  Lives as long as its SSL_CTX. */
typedef struct certmap_host {
    server_rec *server;
    /** the folder, for messages */
    const char *dir;
    /** a name that neither the map nor the virtual host knows is refused */
    int alert;
    /** set in each child, NULL before */
    certmap *map;
    /** of the same configuration */
    struct certmap_host *next;
} certmap_host;

/** Serve the handshakes of a context from a host's map. */
void certmap_handshake_install(SSL_CTX *ctx, certmap_host *host);

#endif /* CERTMAP_HANDSHAKE_H */

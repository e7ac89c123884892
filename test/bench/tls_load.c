/* SPDX-License-Identifier: Apache-2.0 */

/*
 * tls_load.c: full TLS handshakes, for test/bench/tls.
 *
 *     tls_load PORT VERSION FIRST NAMES HANDSHAKES
 *
 * One after the other, for hostN.example.net with N from FIRST on, NAMES of
 * them again and again; VERSION is 2 or 3 (TLS 1.2, 1.3).  Every certificate is
 * compared with its name.  Prints how many there were, failed and were wrong.
 */

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/ssl.h>
#include <openssl/x509v3.h>

static int load_connect(int port)
{
    struct sockaddr_in to;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    memset(&to, 0, sizeof(to));
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* 0: right, 1: failed, 2: another's */
static int load_one(SSL_CTX *ctx, int port, const char *name)
{
    int fd = load_connect(port), result = 1;
    SSL *ssl = SSL_new(ctx);

    if (fd >= 0) {
        SSL_set_fd(ssl, fd);
        SSL_set_tlsext_host_name(ssl, name);
        if (SSL_connect(ssl) == 1) {
            X509 *cert = SSL_get1_peer_certificate(ssl);

            result = cert && X509_check_host(cert, name, 0, 0, NULL) == 1
                     ? 0 : 2;
            X509_free(cert);
            SSL_shutdown(ssl);
        }
    }
    SSL_free(ssl);
    if (fd >= 0) {
        close(fd);
    }
    return result;
}

int main(int argc, char **argv)
{
    long first, names, count, i, results[3] = { 0 };
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    char name[64];
    int version;

    if (argc != 6) {
        fprintf(stderr, "usage: PORT VERSION FIRST NAMES HANDSHAKES\n");
        return 1;
    }
    signal(SIGPIPE, SIG_IGN);
    version = atoi(argv[2]) == 2 ? TLS1_2_VERSION : TLS1_3_VERSION;
    first = atol(argv[3]);
    names = atol(argv[4]);
    count = atol(argv[5]);
    SSL_CTX_set_min_proto_version(ctx, version);
    SSL_CTX_set_max_proto_version(ctx, version);
    for (i = 0; i < count; i++) {
        snprintf(name, sizeof(name), "host%ld.example.net",
                 first + i % names);
        results[load_one(ctx, atoi(argv[1]), name)]++;
    }
    printf("%ld %ld %ld\n", count, results[1], results[2]);
    SSL_CTX_free(ctx);
    return 0;
}

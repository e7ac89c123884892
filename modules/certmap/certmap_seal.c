/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file certmap_seal.c
 * @brief AES-256-GCM over a record of a certificate map, by OpenSSL.
 */

#include "certmap_seal.h"

#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "hostmap/store/hostmap_file.h"

typedef int cipher_update(EVP_CIPHER_CTX *ctx, unsigned char *out, int *len,
                          const unsigned char *in, int in_len);

/* Name, header and open part are authenticated.  The name ends with a NUL,
 * which no name holds. */
static int seal_bind(EVP_CIPHER_CTX *ctx, cipher_update *update,
                     const certmap_record *record, hostmap_str name)
{
    const hostmap_str parts[] = {
        name, { "", 1 }, record->head, record->sealed_len, record->clear
    };
    unsigned i;

    for (i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
        int len;

        if (!update(ctx, NULL, &len, (const unsigned char *)parts[i].ptr,
                    (int)parts[i].len)) {
            return 0;
        }
    }
    return 1;
}

static int seal_encrypt(EVP_CIPHER_CTX *ctx, unsigned char *bytes,
                        const certmap_record *record, hostmap_str name,
                        const unsigned char *key)
{
    unsigned char *sealed = bytes + CERTMAP_HEADER;
    unsigned char *tag = bytes + (record->tag - bytes);
    int len;

    return EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key,
                              record->nonce)
           && seal_bind(ctx, EVP_EncryptUpdate, record, name)
           && EVP_EncryptUpdate(ctx, sealed, &len, sealed,
                                (int)record->sealed.len)
           && EVP_EncryptFinal_ex(ctx, sealed + len, &len)
           && EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, CERTMAP_TAG,
                                  tag);
}

apr_status_t certmap_seal(unsigned char *bytes, const certmap_record *record,
                          hostmap_str name, const certmap_master *master,
                          hostmap_reason *why)
{
    const unsigned char *id, *key = certmap_master_first(master, &id);
    EVP_CIPHER_CTX *ctx;
    int ok;

    if (!key) {
        return hostmap_fail(why, CERTMAP_ENOKEY, "no master key");
    }
    memcpy(bytes + (record->key_id - bytes), id, CERTMAP_KEY_ID);
    if (RAND_bytes(bytes + (record->nonce - bytes), CERTMAP_NONCE) != 1) {
        return hostmap_fail(why, APR_EGENERAL, "no random bytes");
    }
    ctx = EVP_CIPHER_CTX_new();
    ok = ctx && seal_encrypt(ctx, bytes, record, name, key);
    EVP_CIPHER_CTX_free(ctx);
    return ok ? APR_SUCCESS
              : hostmap_fail(why, APR_EGENERAL, "OpenSSL cannot encrypt "
                             "with AES-256-GCM");
}

static int seal_decrypt(EVP_CIPHER_CTX *ctx, unsigned char *plain,
                        const certmap_record *record, hostmap_str name,
                        const unsigned char *key)
{
    int len;

    return EVP_DecryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key,
                              record->nonce)
           && seal_bind(ctx, EVP_DecryptUpdate, record, name)
           && EVP_DecryptUpdate(ctx, plain, &len,
                                (const unsigned char *)record->sealed.ptr,
                                (int)record->sealed.len)
           && EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, CERTMAP_TAG,
                                  (void *)record->tag)
           && EVP_DecryptFinal_ex(ctx, plain + len, &len);
}

apr_status_t certmap_unseal(unsigned char *plain,
                            const certmap_record *record, hostmap_str name,
                            const certmap_master *master,
                            hostmap_reason *why)
{
    const unsigned char *key = certmap_master_find(master, record->key_id);
    EVP_CIPHER_CTX *ctx;
    int ok;

    if (!key) {
        return hostmap_fail(why, CERTMAP_ENOKEY, "sealed with another "
                            "master key than those configured");
    }
    ctx = EVP_CIPHER_CTX_new();
    ok = ctx && seal_decrypt(ctx, plain, record, name, key);
    EVP_CIPHER_CTX_free(ctx);
    if (ok) {
        return APR_SUCCESS;
    }
    OPENSSL_cleanse(plain, record->sealed.len);
    return hostmap_fail(why, CERTMAP_EFORGED, "changed, or made for "
                        "another name: its tag does not verify");
}

apr_status_t certmap_chain_id(unsigned char *id, hostmap_str chain,
                              hostmap_reason *why)
{
    unsigned len = CERTMAP_CHAIN_ID;

    if (!EVP_Digest(chain.ptr, chain.len, id, &len, EVP_sha256(), NULL)) {
        return hostmap_fail(why, APR_EGENERAL, "OpenSSL has no SHA-256");
    }
    return APR_SUCCESS;
}

/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file certmap_seal.h
 * @brief Private keys at rest: AES-256-GCM over a record and its name.
 *
 * Any thread.
 */

#ifndef CERTMAP_SEAL_H
#define CERTMAP_SEAL_H

#include "certmap_master.h"

/** The record was sealed with a master key that is not configured. */
#define CERTMAP_ENOKEY (APR_OS_START_USERERR + 111)
/** The tag is not that of these bytes, this name and the master key. */
#define CERTMAP_EFORGED (APR_OS_START_USERERR + 112)

/**
 * Seal a record that certmap_record_write() made: encrypts its private keys in
 * place, writes key id, nonce and tag.
 * @param bytes of the record
 * @param record its parts, pointing into bytes
 * @param name key of the entry that it will be
 */
apr_status_t certmap_seal(unsigned char *bytes, const certmap_record *record,
                          hostmap_str name, const certmap_master *master,
                          hostmap_reason *why);

/**
 * Verify a record and decrypt its private keys.
 * @param plain room for record->sealed.len bytes; to be wiped by the caller.
 *        Wiped when this fails
 * @return APR_SUCCESS, CERTMAP_ENOKEY, CERTMAP_EFORGED
 */
apr_status_t certmap_unseal(unsigned char *plain,
                            const certmap_record *record, hostmap_str name,
                            const certmap_master *master,
                            hostmap_reason *why);

/** The id of a chain.  @param id room for CERTMAP_CHAIN_ID bytes */
apr_status_t certmap_chain_id(unsigned char *id, hostmap_str chain,
                              hostmap_reason *why);

#endif /* CERTMAP_SEAL_H */

/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file loop_core.h
 * @brief CDN-Loop (RFC 8586): has this request been through this server?
 *
 * Pure: no allocation, no I/O, any thread.
 */

#ifndef LOOP_CORE_H
#define LOOP_CORE_H

/**
 * Is id one of the cdn-ids of a CDN-Loop field?  Or of the servers of a
 * Proxy-Status field (RFC 9209): its members are a name and parameters, too.
 * @param field the field's value(s), joined with commas; parameters and quoted
 *        strings are passed over; malformed members match nothing
 * @param id a token (RFC 8586 pseudonym); compared without regard to case
 * @return 1 yes, 0 no
 */
int loop_field_has(const char *field, const char *id);

#endif /* LOOP_CORE_H */

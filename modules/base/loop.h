/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file loop.h
 * @brief CDN-Loop (RFC 8586): has this request been through this server?
 *
 * Pure: no allocation, no I/O, any thread.
 */

#ifndef BASE_LOOP_H
#define BASE_LOOP_H

/**
 * How many of the cdn-ids of a CDN-Loop field are id?  Or of the servers of a
 * Proxy-Status field (RFC 9209): its members are a name and parameters, too.
 * @param field the field's value(s), joined with commas; parameters and quoted
 *        strings are skipped; malformed members match nothing
 * @param id a token (RFC 8586 pseudonym); compared without regard to case
 * @return 0 for none
 */
int hostmap_loop_count(const char *field, const char *id);

#endif /* BASE_LOOP_H */

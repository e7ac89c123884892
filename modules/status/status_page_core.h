/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file status_page_core.h
 * @brief The style and the script of the page that status_html() writes.
 *
 * Pure.
 */

#ifndef STATUS_PAGE_CORE_H
#define STATUS_PAGE_CORE_H

extern const char status_page_style[];
extern const char status_page_script[];

#endif /* STATUS_PAGE_CORE_H */

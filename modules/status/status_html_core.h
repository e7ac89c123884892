/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file status_html_core.h
 * @brief The status as a page, and as lines of mod_status's page.
 *
 * The page stands alone: it asks for nothing but itself, and says all it has to
 * say without its script, which asks for the page again and draws how figures
 * changed.
 *
 * Pure.
 */

#ifndef STATUS_HTML_CORE_H
#define STATUS_HTML_CORE_H

#include "status_view_core.h"

/** The whole page. */
void status_html(status_out *out, const status_view *view);

/** A section for mod_status's page; brief: lines "Name: value" for ?auto. */
void status_lines(status_out *out, const status_view *view, int brief);

#endif /* STATUS_HTML_CORE_H */

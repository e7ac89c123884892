/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file status_json_core.h
 * @brief The status as JSON.  docs/mod_switchboard_status.md describes each
 *        field.
 *
 * Pure.
 */

#ifndef STATUS_JSON_CORE_H
#define STATUS_JSON_CORE_H

#include "status_view_core.h"

void status_json(status_out *out, const status_view *view);

#endif /* STATUS_JSON_CORE_H */

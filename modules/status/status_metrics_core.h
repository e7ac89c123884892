/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file status_metrics_core.h
 * @brief The status as metrics: OpenMetrics 1.0, and Prometheus' older text
 *        format 0.0.4.
 *
 * Pure.
 */

#ifndef STATUS_METRICS_CORE_H
#define STATUS_METRICS_CORE_H

#include "status_view_core.h"

/** @param open OpenMetrics, else 0.0.4 */
void status_metrics(status_out *out, const status_view *view, int open);

#endif /* STATUS_METRICS_CORE_H */

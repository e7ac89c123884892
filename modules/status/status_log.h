/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file status_log.h
 * @brief Fields of an access log: %{word}^SB.
 */

#ifndef STATUS_LOG_H
#define STATUS_LOG_H

/** In register_hooks. */
void status_log_register(void);

#endif /* STATUS_LOG_H */

/* SPDX-License-Identifier: Apache-2.0 */
/* What each handler's file exports: its row, and nothing else. */
#ifndef HANDLERS_ROWS_H
#define HANDLERS_ROWS_H

#include "handlers/handler.h"

extern const struct handler handler_github;
extern const struct handler handler_generic;

#endif

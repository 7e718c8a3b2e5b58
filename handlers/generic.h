/* SPDX-License-Identifier: Apache-2.0 */
/* What handlers/generic.c takes from the configuration; for itself and its tests. */
#ifndef HANDLERS_GENERIC_H
#define HANDLERS_GENERIC_H

#include "handlers/verify.h"

struct generic_settings {
	struct verify_settings verify;
};

#endif

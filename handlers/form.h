/* SPDX-License-Identifier: Apache-2.0 */
/*
 * application/x-www-form-urlencoded (WHATWG URL standard, section 5), read strictly. Pure; any
 * thread.
 */
#ifndef HANDLERS_FORM_H
#define HANDLERS_FORM_H

#include <stddef.h>

#include "bridge/base/error.h"
#include "bridge/base/strbuf.h"

/*
 * Appends the decoded value of the one field of that name to out. Unlike a browser it does not
 * guess: ERR_INVALID for a '%' without two hexadecimal digits, for a byte that an encoder would
 * have escaped (control, space, non-ASCII), and when the field is missing or stands there twice,
 * since two readers could take different ones. Other fields are skipped. ERR_TOO_LARGE when out is
 * full. The value may hold any bytes, also NUL.
 */
int form_value(const char *form, size_t len, const char *name, struct strbuf *out,
	       struct error *err) MUST_CHECK;

#endif

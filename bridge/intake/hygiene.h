/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "Verbatim" is what a human reader sees: hidden text is how strangers instruct agents. Removes HTML comments
 * (outside of code, where they are visible), zero-width characters, bidi controls, tag characters and variation-selector smuggling, and
 * control characters except tab and newline; CR LF becomes LF (webhook-sources 14.4). Pure; any thread.
 */
#ifndef BRIDGE_INTAKE_HYGIENE_H
#define BRIDGE_INTAKE_HYGIENE_H

#include <stdbool.h>
#include <stddef.h>

#include "bridge/base/strbuf.h"

/* Appends the cleaned text (valid UTF-8 in, valid UTF-8 out). Returns whether anything was removed
 * (line ends do not count). */
bool hygiene_clean(const char *text, size_t len, struct strbuf *out);

#endif

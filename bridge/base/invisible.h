/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Characters that a reader does not see: controls (but tab and newline), what Unicode calls default ignorable
 * (DerivedCoreProperties.txt: zero-width, bidi controls, joiners, variation selectors, fillers, tags) and
 * interlinear annotations. Pure; any thread.
 */
#ifndef BRIDGE_BASE_INVISIBLE_H
#define BRIDGE_BASE_INVISIBLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bridge/base/strbuf.h"

bool invisible_point(uint32_t point);

/*
 * Appends text without them, with every line end (CR LF, CR) as LF. Bytes that are not UTF-8 become U+FFFD, so what is
 * appended is always valid (up to three times as long). Returns whether anything but line ends was changed.
 */
bool invisible_strip(const char *text, size_t len, struct strbuf *out);

/*
 * Appends text as one line: invisible characters are dropped; tabs and line ends (U+2028 and U+2029 too) become
 * spaces, runs of spaces one; at most max bytes, "…" in the end included when something was cut.
 */
void invisible_line(const char *text, size_t max, struct strbuf *out);

#endif

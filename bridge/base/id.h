/* SPDX-License-Identifier: Apache-2.0 */
/* Our own ids (UUIDv7, RFC 9562: ordered by time of creation), and the form of Nairi's job ids. */
#ifndef BRIDGE_BASE_ID_H
#define BRIDGE_BASE_ID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ID_SIZE 37 /* 36 characters and a NUL */

/*
 * Writes a new UUIDv7 for the given wall time. Ids of one process ascend even within a millisecond and when
 * the clock steps back. Any thread. The kernel's random source cannot fail here (getrandom(2)).
 */
void id_new(int64_t now_ms, char out[ID_SIZE]);

/* Whether text is a UUID in its canonical lower-case form, as id_new writes it. */
bool id_is_valid(const char *text);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A secret is a type of its own so that no formatter can print it by accident. Its bytes are reached only
 * through secret_bytes, which is easy to grep for. Immutable after creation: any thread may read it.
 */
#ifndef BRIDGE_BASE_SECRET_H
#define BRIDGE_BASE_SECRET_H

#include <stdbool.h>
#include <stddef.h>

#include "bridge/base/cleanup.h"

struct secret;

/* A copy of bytes; NULL when memory runs out. */
struct secret *secret_new(const void *bytes, size_t len);

/* Overwrites the bytes, then frees. Takes NULL. */
void secret_free(struct secret *secret);

/* Borrowed; NUL-terminated one byte past the length, so a token can go into a header as it is. */
const char *secret_bytes(const struct secret *secret);
size_t secret_len(const struct secret *secret);

/* Whether the secret equals bytes, in time that depends on neither (both are hashed first). */
bool secret_equals(const struct secret *secret, const void *bytes, size_t len);

DEFINE_CLEANUP(struct secret, secret_free);

#endif

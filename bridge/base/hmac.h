/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HMAC-SHA256 (RFC 2104, FIPS 198-1) by libcrypto, and the encodings a signature arrives in. A keyed
 * context is made once per secret and duplicated per use: fetching the algorithm each time costs more.
 */
#ifndef BRIDGE_BASE_HMAC_H
#define BRIDGE_BASE_HMAC_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

#include "bridge/base/error.h"
#include "bridge/base/secret.h"

#define HMAC_SHA256_SIZE 32

struct hmac_key;

/* A key over the secret's bytes (any length, also 0). NULL with *err set when libcrypto fails. */
struct hmac_key *hmac_key_new(const void *key, size_t len, struct error *err) MUST_CHECK;
void hmac_key_free(struct hmac_key *key);

/* The MAC over the parts in order. Any thread may use one key at the same time as others. */
int hmac_sha256(const struct hmac_key *key, const struct iovec *parts, int count,
		unsigned char out[HMAC_SHA256_SIZE], struct error *err) MUST_CHECK;

/* Compares in constant time. */
bool hmac_equal(const unsigned char a[HMAC_SHA256_SIZE], const unsigned char b[HMAC_SHA256_SIZE]);

/*
 * Decode exactly want bytes. Hex: exactly 2*want digits, either case. Base64 (RFC 4648 section 4): canonical,
 * padded, no white space. Return false on anything else; out is then undefined.
 */
bool decode_hex(const char *text, size_t len, unsigned char *out, size_t want);
bool decode_base64(const char *text, size_t len, unsigned char *out, size_t want);

/* Base64 of unknown length: returns the decoded length, or -1 if malformed or longer than cap. */
long decode_base64_any(const char *text, size_t len, unsigned char *out, size_t cap);

/* SHA-256 as 64 lower-case hex digits and a NUL, for keys that name content. */
#define SHA256_HEX_SIZE 65
void sha256_hex(const void *bytes, size_t len, char out[SHA256_HEX_SIZE]);

DEFINE_CLEANUP(struct hmac_key, hmac_key_free);

#endif

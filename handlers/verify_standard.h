/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Standard Webhooks 1.0.0 (standardwebhooks.com), scheme v1: HMAC-SHA256 over "id.timestamp.body".
 * Svix, where it comes from, sends the same under names of its own (svix-id …). Only verify.c needs
 * this. Pure; any thread.
 */
#ifndef HANDLERS_VERIFY_STANDARD_H
#define HANDLERS_VERIFY_STANDARD_H

#include "bridge/base/hmac.h"
#include "bridge/model/http.h"

/* A key of "whsec_" and base64 of 24 to 64 bytes; NULL with ERR_CONFIG, which calls it the nth. */
struct hmac_key *verify_standard_key(const struct secret *secret, size_t nth,
				     struct error *err) MUST_CHECK;

/* The signature, and a time of sending within 5 minutes of request->received_ms. */
int verify_standard_check(struct hmac_key *const *keys, size_t key_count,
			  const struct http_request *request, struct error *err) MUST_CHECK;

/* webhook-id or svix-id, of the family that was checked; NULL: there is none. Borrowed. */
const char *verify_standard_id(const struct http_request *request);

#endif

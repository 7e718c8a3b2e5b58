/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is a request authentic? The schemes that senders use, over the raw bytes, for any handler. All
 * keys are tried, so that a secret can be rotated, and in a time that does not tell which one
 * matched. Errors are ERR_UNAUTHENTIC and name the check that failed, never a value.
 */
#ifndef HANDLERS_VERIFY_H
#define HANDLERS_VERIFY_H

#include "bridge/base/cleanup.h"
#include "bridge/base/error.h"
#include "bridge/model/http.h"
#include "config/config.h"

enum verify_type {
	VERIFY_UNSET,       /* the configuration does not say: never opened */
	VERIFY_NONE,        /* `verify: none`, in so many words */
	VERIFY_HMAC_SHA256, /* a header with prefix + hex or base64 of the HMAC over the body */
	VERIFY_BEARER,      /* RFC 6750: Authorization: Bearer TOKEN */
	VERIFY_BASIC,       /* RFC 7617: Authorization: Basic base64(user:password) */
	VERIFY_STANDARD_WEBHOOKS, /* standardwebhooks.com 1.0.0, scheme v1; also with Svix's header
				     names */
	VERIFY_TYPES_
};

enum verify_encoding { VERIFY_HEX, VERIFY_BASE64 };

/* The `verify` setting; each type uses its own members. */
struct verify_settings {
	int type;                     /* enum verify_type */
	const char *header;           /* hmac-sha256 */
	const char *prefix;           /* hmac-sha256; NULL: none */
	int encoding;                 /* enum verify_encoding */
	struct config_secrets secret; /* hmac-sha256, standard-webhooks */
	struct config_secrets token;  /* bearer */
	const char *username;         /* basic */
	const struct secret *password;
};

/* A KEY_CUSTOM reader for a struct verify_settings: `none`, or a mapping with `type`. */
void verify_settings_read(struct config_reader *reader, const struct config_node *node,
			  void *field);

struct verifier; /* prepared keys; immutable: any thread */

/* Copies what it needs of the settings. ERR_CONFIG: a key or header name that cannot work. */
int verify_open(const struct verify_settings *settings, struct verifier **ret,
		struct error *err) MUST_CHECK;
void verify_close(struct verifier *verifier); /* takes NULL */

int verify_request(const struct verifier *verifier, const struct http_request *request,
		   struct error *err) MUST_CHECK;

/*
 * The id that a Standard-Webhooks sender gave the message (stable over its retries), or NULL with
 * other types. Only after verify_request: it is under the MAC. Borrowed from the request.
 */
const char *verify_message_id(const struct verifier *verifier, const struct http_request *request);

DEFINE_CLEANUP(struct verifier, verify_close);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "handlers/verify.h"

#include <string.h>
#include <strings.h>
#include <sys/uio.h>

#include "bridge/base/hmac.h"
#include "handlers/shape.h"
#include "handlers/verify_standard.h"

#define MAX_KEYS       16   /* rotation needs two */
#define MAX_CREDENTIAL 4096 /* bytes of user:password */

struct verifier {
	enum verify_type type;
	enum verify_encoding encoding;
	char *header;
	char *prefix;
	struct hmac_key *keys[MAX_KEYS];
	size_t key_count;
	struct secret *words[MAX_KEYS]; /* bearer tokens, or the one "user:password" */
	size_t word_count;
};

/* ---- opening ---- */

static bool is_field_name(const char *text)
{
	static const char separators[] = "\"(),/:;<=>?@[\\]{}"; /* RFC 9110 section 5.6.2 */

	return shape_is_visible(text, 100) && strpbrk(text, separators) == NULL;
}

static int add_keys(struct verifier *v, const struct config_secrets *secrets, struct error *err)
{
	if (secrets->count == 0)
		return error_set(err, ERR_CONFIG, "secret or secret_file is required");
	if (secrets->count > MAX_KEYS)
		return error_set(err, ERR_CONFIG, "more than %d secrets", MAX_KEYS);
	for (size_t i = 0; i < secrets->count; i++) {
		const struct secret *secret = secrets->items[i];
		if (secret_len(secret) == 0)
			return error_set(err, ERR_CONFIG, "secret %zu is empty", i + 1);
		struct hmac_key *key = v->type == VERIFY_STANDARD_WEBHOOKS
			? verify_standard_key(secret, i + 1, err)
			: hmac_key_new(secret_bytes(secret), secret_len(secret), err);
		if (key == NULL)
			return -1;
		v->keys[v->key_count++] = key;
	}
	return 0;
}

static int add_word(struct verifier *v, const char *bytes, size_t len, struct error *err)
{
	v->words[v->word_count] = secret_new(bytes, len);
	if (v->words[v->word_count] == NULL)
		return error_set(err, ERR_NO_MEMORY, "no memory");
	v->word_count++;
	return 0;
}

static int open_hmac(struct verifier *v, const struct verify_settings *settings, struct error *err)
{
	if (settings->header == NULL || !is_field_name(settings->header))
		return error_set(err, ERR_CONFIG, "header is not the name of an HTTP header");
	v->encoding = (enum verify_encoding)settings->encoding;
	v->header = strdup(settings->header);
	v->prefix = strdup(settings->prefix != NULL ? settings->prefix : "");
	if (v->header == NULL || v->prefix == NULL)
		return error_set(err, ERR_NO_MEMORY, "no memory");
	return add_keys(v, &settings->secret, err);
}

static int open_bearer(struct verifier *v, const struct verify_settings *settings,
		       struct error *err)
{
	const struct config_secrets *tokens = &settings->token;

	if (tokens->count == 0)
		return error_set(err, ERR_CONFIG, "token or token_file is required");
	if (tokens->count > MAX_KEYS)
		return error_set(err, ERR_CONFIG, "more than %d tokens", MAX_KEYS);
	for (size_t i = 0; i < tokens->count; i++) {
		/* What cannot be sent in a header would never match, and nobody would know why. */
		const char *token = secret_bytes(tokens->items[i]);
		if (!shape_is_visible(token, MAX_CREDENTIAL) ||
		    strlen(token) != secret_len(tokens->items[i]))
			return error_set(err, ERR_CONFIG,
					 "token %zu is empty, too long, or has a space or control",
					 i + 1);
		if (add_word(v, token, secret_len(tokens->items[i]), err) < 0)
			return -1;
	}
	return 0;
}

static int open_basic(struct verifier *v, const struct verify_settings *settings, struct error *err)
{
	if (settings->username == NULL || strchr(settings->username, ':') != NULL)
		return error_set(err, ERR_CONFIG, "username is required and cannot hold a colon");
	if (settings->password == NULL || secret_len(settings->password) == 0)
		return error_set(err, ERR_CONFIG, "password or password_file is required");
	size_t user_len = strlen(settings->username), pass_len = secret_len(settings->password);
	if (user_len > MAX_CREDENTIAL || pass_len > MAX_CREDENTIAL ||
	    user_len + pass_len >= MAX_CREDENTIAL)
		return error_set(err, ERR_CONFIG, "username and password are longer than %d bytes",
				 MAX_CREDENTIAL);
	char both[MAX_CREDENTIAL];
	memcpy(both, settings->username, user_len);
	both[user_len] = ':';
	memcpy(both + user_len + 1, secret_bytes(settings->password), pass_len);
	int rc = add_word(v, both, user_len + 1 + pass_len, err);
	explicit_bzero(both, sizeof(both));
	return rc;
}

static int open_type(struct verifier *v, const struct verify_settings *settings, struct error *err)
{
	switch (v->type) {
	case VERIFY_NONE:
		return 0;
	case VERIFY_HMAC_SHA256:
		return open_hmac(v, settings, err);
	case VERIFY_BEARER:
		return open_bearer(v, settings, err);
	case VERIFY_BASIC:
		return open_basic(v, settings, err);
	case VERIFY_STANDARD_WEBHOOKS:
		return add_keys(v, &settings->secret, err);
	case VERIFY_UNSET:
	case VERIFY_TYPES_:
		break;
	}
	return error_set(err, ERR_CONFIG,
			 "verify is required; to take requests from anybody, write verify: none");
}

int verify_open(const struct verify_settings *settings, struct verifier **ret, struct error *err)
{
	CLEANUP(verify_close_at) struct verifier *v = calloc(1, sizeof(*v));

	if (v == NULL)
		return error_set(err, ERR_NO_MEMORY, "no memory");
	v->type = (enum verify_type)settings->type;
	if (open_type(v, settings, err) < 0)
		return -1;
	*ret = TAKE(v);
	return 0;
}

void verify_close(struct verifier *v)
{
	if (v == NULL)
		return;
	for (size_t i = 0; i < v->key_count; i++)
		hmac_key_free(v->keys[i]);
	for (size_t i = 0; i < v->word_count; i++)
		secret_free(v->words[i]);
	free(v->header);
	free(v->prefix);
	free(v);
}

/* ---- checking ---- */

static int check_hmac(const struct verifier *v, const struct http_request *request,
		      struct error *err)
{
	const char *value = NULL;
	size_t prefix_len = strlen(v->prefix);
	unsigned char got[HMAC_SHA256_SIZE];

	if (http_header_once(request, v->header, &value, err) < 0)
		return -1;
	if (value == NULL)
		return error_set(err, ERR_UNAUTHENTIC,
				 "the header %s is missing: the request is not signed", v->header);
	if (value[0] == '\0')
		return error_set(err, ERR_UNAUTHENTIC, "the header %s is empty", v->header);
	if (strncmp(value, v->prefix, prefix_len) != 0)
		return error_set(err, ERR_UNAUTHENTIC, "the header %s does not begin with %s",
				 v->header, v->prefix);
	const char *mac = value + prefix_len;
	bool hex = v->encoding == VERIFY_HEX;
	if (hex ? !decode_hex(mac, strlen(mac), got, sizeof(got))
		: !decode_base64(mac, strlen(mac), got, sizeof(got)))
		return error_set(err, ERR_UNAUTHENTIC,
				 "the header %s is malformed: expected %s%s%s", v->header,
				 v->prefix, prefix_len > 0 ? " and " : "",
				 hex ? "64 hexadecimal digits" : "44 characters of base64");
	bool matches = false;
	for (size_t i = 0; i < v->key_count; i++) {
		unsigned char want[HMAC_SHA256_SIZE];
		/* The body is only read; iovec has no const. */
		const struct iovec part = { .iov_base = (void *)(uintptr_t)request->body,
					    .iov_len = request->body_len };
		if (hmac_sha256(v->keys[i], &part, 1, want, err) < 0)
			return -1;
		matches |= hmac_equal(want, got);
	}
	if (!matches)
		return error_set(
			err, ERR_UNAUTHENTIC,
			"the signature in %s does not match: another secret, or a changed body",
			v->header);
	return 0;
}

static bool is_one_of(const struct verifier *v, const void *bytes, size_t len)
{
	bool matches = false;

	for (size_t i = 0; i < v->word_count; i++)
		matches |= secret_equals(v->words[i], bytes, len);
	return matches;
}

/*
 * What follows the scheme's name in Authorization (RFC 9110 section 11.4: any case, then spaces).
 */
static int credentials(const struct http_request *request, const char *scheme, const char **ret,
		       struct error *err)
{
	const char *value = NULL;
	size_t len = strlen(scheme);

	if (http_header_once(request, "Authorization", &value, err) < 0)
		return -1;
	if (value == NULL)
		return error_set(err, ERR_UNAUTHENTIC, "the header Authorization is missing");
	if (strncasecmp(value, scheme, len) != 0 || value[len] != ' ')
		return error_set(err, ERR_UNAUTHENTIC,
				 "the header Authorization is not of the scheme %s", scheme);
	*ret = value + len + strspn(value + len, " ");
	return 0;
}

static int check_bearer(const struct verifier *v, const struct http_request *request,
			struct error *err)
{
	const char *token = NULL;

	if (credentials(request, "Bearer", &token, err) < 0)
		return -1;
	if (!is_one_of(v, token, strlen(token)))
		return error_set(err, ERR_UNAUTHENTIC, "the bearer token is wrong");
	return 0;
}

static int check_basic(const struct verifier *v, const struct http_request *request,
		       struct error *err)
{
	const char *encoded = NULL;
	unsigned char both[MAX_CREDENTIAL];

	if (credentials(request, "Basic", &encoded, err) < 0)
		return -1;
	long len = decode_base64_any(encoded, strlen(encoded), both, sizeof(both));
	if (len < 0)
		return error_set(err, ERR_UNAUTHENTIC,
				 "the header Authorization is malformed: not base64");
	bool matches = is_one_of(v, both, (size_t)len);
	explicit_bzero(both, sizeof(both));
	if (!matches)
		return error_set(err, ERR_UNAUTHENTIC, "the user name or the password is wrong");
	return 0;
}

int verify_request(const struct verifier *v, const struct http_request *request, struct error *err)
{
	switch (v->type) {
	case VERIFY_NONE:
		return 0;
	case VERIFY_HMAC_SHA256:
		return check_hmac(v, request, err);
	case VERIFY_BEARER:
		return check_bearer(v, request, err);
	case VERIFY_BASIC:
		return check_basic(v, request, err);
	case VERIFY_STANDARD_WEBHOOKS:
		return verify_standard_check(v->keys, v->key_count, request, err);
	case VERIFY_UNSET:
	case VERIFY_TYPES_:
		break;
	}
	return error_set(err, ERR_INTERNAL, "a verifier without a type");
}

const char *verify_message_id(const struct verifier *v, const struct http_request *request)
{
	return v->type == VERIFY_STANDARD_WEBHOOKS ? verify_standard_id(request) : NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "handlers/verify_standard.h"

#include <string.h>

#include "handlers/shape.h"

#define KEY_MIN 24
#define KEY_MAX 64
/* Senders put one per active key. */
#define MAX_SIGNATURES 32
#define ID_MAX         256
/* Enough for 30,000 years, and never an overflow. */
#define TIMESTAMP_DIGITS 12
/* Both ways, as in the reference libraries. */
#define TOLERANCE_MS 300000

static const char key_prefix[] = "whsec_";

/* The two spellings of the same three headers. */
struct family {
	const char *id, *timestamp, *signature;
};
static const struct family standard_names = { "webhook-id", "webhook-timestamp",
					      "webhook-signature" };
static const struct family svix_names = { "svix-id", "svix-timestamp", "svix-signature" };

struct hmac_key *verify_standard_key(const struct secret *secret, size_t nth, struct error *err)
{
	unsigned char bytes[KEY_MAX];
	const char *text = secret_bytes(secret);
	size_t len = secret_len(secret), skip = sizeof(key_prefix) - 1;
	long size = -1;

	if (len > skip && memcmp(text, key_prefix, skip) == 0)
		size = decode_base64_any(text + skip, len - skip, bytes, sizeof(bytes));
	if (size < KEY_MIN) {
		explicit_bzero(bytes, sizeof(bytes));
		(void)error_set(err, ERR_CONFIG,
				"secret %zu is not whsec_ and base64 of %d to %d bytes", nth,
				KEY_MIN, KEY_MAX);
		return NULL;
	}
	struct hmac_key *key = hmac_key_new(bytes, (size_t)size, err);
	explicit_bzero(bytes, sizeof(bytes));
	return key;
}

/* Svix's names count only when nothing stands under the standard ones: never a mix of both. */
static const struct family *family_of(const struct http_request *request)
{
	const struct http_header *h = request->headers;
	size_t n = request->header_count;
	bool standard = http_header_count(h, n, standard_names.signature) > 0 ||
		http_header_count(h, n, standard_names.id) > 0 ||
		http_header_count(h, n, standard_names.timestamp) > 0;

	return !standard && http_header_count(h, n, svix_names.signature) > 0 ? &svix_names
									      : &standard_names;
}

static int required(const struct http_request *request, const char *name, const char **ret,
		    struct error *err)
{
	if (http_header_once(request, name, ret, err) < 0)
		return -1;
	if (*ret == NULL)
		return error_set(err, ERR_UNAUTHENTIC, "the header %s is missing", name);
	if (**ret == '\0')
		return error_set(err, ERR_UNAUTHENTIC, "the header %s is empty", name);
	return 0;
}

static int check_time(const char *name, const char *text, int64_t received_ms, struct error *err)
{
	size_t digits = strspn(text, "0123456789");
	int64_t seconds = 0;

	if (text[digits] != '\0' || digits == 0 || digits > TIMESTAMP_DIGITS)
		return error_set(err, ERR_UNAUTHENTIC,
				 "the header %s is malformed: expected seconds since 1970", name);
	for (size_t i = 0; i < digits; i++)
		seconds = seconds * 10 + (text[i] - '0');
	if (received_ms - seconds * 1000 > TOLERANCE_MS)
		return error_set(err, ERR_UNAUTHENTIC, "the time in %s is more than 5 minutes ago",
				 name);
	if (seconds * 1000 - received_ms > TOLERANCE_MS)
		return error_set(err, ERR_UNAUTHENTIC,
				 "the time in %s is more than 5 minutes ahead", name);
	return 0;
}

/*
 * Decodes the v1 entries of a list such as "v1,AAAA v1a,BBBB v1,CCCC"; other versions are not ours
 * to judge.
 */
static size_t read_signatures(const char *list, unsigned char out[][HMAC_SHA256_SIZE],
			      bool *ret_any)
{
	size_t count = 0;

	for (const char *at = list; *at != '\0' && count < MAX_SIGNATURES;) {
		size_t len = strcspn(at, " ");
		if (len > 3 && memcmp(at, "v1,", 3) == 0) {
			*ret_any = true;
			if (decode_base64(at + 3, len - 3, out[count], HMAC_SHA256_SIZE))
				count++;
		}
		at += len;
		at += strspn(at, " ");
	}
	return count;
}

/* The body and the headers are only read; iovec has no const. */
static struct iovec part(const char *bytes, size_t len)
{
	return (struct iovec){ .iov_base = (void *)(uintptr_t)bytes, .iov_len = len };
}

int verify_standard_check(struct hmac_key *const *keys, size_t key_count,
			  const struct http_request *request, struct error *err)
{
	const struct family *names = family_of(request);
	const char *id = NULL, *timestamp = NULL, *list = NULL;
	unsigned char got[MAX_SIGNATURES][HMAC_SHA256_SIZE];
	bool any = false, matches = false;

	if (required(request, names->signature, &list, err) < 0 ||
	    required(request, names->id, &id, err) < 0 ||
	    required(request, names->timestamp, &timestamp, err) < 0)
		return -1;
	/* With a dot in the id, "id.timestamp.body" could be cut in two ways. */
	if (!shape_is_visible(id, ID_MAX) || strchr(id, '.') != NULL)
		return error_set(err, ERR_UNAUTHENTIC, "the header %s is malformed", names->id);
	if (check_time(names->timestamp, timestamp, request->received_ms, err) < 0)
		return -1;
	size_t got_count = read_signatures(list, got, &any);
	if (!any)
		return error_set(err, ERR_UNAUTHENTIC,
				 "the header %s holds no signature of version v1",
				 names->signature);
	if (got_count == 0)
		return error_set(err, ERR_UNAUTHENTIC,
				 "the header %s is malformed: expected v1, and base64 of 32 bytes",
				 names->signature);
	const struct iovec parts[] = { part(id, strlen(id)), part(".", 1),
				       part(timestamp, strlen(timestamp)), part(".", 1),
				       part(request->body, request->body_len) };
	for (size_t i = 0; i < key_count; i++) {
		unsigned char want[HMAC_SHA256_SIZE];
		if (hmac_sha256(keys[i], parts, sizeof(parts) / sizeof(parts[0]), want, err) < 0)
			return -1;
		for (size_t k = 0; k < got_count; k++)
			matches |= hmac_equal(want, got[k]);
	}
	if (!matches)
		return error_set(
			err, ERR_UNAUTHENTIC,
			"no signature in %s matches: another secret, or a changed body, id or time",
			names->signature);
	return 0;
}

const char *verify_standard_id(const struct http_request *request)
{
	return http_header_get(request->headers, request->header_count, family_of(request)->id);
}

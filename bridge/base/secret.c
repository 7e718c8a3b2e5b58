/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/base/secret.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <string.h>

struct secret {
	size_t len;
	char bytes[];
};

struct secret *secret_new(const void *bytes, size_t len)
{
	struct secret *secret = malloc(sizeof(*secret) + len + 1);

	if (secret == NULL)
		return NULL;
	secret->len = len;
	if (len > 0)
		memcpy(secret->bytes, bytes, len);
	secret->bytes[len] = '\0';
	return secret;
}

void secret_free(struct secret *secret)
{
	if (secret == NULL)
		return;
	OPENSSL_cleanse(secret->bytes, secret->len);
	free(secret);
}

const char *secret_bytes(const struct secret *secret)
{
	return secret->bytes;
}

size_t secret_len(const struct secret *secret)
{
	return secret->len;
}

bool secret_equals(const struct secret *secret, const void *bytes, size_t len)
{
	unsigned char ours[SHA256_DIGEST_LENGTH], theirs[SHA256_DIGEST_LENGTH];

	SHA256((const unsigned char *)secret->bytes, secret->len, ours);
	SHA256(bytes, len, theirs);
	return CRYPTO_memcmp(ours, theirs, sizeof(ours)) == 0 && secret->len == len;
}

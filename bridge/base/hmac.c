/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/base/hmac.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/sha.h>
#include <string.h>

struct hmac_key {
	EVP_MAC_CTX *keyed; /* initialised, never updated or finalised: only ever duplicated */
};

struct hmac_key *hmac_key_new(const void *key, size_t len, struct error *err)
{
	static const unsigned char empty[1];
	struct hmac_key *made = calloc(1, sizeof(*made));
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	char digest[] = "SHA256";
	OSSL_PARAM params[] = { OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
				OSSL_PARAM_construct_end() };

	if (made != NULL && mac != NULL)
		made->keyed = EVP_MAC_CTX_new(mac);
	EVP_MAC_free(mac);
	/* A NULL key means "keep the old one", so an empty key still needs an address. */
	if (made == NULL || made->keyed == NULL ||
	    EVP_MAC_init(made->keyed, len > 0 ? key : empty, len, params) != 1) {
		hmac_key_free(made);
		ERR_clear_error();
		(void)error_set(err, ERR_NO_MEMORY, "cannot prepare HMAC-SHA256");
		return NULL;
	}
	return made;
}

void hmac_key_free(struct hmac_key *key)
{
	if (key == NULL)
		return;
	EVP_MAC_CTX_free(key->keyed);
	free(key);
}

int hmac_sha256(const struct hmac_key *key, const struct iovec *parts, int count,
		unsigned char out[HMAC_SHA256_SIZE], struct error *err)
{
	EVP_MAC_CTX *ctx = EVP_MAC_CTX_dup(key->keyed);
	size_t len = 0;
	bool ok = ctx != NULL;

	for (int i = 0; ok && i < count; i++)
		ok = EVP_MAC_update(ctx, parts[i].iov_base, parts[i].iov_len) == 1;
	ok = ok && EVP_MAC_final(ctx, out, &len, HMAC_SHA256_SIZE) == 1 && len == HMAC_SHA256_SIZE;
	EVP_MAC_CTX_free(ctx);
	if (ok)
		return 0;
	ERR_clear_error();
	return error_set(err, ERR_NO_MEMORY, "cannot compute HMAC-SHA256");
}

bool hmac_equal(const unsigned char a[HMAC_SHA256_SIZE], const unsigned char b[HMAC_SHA256_SIZE])
{
	return CRYPTO_memcmp(a, b, HMAC_SHA256_SIZE) == 0;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

bool decode_hex(const char *text, size_t len, unsigned char *out, size_t want)
{
	if (len != 2 * want)
		return false;
	for (size_t i = 0; i < want; i++) {
		int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);
		if (high < 0 || low < 0)
			return false;
		out[i] = (unsigned char)(high << 4 | low);
	}
	return true;
}

static int base64_digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+')
		return 62;
	return c == '/' ? 63 : -1;
}

/*
 * Our own, because EVP_DecodeBlock counts padding as data and takes white space: a signature must have
 * exactly one accepted spelling.
 */
long decode_base64_any(const char *text, size_t len, unsigned char *out, size_t cap)
{
	size_t made = 0;

	if (len % 4 != 0)
		return -1;
	for (size_t at = 0; at < len; at += 4) {
		int pad = 0;
		unsigned bits = 0;
		for (size_t i = 0; i < 4; i++) {
			char c = text[at + i];
			int digit = base64_digit(c);
			if (c == '=' && at + 4 == len && i >= 2)
				pad++;
			else if (digit < 0 || pad > 0)
				return -1;
			bits = bits << 6 | (unsigned)(digit < 0 ? 0 : digit);
		}
		size_t bytes = (size_t)(3 - pad);
		if ((pad == 1 && (bits & 0xFFU) != 0) || (pad == 2 && (bits & 0xFFFFU) != 0) ||
		    made + bytes > cap)
			return -1;
		for (size_t i = 0; i < bytes; i++)
			out[made++] = (unsigned char)(bits >> (16 - 8 * i));
	}
	return (long)made;
}

bool decode_base64(const char *text, size_t len, unsigned char *out, size_t want)
{
	return decode_base64_any(text, len, out, want) == (long)want;
}

void sha256_hex(const void *bytes, size_t len, char out[SHA256_HEX_SIZE])
{
	static const char hex[] = "0123456789abcdef";
	unsigned char digest[SHA256_DIGEST_LENGTH];

	SHA256(bytes, len, digest);
	for (size_t i = 0; i < sizeof(digest); i++) {
		out[2 * i] = hex[digest[i] >> 4];
		out[2 * i + 1] = hex[digest[i] & 0x0FU];
	}
	out[SHA256_HEX_SIZE - 1] = '\0';
}

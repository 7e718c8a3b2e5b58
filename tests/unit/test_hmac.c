/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bridge/base/hmac.h"

/*
 * Published by GitHub's documentation ("Validating webhook deliveries"); the others computed with
 * it.
 */
#define GITHUB_SECRET "It's a Secret to Everybody"
#define GITHUB_HEX    "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"

static void mac_of(const char *key, size_t key_len, const char *text,
		   unsigned char out[HMAC_SHA256_SIZE])
{
	struct error err = { .code = ERR_NONE };
	CLEANUP(hmac_key_free_at) struct hmac_key *made = hmac_key_new(key, key_len, &err);
	char *copy = strdup(text);
	const struct iovec part = { .iov_base = copy, .iov_len = strlen(text) };

	assert_non_null(made);
	assert_non_null(copy);
	assert_int_equal(hmac_sha256(made, &part, 1, out, &err), 0);
	free(copy);
}

static void has_the_known_values(void **state)
{
	static const struct {
		const char *key;
		const char *text;
		const char *hex;
	} rows[] = {
		{ GITHUB_SECRET, "Hello, World!", GITHUB_HEX },
		{ GITHUB_SECRET, "{\"zen\":\"Keep it logically awesome.\",\"hook_id\":1}",
		  "ae8951f50ab87ba47d298c0511bb1d0d80b1ee963458ccef865aa62f53c0be7f" },
		{ GITHUB_SECRET,
		  "payload=%7B%22zen%22%3A%22Keep%20it%20logically%20awesome.%22%2C%22hook_id%22%3A1%7D",
		  "efea9bde6708f9c719a7a59fb2ee9a2f2b24b30cff2c73f48d811c9d7b74dad6" },
		{ GITHUB_SECRET, "",
		  "66a0c074deaa0f489ead6537e0d32f9a344b90bbeda705b6ed45ecd3b413fb40" },
		{ GITHUB_SECRET, "{\"body\":\"\xC5\xBC\xC3\xB3\xC5\x82\xC4\x87 \xE2\x9C\x93\"}",
		  "6354321e41e3639a6df6892d4ca17a856ab0a151c107e8e6890faed723c48a5c" },
		{ GITHUB_SECRET, "Hello World!",
		  "a4771c39fbe90f317c7824e83ddef3caae9cb3d976c214ace1f2937e133263c9" },
		{ "8f742231b10e8888abcd99yyyzzz85a5",
		  "v0:1531420618:token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow"
		  "&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner"
		  "&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands"
		  "%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121."
		  "803a0bc887a14d10d2c447fce8b6703c",
		  "a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503" },
		{ "grafana-secret", "{\"status\":\"firing\"}",
		  "bf139e3403a31e4b49defad120bc97d578b44bd35af83566821426b9bb7fc97d" },
		/*
		 * RFC 2104 allows an empty key; the value is the well-known one of an empty
		 * message.
		 */
		{ "", "", "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		unsigned char mac[HMAC_SHA256_SIZE], expected[HMAC_SHA256_SIZE];
		mac_of(rows[i].key, strlen(rows[i].key), rows[i].text, mac);
		assert_true(decode_hex(rows[i].hex, 64, expected, sizeof(expected)));
		assert_true(hmac_equal(mac, expected));
		expected[31] ^= 1;
		assert_false(hmac_equal(mac, expected));
		expected[31] ^= 1;
		expected[0] ^= 0x80;
		assert_false(hmac_equal(mac, expected));
	}
}

/*
 * Standard Webhooks: a key in base64 after "whsec_", over "id.timestamp.body", the MAC in base64.
 */
static void does_what_standard_webhooks_needs(void **state)
{
	static const struct {
		const char *key;
		const char *text;
		const char *mac;
	} rows[] = {
		{ "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
		  "msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{\"test\": 2432232314}",
		  "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=" },
		{ "dGVzdHRlc3R0ZXN0dGVzdHRlc3R0ZXN0dGVzdHRlc3Q=",
		  "f5e5f430-f57b-4e6e-9fac-d9128cd7232f.1700000000.{\"object_kind\":\"note\"}",
		  "dm7G+GyB3GEwvfzlS5m4F0j+dyKvWK0OC8mJVsErgtM=" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		unsigned char key[64], mac[HMAC_SHA256_SIZE], expected[HMAC_SHA256_SIZE];
		long len = decode_base64_any(rows[i].key, strlen(rows[i].key), key, sizeof(key));
		assert_true(len > 0);
		mac_of((const char *)key, (size_t)len, rows[i].text, mac);
		assert_true(decode_base64(rows[i].mac, strlen(rows[i].mac), expected,
					  sizeof(expected)));
		assert_true(hmac_equal(mac, expected));
	}
}

static void *sign_many(void *arg)
{
	const struct hmac_key *key = arg;
	char parts_text[] = "Hello, World!";
	const struct iovec parts[] = { { parts_text, 7 },
				       { parts_text, 0 },
				       { parts_text + 7, 6 } };
	unsigned char expected[HMAC_SHA256_SIZE], mac[HMAC_SHA256_SIZE];
	struct error err;
	bool ok = decode_hex(GITHUB_HEX, 64, expected, sizeof(expected));

	for (int i = 0; ok && i < 200; i++)
		ok = hmac_sha256(key, parts, 3, mac, &err) == 0 && hmac_equal(mac, expected);
	return ok ? arg : NULL;
}

static void one_key_serves_many_threads_and_uses(void **state)
{
	struct error err = { .code = ERR_NONE };
	CLEANUP(hmac_key_free_at)
	struct hmac_key *key = hmac_key_new(GITHUB_SECRET, strlen(GITHUB_SECRET), &err);
	pthread_t threads[3];
	void *result;

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, sign_many, key), 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(pthread_join(threads[i], &result), 0);
		assert_non_null(result);
	}
	hmac_key_free(NULL);
}

static void decodes_hex_of_exactly_the_length(void **state)
{
	unsigned char lower[32], upper[32];
	char text[66];

	(void)state;
	assert_true(decode_hex(GITHUB_HEX, 64, lower, 32));
	assert_int_equal(lower[0], 0x75);
	assert_int_equal(lower[31], 0x17);
	memcpy(text, GITHUB_HEX "0", 66);
	assert_false(decode_hex(text, 63, lower, 32));
	assert_false(decode_hex(text, 65, lower, 32));
	assert_false(decode_hex(text, 0, lower, 32));
	for (size_t i = 0; i < 64; i++) {
		if (text[i] >= 'a')
			text[i] = (char)(text[i] - 'a' + 'A');
	}
	assert_true(decode_hex(text, 64, upper, 32));
	assert_memory_equal(lower, upper, 32);
	static const char bad[] = "gG/:@`. x\0\n";
	for (size_t i = 0; i < sizeof(bad) - 1; i++) {
		for (size_t at = 0; at < 64; at += 21) {
			memcpy(text, GITHUB_HEX, 64);
			text[at] = bad[i];
			assert_false(decode_hex(text, 64, upper, 32));
		}
	}
	assert_true(decode_hex("", 0, upper, 0));
}

static void decodes_base64_in_its_one_spelling(void **state)
{
	static const struct {
		const char *text;
		long len; /* -1: refused */
		const char *bytes;
	} rows[] = {
		/* RFC 4648 section 10 */
		{ "", 0, "" },
		{ "Zg==", 1, "f" },
		{ "Zm8=", 2, "fo" },
		{ "Zm9v", 3, "foo" },
		{ "Zm9vYg==", 4, "foob" },
		{ "Zm9vYmE=", 5, "fooba" },
		{ "Zm9vYmFy", 6, "foobar" },
		{ "+/+/", 3, "\xFB\xFF\xBF" },
		/*
		 * bits that would be thrown away, padding missing, misplaced or too much, other
		 * alphabets, space
		 */
		{ "Zh==", -1, NULL },
		{ "Zm9=", -1, NULL },
		{ "Zg", -1, NULL },
		{ "Zg=", -1, NULL },
		{ "Zm9vYg", -1, NULL },
		{ "Z===", -1, NULL },
		{ "====", -1, NULL },
		{ "Zg==Zg==", -1, NULL },
		{ "Zg=v", -1, NULL },
		{ "=Zm9", -1, NULL },
		{ "Zm9v=", -1, NULL },
		{ "Zm9v====", -1, NULL },
		{ "-_-_", -1, NULL },
		{ "Zm9 ", -1, NULL },
		{ " Zm9v", -1, NULL },
		{ "Zm9v\n", -1, NULL },
		{ "Zm9v\n\n\n\n", -1, NULL },
		{ "Zm9*", -1, NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		unsigned char out[16];
		long len = decode_base64_any(rows[i].text, strlen(rows[i].text), out, sizeof(out));
		if (len != rows[i].len)
			fail_msg("'%s': %ld", rows[i].text, len);
		if (len > 0)
			assert_memory_equal(out, rows[i].bytes, (size_t)len);
	}
	unsigned char small[5];
	assert_int_equal(decode_base64_any("Zm9vYmFy", 8, small, sizeof(small)), -1);
	assert_int_equal(decode_base64_any("Zm9vYmE=", 8, small, sizeof(small)), 5);
	assert_false(decode_base64("Zm9v", 4, small, 4));
	assert_false(decode_base64("Zm9v", 4, small, 2));
	assert_true(decode_base64("Zm9v", 4, small, 3));
	assert_int_equal(decode_base64_any("Zg=\0", 4, small, sizeof(small)), -1);
}

static void hashes_content(void **state)
{
	char hex[SHA256_HEX_SIZE];

	(void)state;
	/* FIPS 180-2 appendix B.1, and the empty message */
	sha256_hex("abc", 3, hex);
	assert_string_equal(hex,
			    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	sha256_hex("", 0, hex);
	assert_string_equal(hex,
			    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(has_the_known_values),
		cmocka_unit_test(does_what_standard_webhooks_needs),
		cmocka_unit_test(one_key_serves_many_threads_and_uses),
		cmocka_unit_test(decodes_hex_of_exactly_the_length),
		cmocka_unit_test(decodes_base64_in_its_one_spelling),
		cmocka_unit_test(hashes_content),
	};

	return cmocka_run_group_tests_name("hmac", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The signature schemes: published and own vectors (webhook-sources 15.1), and everything that must
 * not pass.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bridge/base/hmac.h"
#include "handlers/form.h"
#include "tests/support/handler_kit.h"

#define SECRET "It's a Secret to Everybody"
#define HELLO  "Hello, World!"
#define MAC    "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"

#define STANDARD_SECRET "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define STANDARD_ID     "msg_p5jXN8AQM9LWM0D4loKWxJek"
#define STANDARD_TIME   INT64_C(1614265330)
#define STANDARD_BODY   "{\"test\": 2432232314}"
#define STANDARD_MAC    "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
#define V1A \
	"v1a,3aPpVtUE4UGxOadVUsOPGrCOQvljbuA5nv2WgJfrOJAaz5ejKQqOYO8d3Qm0BBudOqQdACc5wlRVrLhYbQNZBw=="

static struct http_request request_of(const struct http_header *headers, size_t count,
				      const char *body)
{
	return (struct http_request){ .method = "POST",
				      .path = "/hooks/x",
				      .query = "",
				      .headers = headers,
				      .header_count = count,
				      .body = body,
				      .body_len = strlen(body),
				      .received_ms = STANDARD_TIME * 1000 };
}

static struct kit_source *open_source(const char *type, const char *json)
{
	struct error err = { 0 };
	struct kit_source *source = kit_open(type, json, &err);

	if (source == NULL)
		fail_msg("%s: %s", json, err.text);
	return source;
}

/* 0, or what was refused. */
static enum error_code verify(const struct kit_source *source, const struct http_request *request)
{
	struct error err = { 0 };

	if (source->handler->verify(source->state, request, &err) == 0)
		return ERR_NONE;
	assert_true(strlen(err.text) > 10);
	return err.code;
}

/* ---- GitHub ---- */

static enum error_code github(const struct kit_source *source, const char *signature,
			      const char *body)
{
	const struct http_header headers[] = { { "X-Hub-Signature-256", signature } };
	const struct http_request request = request_of(headers, 1, body);

	return verify(source, &request);
}

static void github_vectors(void **state)
{
	static const struct {
		const char *body, *mac;
	} rows[] = {
		{ HELLO, MAC },
		{ "{\"zen\":\"Keep it logically awesome.\",\"hook_id\":1}",
		  "ae8951f50ab87ba47d298c0511bb1d0d80b1ee963458ccef865aa62f53c0be7f" },
		{ "payload=%7B%22zen%22%3A%22Keep%20it%20logically%20awesome.%22%2C%22hook_id%22%3A1%7D",
		  "efea9bde6708f9c719a7a59fb2ee9a2f2b24b30cff2c73f48d811c9d7b74dad6" },
		{ "", "66a0c074deaa0f489ead6537e0d32f9a344b90bbeda705b6ed45ecd3b413fb40" },
		{ "{\"body\":\"żółć ✓\"}",
		  "6354321e41e3639a6df6892d4ca17a856ab0a151c107e8e6890faed723c48a5c" },
	};
	struct kit_source *source = open_source("github", "{\"secret\":[\"" SECRET "\"]}");

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char value[100];
		(void)snprintf(value, sizeof(value), "sha256=%s", rows[i].mac);
		assert_int_equal(github(source, value, rows[i].body), ERR_NONE);
		for (size_t k = 0; k < sizeof(rows) / sizeof(rows[0]); k++)
			assert_int_equal(github(source, value, rows[k].body),
					 i == k ? ERR_NONE : ERR_UNAUTHENTIC);
	}
	kit_close(source);
}

static void github_takes_no_other_form(void **state)
{
	static const char *const values[] = {
		"",
		" ",
		"sha256",
		"sha256=",
		"sha1=01dc10d0c83e72ed246219cdd91669667fe2ca59",
		"SHA256=" MAC,
		MAC,
		"sha256:" MAC,
		"sha256 =" MAC,
		"sha256= " MAC,
		"sha256=" MAC " ",
		" sha256=" MAC,
		"sha256=" MAC "0",
		"sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e1",
		"sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e1g",
		"sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e16",
		"sha256=" MAC ",sha256=" MAC,
		"sha1=01dc,sha256=" MAC,
		"sha256=01dc10d0c83e72ed246219cdd91669667fe2ca59",
		"sha512=" MAC MAC,
		"sha256=0000000000000000000000000000000000000000000000000000000000000000",
	};
	struct kit_source *source = open_source("github", "{\"secret\":[\"" SECRET "\"]}");

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		assert_int_equal(github(source, values[i], HELLO), ERR_UNAUTHENTIC);
	/* Hexadecimal digits have no case. */
	assert_int_equal(
		github(source,
		       "sha256=757107EA0EB2509FC211221CCE984B8A37570B6D7586C22C46F4379C8B043E17",
		       HELLO),
		ERR_NONE);
	assert_int_equal(github(source, "sha256=" MAC, "Hello, World"), ERR_UNAUTHENTIC);
	assert_int_equal(github(source, "sha256=" MAC, "Hello,  World!"), ERR_UNAUTHENTIC);
	kit_close(source);
}

static void github_headers_are_counted(void **state)
{
	const struct http_header sha1[] = { { "X-Hub-Signature",
					      "sha1=01dc10d0c83e72ed246219cdd91669667fe2ca59" } };
	const struct http_header twice[] = { { "X-Hub-Signature-256", "sha256=" MAC },
					     { "x-HUB-signature-256", "sha256=" MAC } };
	const struct http_header both[] = { sha1[0], twice[0] };
	struct kit_source *source = open_source("github", "{\"secret\":[\"" SECRET "\"]}");
	struct http_request request = request_of(sha1, 1, HELLO);
	struct error err = { 0 };

	(void)state;
	assert_int_equal(source->handler->verify(source->state, &request, &err), -1);
	assert_int_equal(err.code, ERR_UNAUTHENTIC);
	assert_non_null(strstr(err.text, "SHA-1"));
	request = request_of(NULL, 0, HELLO);
	assert_int_equal(source->handler->verify(source->state, &request, &err), -1);
	assert_non_null(strstr(err.text, "missing"));
	request = request_of(twice, 2, HELLO);
	assert_int_equal(verify(source, &request), ERR_UNAUTHENTIC);
	request = request_of(both, 2, HELLO);
	assert_int_equal(verify(source, &request), ERR_NONE);
	kit_close(source);
}

static void every_secret_is_tried(void **state)
{
	struct kit_source *first = open_source("github", "{\"secret\":[\"" SECRET "\",\"new\"]}");
	struct kit_source *last = open_source("github",
					      "{\"secret\":[\"a\",\"b\",\"" SECRET "\"]}");
	struct kit_source *none = open_source("github", "{\"secret\":[\"a\",\"b\"]}");

	(void)state;
	assert_int_equal(github(first, "sha256=" MAC, HELLO), ERR_NONE);
	assert_int_equal(github(last, "sha256=" MAC, HELLO), ERR_NONE);
	assert_int_equal(github(none, "sha256=" MAC, HELLO), ERR_UNAUTHENTIC);
	kit_close(first);
	kit_close(last);
	kit_close(none);
}

/* ---- Standard Webhooks ---- */

static enum error_code standard_at(const struct kit_source *source, const char *id,
				   const char *time, const char *signature, const char *body,
				   int64_t received_ms)
{
	const struct http_header headers[] = { { "webhook-id", id },
					       { "webhook-timestamp", time },
					       { "webhook-signature", signature } };
	struct http_request request = request_of(headers, 3, body);

	request.received_ms = received_ms;
	return verify(source, &request);
}

static enum error_code standard(const struct kit_source *source, const char *signature)
{
	return standard_at(source, STANDARD_ID, "1614265330", signature, STANDARD_BODY,
			   STANDARD_TIME * 1000);
}

static struct kit_source *open_standard(void)
{
	return open_source("generic",
			   "{\"verify\":\"standard-webhooks\",\"secret\":[\"" STANDARD_SECRET
			   "\"]}");
}

static void standard_vectors(void **state)
{
	struct kit_source *source = open_standard();
	struct kit_source *rotated = open_source(
		"generic",
		"{\"verify\":\"standard-webhooks\",\"secret\":"
		"[\"whsec_dGVzdHRlc3R0ZXN0dGVzdHRlc3R0ZXN0dGVzdHRlc3Q=\",\"" STANDARD_SECRET
		"\"]}");

	(void)state;
	assert_int_equal(standard(source, "v1," STANDARD_MAC), ERR_NONE);
	assert_int_equal(standard(rotated, "v1," STANDARD_MAC), ERR_NONE);
	/* GitLab's signing token is the same scheme. */
	assert_int_equal(standard_at(rotated, "f5e5f430-f57b-4e6e-9fac-d9128cd7232f", "1700000000",
				     "v1,dm7G+GyB3GEwvfzlS5m4F0j+dyKvWK0OC8mJVsErgtM=",
				     "{\"object_kind\":\"note\"}", INT64_C(1700000000000)),
			 ERR_NONE);
	kit_close(source);
	kit_close(rotated);
}

static void standard_lists(void **state)
{
	static const struct {
		const char *value;
		bool good;
	} rows[] = {
		{ "v1,bad v1," STANDARD_MAC, true },
		{ V1A " v1," STANDARD_MAC, true },
		{ "v2,xyz v1," STANDARD_MAC " v1,", true },
		{ "  v1," STANDARD_MAC "  ", true },
		{ "v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= v1," STANDARD_MAC, true },
		{ V1A, false },
		{ "v2," STANDARD_MAC, false },
		{ "v1a," STANDARD_MAC, false },
		{ "V1," STANDARD_MAC, false },
		{ "v1", false },
		{ "v1,", false },
		{ "", false },
		{ " ", false },
		{ STANDARD_MAC, false },
		{ "v1 ," STANDARD_MAC, false },
		{ "v1, " STANDARD_MAC, false },
		{ "v1,v1," STANDARD_MAC, false },
		{ "v1," STANDARD_MAC ",v1," STANDARD_MAC, false },
		{ "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE", false },
		{ "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OF=", false },
		{ "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE==", false },
		{ "v1,g0hM9SsE-OTPJTGt_tmIKtSyZlE3uFJELVlNIOLJ1OE=", false },
		{ "v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", false },
	};
	struct kit_source *source = open_standard();
	CLEANUP(strbuf_release) struct strbuf many = STRBUF(10000);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (standard(source, rows[i].value) != (rows[i].good ? ERR_NONE : ERR_UNAUTHENTIC))
			fail_msg("%s", rows[i].value);
	}
	for (int i = 0; i < 100; i++)
		strbuf_adds(&many, "v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= ");
	assert_int_equal(standard(source, strbuf_str(&many)), ERR_UNAUTHENTIC);
	kit_close(source);
}

static void standard_times(void **state)
{
	static const char *const bad[] = { "",
					   " ",
					   "x",
					   "-1614265330",
					   "+1614265330",
					   "1614265330.0",
					   "1614265330 ",
					   "0x60380672",
					   "16142653300000000000",
					   "1614265330000",
					   "1614265330x",
					   "1e9",
					   "01614265330000" };
	static const int64_t off_s[] = { 0, 299, 300, -299, -300, 301, -301, 86400, -86400 };
	struct kit_source *source = open_standard();

	(void)state;
	for (size_t i = 0; i < sizeof(off_s) / sizeof(off_s[0]); i++) {
		bool good = off_s[i] >= -300 && off_s[i] <= 300;
		assert_int_equal(standard_at(source, STANDARD_ID, "1614265330", "v1," STANDARD_MAC,
					     STANDARD_BODY, (STANDARD_TIME + off_s[i]) * 1000),
				 good ? ERR_NONE : ERR_UNAUTHENTIC);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(standard_at(source, STANDARD_ID, bad[i], "v1," STANDARD_MAC,
					     STANDARD_BODY, STANDARD_TIME * 1000),
				 ERR_UNAUTHENTIC);
	kit_close(source);
}

/* A MAC that is right for the whole, but whose id makes it ambiguous what the whole is. */
static void standard_ids(void **state)
{
	static const char *const ids[] = {
		"msg_1", "msg.1", "", "a b", ".", "id\x7F"
	}; /* only the first is good */
	struct kit_source *source = open_standard();
	unsigned char key[24], mac[HMAC_SHA256_SIZE];

	(void)state;
	assert_true(decode_base64(&STANDARD_SECRET[6], 32, key, sizeof(key)));
	struct hmac_key *hmac = hmac_key_new(key, sizeof(key), NULL);
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		char text[200], value[100] = "v1,";
		(void)snprintf(text, sizeof(text), "%s.1614265330.%s", ids[i], STANDARD_BODY);
		const struct iovec part = { text, strlen(text) };
		assert_int_equal(hmac_sha256(hmac, &part, 1, mac, NULL), 0);
		static const char digits[] =
			"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
		char *out = value + 3;
		for (size_t at = 0; at < 33; at += 3) {
			unsigned bits = (unsigned)mac[at] << 16 | (unsigned)mac[at + 1] << 8 |
				(at + 2 < 32 ? (unsigned)mac[at + 2] : 0U);
			for (int shift = 18; shift >= 0; shift -= 6)
				*out++ = digits[(bits >> shift) & 63U];
		}
		out[-1] = '=';
		assert_int_equal(standard_at(source, ids[i], "1614265330", value, STANDARD_BODY,
					     STANDARD_TIME * 1000),
				 i == 0 ? ERR_NONE : ERR_UNAUTHENTIC);
	}
	hmac_key_free(hmac);
	kit_close(source);
}

static void standard_names_do_not_mix(void **state)
{
	const struct http_header svix[] = { { "svix-id", STANDARD_ID },
					    { "svix-timestamp", "1614265330" },
					    { "svix-signature", "v1," STANDARD_MAC } };
	const struct http_header mixed[] = { { "webhook-id", STANDARD_ID }, svix[1], svix[2] };
	const struct http_header twice[] = { svix[0], svix[0], svix[1], svix[2] };
	struct kit_source *source = open_standard();
	struct http_request request = request_of(svix, 3, STANDARD_BODY);

	(void)state;
	assert_int_equal(verify(source, &request), ERR_NONE);
	request = request_of(mixed, 3, STANDARD_BODY);
	assert_int_equal(verify(source, &request), ERR_UNAUTHENTIC);
	request = request_of(twice, 4, STANDARD_BODY);
	assert_int_equal(verify(source, &request), ERR_UNAUTHENTIC);
	for (size_t drop = 0; drop < 3; drop++) {
		struct http_header two[2];
		for (size_t i = 0, n = 0; i < 3; i++) {
			if (i != drop)
				two[n++] = svix[i];
		}
		request = request_of(two, 2, STANDARD_BODY);
		assert_int_equal(verify(source, &request), ERR_UNAUTHENTIC);
	}
	kit_close(source);
}

/* ---- Authorization ---- */

static enum error_code authorization(const struct kit_source *source, const char *value)
{
	const struct http_header headers[] = { { "authorization", value } };
	const struct http_request request = request_of(headers, 1, "{}");

	return verify(source, &request);
}

static void bearer(void **state)
{
	static const char *const bad[] = { "",
					   "Bearer",
					   "Bearer ",
					   "Bearer toke",
					   "Bearer token2",
					   "Bearer Token",
					   "token",
					   "Basic token",
					   "Bearertoken",
					   "Bearer token ",
					   "Bearer\ttoken",
					   "Bearer token token" };
	struct kit_source *source = open_source(
		"generic", "{\"verify\":\"bearer\",\"token\":[\"old\",\"token\"]}");

	(void)state;
	assert_int_equal(authorization(source, "Bearer token"), ERR_NONE);
	assert_int_equal(authorization(source, "bearer  old"), ERR_NONE);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(authorization(source, bad[i]), ERR_UNAUTHENTIC);
	kit_close(source);
}

static void basic(void **state)
{
	/* RFC 7617's own example. */
	static const char *const bad[] = { "Basic",
					   "Basic ",
					   "Basic QWxhZGRpbg==",
					   "Bearer QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
					   "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ",
					   "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ== ",
					   "Basic Aladdin:open sesame",
					   "Basic QWxhZGRpbjo=",
					   "Basic !!!!" };
	struct kit_source *source = open_source(
		"generic",
		"{\"verify\":\"basic\",\"username\":\"Aladdin\",\"password\":\"open sesame\"}");
	CLEANUP(strbuf_release) struct strbuf large = STRBUF(100000);

	(void)state;
	assert_int_equal(authorization(source, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="), ERR_NONE);
	assert_int_equal(authorization(source, "BASIC QWxhZGRpbjpvcGVuIHNlc2FtZQ=="), ERR_NONE);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(authorization(source, bad[i]), ERR_UNAUTHENTIC);
	strbuf_adds(&large, "Basic ");
	for (int i = 0; i < 8000; i++)
		strbuf_adds(&large, "QWxh");
	assert_int_equal(authorization(source, strbuf_str(&large)), ERR_UNAUTHENTIC);
	kit_close(source);
}

/* ---- settings that cannot work ---- */

static void bad_settings_are_refused(void **state)
{
	static const struct {
		const char *json, *word;
	} rows[] = {
		{ "{\"verify\":\"unset\"}", "verify: none" },
		{ "{\"verify\":\"hmac-sha256\",\"header\":\"X-Sig\"}", "secret" },
		{ "{\"verify\":\"hmac-sha256\",\"header\":\"X-Sig\",\"secret\":[\"a\",\"\"]}",
		  "secret 2 is empty" },
		{ "{\"verify\":\"hmac-sha256\",\"secret\":[\"s3cr3t\"]}", "header" },
		{ "{\"verify\":\"hmac-sha256\",\"header\":\"X Sig\",\"secret\":[\"s3cr3t\"]}",
		  "header" },
		{ "{\"verify\":\"hmac-sha256\",\"header\":\"X-Sig:\",\"secret\":[\"s3cr3t\"]}",
		  "header" },
		{ "{\"verify\":\"bearer\"}", "token" },
		{ "{\"verify\":\"bearer\",\"token\":[\"s3cr3t \"]}", "token 1" },
		{ "{\"verify\":\"bearer\",\"token\":[\"\"]}", "token 1" },
		{ "{\"verify\":\"basic\",\"username\":\"a\"}", "password" },
		{ "{\"verify\":\"basic\",\"username\":\"a:b\",\"password\":\"s3cr3t\"}", "colon" },
		{ "{\"verify\":\"standard-webhooks\"}", "secret" },
		{ "{\"verify\":\"standard-webhooks\",\"secret\":[\"s3cr3t\"]}", "whsec_" },
		{ "{\"verify\":\"standard-webhooks\",\"secret\":[\"whsec_\"]}", "whsec_" },
		{ "{\"verify\":\"standard-webhooks\",\"secret\":[\"MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"]}",
		  "whsec_" },
		/* 23 and 65 bytes */
		{ "{\"verify\":\"standard-webhooks\",\"secret\":[\"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaQ=\"]}",
		  "24 to 64" },
		{ "{\"verify\":\"standard-webhooks\",\"secret\":[\"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYqrTwjUPD8I"
		  "LPZIo2LaLaSwMfKQ9r8GKYqrTwjUPD8ILPZIo2L=\"]}",
		  "24 to 64" },
		{ "{\"verify\":\"standard-webhooks\",\"secret\":[\"whsk_nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=\"]}",
		  "whsec_" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct error err = { 0 };
		if (kit_open("generic", rows[i].json, &err) != NULL)
			fail_msg("taken: %s", rows[i].json);
		assert_int_equal(err.code, ERR_CONFIG);
		if (strstr(err.text, rows[i].word) == NULL || strstr(err.text, "s3cr3t") != NULL)
			fail_msg("%s: %s", rows[i].json, err.text);
	}
	struct error err = { 0 };
	assert_null(kit_open("github", "{\"secret\":[]}", &err));
	assert_int_equal(err.code, ERR_CONFIG);
}

/* ---- forms ---- */

static int form(const char *text, struct strbuf *out)
{
	return form_value(text, strlen(text), "payload", out, NULL);
}

static void forms_are_read_strictly(void **state)
{
	static const struct {
		const char *form, *value; /* NULL: refused */
	} rows[] = {
		{ "payload=a", "a" },
		{ "payload=", "" },
		{ "payload", "" },
		{ "payload=a+b%2Bc", "a b+c" },
		{ "payload=%C5%BC%f3", "ż\xF3" },
		{ "a=1&payload=x&b", "x" },
		{ "payload=a=b", "a=b" },
		{ "%70ayload=x", "x" },
		{ "payload2=y&payload=x", "x" },
		{ "&&payload=x&", "x" },
		{ "payload=x&payload=y", NULL },
		{ "payload=x&%70ayload=y", NULL },
		{ "payload=%", NULL },
		{ "payload=%4", NULL },
		{ "payload=%4g", NULL },
		{ "payload=% 41", NULL },
		{ "payload=a b", NULL },
		{ "payload=\xC5\xBC", NULL },
		{ "payload=a\nb", NULL },
		{ "", NULL },
		{ "Payload=x", NULL },
		{ "other=x", NULL },
		{ "payload =x", NULL },
		{ "%zz=1&payload=x", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		CLEANUP(strbuf_release) struct strbuf out = STRBUF(1000);
		if (form(rows[i].form, &out) != (rows[i].value != NULL ? 0 : -1))
			fail_msg("%s", rows[i].form);
		if (rows[i].value != NULL)
			assert_string_equal(strbuf_str(&out), rows[i].value);
	}
	CLEANUP(strbuf_release) struct strbuf small = STRBUF(3);
	struct error err = { 0 };
	assert_int_equal(form_value("payload=abcd", 12, "payload", &small, &err), -1);
	assert_int_equal(err.code, ERR_TOO_LARGE);
	CLEANUP(strbuf_release) struct strbuf nul = STRBUF(10);
	assert_int_equal(form_value("payload=a%00b", 13, "payload", &nul, &err), 0);
	assert_int_equal(nul.len, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(github_vectors),
		cmocka_unit_test(github_takes_no_other_form),
		cmocka_unit_test(github_headers_are_counted),
		cmocka_unit_test(every_secret_is_tried),
		cmocka_unit_test(standard_vectors),
		cmocka_unit_test(standard_lists),
		cmocka_unit_test(standard_times),
		cmocka_unit_test(standard_ids),
		cmocka_unit_test(standard_names_do_not_mix),
		cmocka_unit_test(bearer),
		cmocka_unit_test(basic),
		cmocka_unit_test(bad_settings_are_refused),
		cmocka_unit_test(forms_are_read_strictly),
	};

	return cmocka_run_group_tests_name("verify", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "handlers/form.h"

#include <string.h>

#include "bridge/base/hmac.h"

#define FIELD_NAME_MAX 256

static int decode(const char *text, size_t len, struct strbuf *out, struct error *err)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char byte = (unsigned char)text[i];
		if (byte <= 0x20U || byte >= 0x7FU)
			return error_set(err, ERR_INVALID,
					 "the form holds a byte that should be percent-encoded");
		if (byte == '+') {
			byte = ' ';
		} else if (byte == '%') {
			if (len - i < 3 || !decode_hex(text + i + 1, 2, &byte, 1))
				return error_set(err, ERR_INVALID,
						 "the form has a malformed percent-encoding");
			i += 2;
		}
		strbuf_addc(out, (char)byte);
	}
	return 0;
}

/* Is this encoded name the one we look for? A longer one cannot be, whatever it decodes to. */
static int name_matches(const char *text, size_t len, const char *name, bool *ret,
			struct error *err)
{
	CLEANUP(strbuf_release) struct strbuf decoded = STRBUF(FIELD_NAME_MAX);

	if (decode(text, len, &decoded, err) < 0)
		return -1;
	*ret = !strbuf_failed(&decoded) && decoded.len == strlen(name) &&
		memcmp(strbuf_str(&decoded), name, decoded.len) == 0;
	return 0;
}

int form_value(const char *form, size_t len, const char *name, struct strbuf *out,
	       struct error *err)
{
	bool found = false;

	for (size_t at = 0; at < len;) {
		const char *field = form + at;
		const char *end = memchr(field, '&', len - at);
		size_t size = end != NULL ? (size_t)(end - field) : len - at;
		const char *equals = memchr(field, '=', size);
		size_t name_len = equals != NULL ? (size_t)(equals - field) : size;
		size_t value_at = equals != NULL ? name_len + 1 : size;
		bool wanted = false;
		at += size + 1;
		if (name_matches(field, name_len, name, &wanted, err) < 0)
			return -1;
		if (wanted && found)
			return error_set(err, ERR_INVALID, "the form has more than one field %s",
					 name);
		if (wanted && decode(field + value_at, size - value_at, out, err) < 0)
			return -1;
		found = found || wanted;
	}
	if (!found)
		return error_set(err, ERR_INVALID, "the form has no field %s", name);
	if (strbuf_failed(out))
		return error_set(err, ERR_TOO_LARGE, "the form's field %s is too large", name);
	return 0;
}

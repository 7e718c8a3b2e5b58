/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/base/address.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

struct network {
	int family;
	unsigned char bytes[16];
	int bits;
};

static bool parse_address(const char *text, struct network *ret)
{
	if (inet_pton(AF_INET, text, ret->bytes) == 1) {
		ret->family = AF_INET;
		ret->bits = 32;
		return true;
	}
	ret->family = AF_INET6;
	ret->bits = 128;
	return inet_pton(AF_INET6, text, ret->bytes) == 1;
}

static bool parse_rule(const char *rule, struct network *ret)
{
	char text[INET6_ADDRSTRLEN];
	size_t len = strcspn(rule, "/");
	char *end;

	if (len >= sizeof(text))
		return false;
	memcpy(text, rule, len);
	text[len] = '\0';
	if (!parse_address(text, ret))
		return false;
	if (rule[len] == '\0')
		return true;
	if (rule[len + 1] < '0' || rule[len + 1] > '9')
		return false;
	long bits = strtol(rule + len + 1, &end, 10);
	if (*end != '\0' || bits > ret->bits)
		return false;
	ret->bits = (int)bits;
	return true;
}

bool address_rule_valid(const char *rule)
{
	struct network network;

	return parse_rule(rule, &network);
}

bool address_matches(const char *address, const char *rule)
{
	struct network one, all;

	if (!parse_address(address, &one) || !parse_rule(rule, &all) || one.family != all.family)
		return false;
	int bytes = all.bits / 8, rest = all.bits % 8;
	if (memcmp(one.bytes, all.bytes, (size_t)bytes) != 0)
		return false;
	return rest == 0 || ((one.bytes[bytes] ^ all.bytes[bytes]) >> (8 - rest)) == 0;
}

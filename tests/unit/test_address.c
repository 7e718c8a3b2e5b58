/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bridge/base/address.h"

static void knows_a_rule(void **state)
{
	static const char *const good[] = {
		"10.0.0.1", "10.0.0.0/8", "0.0.0.0/0", "255.255.255.255/32", "10.1.2.3/8", "1.2.3.4/31",
		"::1", "::/0", "2001:db8::/32", "fe80::1/128", "::ffff:10.0.0.0/104",
		"ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255/128",
	};
	static const char *const bad[] = {
		"", "/", "/8", "10.0.0.1/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0.0/ 8", "10.0.0.0/8 ",
		"10.0.0.0/8/8", "10.0.0.0/8x", "10.0.0.0/0x8", "10.0.0.0/99999999999999999999", "10.0.0", "10.0.0.0.0",
		"10.0.0.256", " 10.0.0.1", "10.0.0.1 ", "10.0.0.01x", "localhost", "::/129", "::1/", ":::1", "[::1]",
		"[::1]/128", "fe80::1%eth0", "fe80::1%eth0/64", "1.2.3.4:80", "10.0.0.0\\8", "g::1",
		"1111:2222:3333:4444:5555:6666:7777:8888:9999",
		"00000000000000000000000000000000000000000000000000000000000000000010.0.0.1/8",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		if (!address_rule_valid(good[i]))
			fail_msg("refused: %s", good[i]);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (address_rule_valid(bad[i]))
			fail_msg("taken: %s", bad[i]);
		if (address_matches("10.0.0.1", bad[i]) || address_matches("::1", bad[i]))
			fail_msg("matches: %s", bad[i]);
	}
}

static void matches(void **state)
{
	static const struct {
		const char *address, *rule;
		bool match;
	} rows[] = {
		{ "10.0.0.1", "10.0.0.1", true },
		{ "10.0.0.1", "10.0.0.2", false },
		{ "10.0.0.1", "10.0.0.1/32", true },
		{ "10.255.255.255", "10.0.0.0/8", true },
		{ "11.0.0.0", "10.0.0.0/8", false },
		{ "9.255.255.255", "10.0.0.0/8", false },
		{ "10.1.2.3", "10.9.9.9/8", true }, /* host bits of the rule do not count */
		{ "172.16.0.0", "172.16.0.0/12", true },
		{ "172.31.255.255", "172.16.0.0/12", true },
		{ "172.32.0.0", "172.16.0.0/12", false },
		{ "172.15.255.255", "172.16.0.0/12", false },
		{ "192.168.1.2", "192.168.1.2/31", true },
		{ "192.168.1.3", "192.168.1.2/31", true },
		{ "192.168.1.4", "192.168.1.2/31", false },
		{ "128.0.0.0", "255.0.0.0/1", true },
		{ "127.255.255.255", "255.0.0.0/1", false },
		{ "1.2.3.4", "0.0.0.0/0", true },
		{ "::1", "0.0.0.0/0", false },
		{ "1.2.3.4", "::/0", false },
		{ "::1", "::/0", true },
		{ "::1", "::1", true },
		{ "::1", "0:0:0:0:0:0:0:1", true },
		{ "2001:DB8::1", "2001:db8::/32", true },
		{ "2001:db9::1", "2001:db8::/32", false },
		{ "2001:db8:ffff::", "2001:db8::/33", false },
		{ "2001:db8:7fff::", "2001:db8::/33", true },
		{ "::2", "::3/127", true },
		{ "::4", "::3/127", false },
		{ "::ffff:10.1.2.3", "::ffff:10.0.0.0/104", true },
		{ "", "0.0.0.0/0", false },
		{ "10.0.0.1/8", "10.0.0.0/8", false },
		{ "nonsense", "::/0", false },
		{ "10.0.0.1 ", "10.0.0.0/8", false },
		{ "fe80::1%lo", "::/0", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (address_matches(rows[i].address, rows[i].rule) != rows[i].match)
			fail_msg("%s in %s", rows[i].address, rows[i].rule);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(knows_a_rule),
		cmocka_unit_test(matches),
	};

	return cmocka_run_group_tests_name("address", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Network addresses as text. Pure; any thread. */
#ifndef BRIDGE_BASE_ADDRESS_H
#define BRIDGE_BASE_ADDRESS_H

#include <stdbool.h>

/* Whether rule is "address" or "address/bits" (IPv4 or IPv6), as address_matches understands it. */
bool address_rule_valid(const char *rule);

/* Whether a numeric address lies within the rule. Anything malformed does not match. */
bool address_matches(const char *address, const char *rule);

#endif

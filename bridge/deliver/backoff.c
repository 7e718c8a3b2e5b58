/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/deliver/backoff.h"

#include <sys/random.h>

int64_t backoff_ceiling_ms(int attempt, int64_t first_ms, int64_t max_ms)
{
	int64_t ceiling = first_ms;

	for (int i = 1; i < attempt && ceiling < max_ms; i++)
		ceiling = ceiling > max_ms / 2 ? max_ms : ceiling * 2;
	return ceiling < max_ms ? ceiling : max_ms;
}

int64_t backoff_ms(int attempt, int64_t first_ms, int64_t max_ms)
{
	uint64_t random = 0;
	int64_t ceiling = backoff_ceiling_ms(attempt, first_ms, max_ms);

	if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random) || ceiling <= 0)
		return ceiling;
	return (int64_t)(random % ((uint64_t)ceiling + 1));
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Eight bytes of "now", eight of the maximum, and the header's value. The wait must be -1 or within
 * its bounds, and a smaller maximum must do nothing but cut.
 */
#include <stdlib.h>
#include <string.h>

#include "bridge/model/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int64_t now_ms, max_ms;

	if (size < sizeof(now_ms) + sizeof(max_ms))
		return 0;
	memcpy(&now_ms, data, sizeof(now_ms));
	memcpy(&max_ms, data + sizeof(now_ms), sizeof(max_ms));
	data += sizeof(now_ms) + sizeof(max_ms);
	size -= sizeof(now_ms) + sizeof(max_ms);
	char *value = malloc(size + 1);
	if (value == NULL)
		return 0;
	if (size > 0)
		memcpy(value, data, size);
	value[size] = '\0';

	int64_t most = max_ms > 0 ? max_ms : 0;
	int64_t wait = http_retry_after_ms(value, now_ms, max_ms);
	int64_t unbounded = http_retry_after_ms(value, now_ms, INT64_MAX);
	free(value);
	if (wait < -1 || wait > most || (wait == -1) != (unbounded == -1))
		abort();
	if (wait >= 0 && wait != (unbounded < most ? unbounded : most))
		abort();
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* "did you mean": edit distance with swapped neighbours (optimal string alignment). */
#include <string.h>

#include "config/reader.h"

#define MAX_WORD 64

static size_t smallest(size_t a, size_t b, size_t c)
{
	size_t least = a < b ? a : b;

	return least < c ? least : c;
}

static size_t distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
	size_t rows[3][MAX_WORD + 1];
	size_t *before = rows[0], *last = rows[1], *row = rows[2];

	memset(rows, 0, sizeof(rows));
	for (size_t j = 0; j <= b_len; j++)
		last[j] = j;
	for (size_t i = 1; i <= a_len; i++) {
		row[0] = i;
		for (size_t j = 1; j <= b_len; j++) {
			size_t change = last[j - 1] + (a[i - 1] != b[j - 1]);
			row[j] = smallest(last[j] + 1, row[j - 1] + 1, change);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    before[j - 2] + 1 < row[j])
				row[j] = before[j - 2] + 1;
		}
		size_t *oldest = before;
		before = last;
		last = row;
		row = oldest;
	}
	return last[b_len];
}

const char *suggest_nearest(const char *text, const char *const *candidates)
{
	size_t len = strlen(text);
	size_t best = len <= 3 ? 2 : len <= 7 ? 3 : 4; /* first distance that is too far */
	const char *nearest = NULL;

	if (len == 0 || len > MAX_WORD)
		return NULL;
	for (size_t i = 0; candidates[i] != NULL; i++) {
		size_t other = strlen(candidates[i]);
		if (other > MAX_WORD)
			continue;
		size_t far = distance(text, len, candidates[i], other);
		if (far < best && far < other) {
			best = far;
			nearest = candidates[i];
		}
	}
	return nearest;
}

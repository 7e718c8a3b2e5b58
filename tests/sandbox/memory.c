/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sandbox/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *or_abort(void *memory)
{
	if (memory == NULL) {
		fputs("nairi-sandbox: out of memory\n", stderr);
		abort();
	}
	return memory;
}

void *memory_new(size_t count, size_t size)
{
	return or_abort(calloc(count > 0 ? count : 1, size));
}

void *memory_grow(void *old, size_t count, size_t size)
{
	return or_abort(reallocarray(old, count > 0 ? count : 1, size));
}

void *memory_more(void *old, size_t count, size_t size)
{
	/* The capacity is the next power of two, so it changes only when the count is one. */
	if (count > 0 && (count & (count - 1)) != 0)
		return old;
	return memory_grow(old, count > 0 ? count * 2 : 1, size);
}

char *memory_copy(const char *string)
{
	return string != NULL ? memory_copy_n(string, strlen(string)) : NULL;
}

char *memory_copy_n(const char *bytes, size_t length)
{
	char *copy = or_abort(malloc(length + 1));

	if (length > 0)
		memcpy(copy, bytes, length);
	copy[length] = '\0';
	return copy;
}

void memory_drop(char **string)
{
	free(*string);
	*string = NULL;
}

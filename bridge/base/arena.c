/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/base/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#define ARENA_POISONS 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_POISONS 1
#endif
#endif

#ifdef ARENA_POISONS
#include <sanitizer/asan_interface.h>
#define POISON(at, len)	  __asan_poison_memory_region((at), (len))
#define UNPOISON(at, len) __asan_unpoison_memory_region((at), (len))
#else
#define POISON(at, len)	  ((void)(at), (void)(len))
#define UNPOISON(at, len) ((void)(at), (void)(len))
#endif

#define ALIGNMENT   _Alignof(max_align_t)
#define FIRST_CHUNK ((size_t)4096)
#define LAST_CHUNK  ((size_t)65536)

struct chunk {
	struct chunk *next;
	size_t size; /* of bytes[] */
	_Alignas(max_align_t) unsigned char bytes[];
};

struct arena {
	struct chunk *chunks; /* the newest first; only that one has free bytes worth looking at */
	size_t used;	      /* of the newest */
	size_t given;	      /* in all, rounded up to the alignment */
	size_t max;
	bool failed;
};

struct arena *arena_new(size_t max)
{
	struct arena *arena = calloc(1, sizeof(*arena));

	if (arena != NULL)
		arena->max = max;
	return arena;
}

void arena_free(struct arena *arena)
{
	if (arena == NULL)
		return;
	for (struct chunk *chunk = arena->chunks, *next; chunk != NULL; chunk = next) {
		next = chunk->next;
		UNPOISON(chunk->bytes, chunk->size);
		free(chunk);
	}
	free(arena);
}

bool arena_failed(const struct arena *arena)
{
	return arena->failed;
}

/* Chunks double, so that a small delivery takes one page and a large one few calls of malloc. */
static bool add_chunk(struct arena *arena, size_t need)
{
	size_t size = arena->chunks == NULL ? FIRST_CHUNK : arena->chunks->size * 2;

	if (size > LAST_CHUNK)
		size = LAST_CHUNK;
	if (size < need)
		size = need;
	if (size > SIZE_MAX - sizeof(struct chunk))
		return false;
	struct chunk *chunk = calloc(1, sizeof(*chunk) + size);
	if (chunk == NULL)
		return false;
	chunk->next = arena->chunks;
	chunk->size = size;
	POISON(chunk->bytes, size);
	arena->chunks = chunk;
	arena->used = 0;
	return true;
}

void *arena_alloc(struct arena *arena, size_t size)
{
	/*
	 * A request for nothing still gets an address of its own; one beyond max would wrap when
	 * rounded.
	 */
	size_t want = size == 0 ? 1 : size;

	if (want > arena->max) {
		arena->failed = true;
		return NULL;
	}
	size_t step = (want + ALIGNMENT - 1) & ~(ALIGNMENT - 1);
	bool fits = step >= want && step <= arena->max - arena->given;
	bool room = arena->chunks != NULL && step <= arena->chunks->size - arena->used;
	if (!fits || (!room && !add_chunk(arena, step))) {
		arena->failed = true;
		return NULL;
	}
	unsigned char *at = arena->chunks->bytes + arena->used;
	arena->used += step;
	arena->given += step;
	UNPOISON(at, want);
	return at;
}

char *arena_strdup(struct arena *arena, const char *text)
{
	return text == NULL ? NULL : arena_strndup(arena, text, strlen(text));
}

char *arena_strndup(struct arena *arena, const char *text, size_t len)
{
	if (text == NULL)
		return NULL;
	if (len == SIZE_MAX) {
		arena->failed = true;
		return NULL;
	}
	char *copy = arena_alloc(arena, len + 1);
	if (copy != NULL)
		memcpy(copy, text, len);
	return copy;
}

char *arena_printf(struct arena *arena, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	int len = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	if (len < 0) {
		arena->failed = true;
		return NULL;
	}
	char *text = arena_alloc(arena, (size_t)len + 1);
	if (text == NULL)
		return NULL;
	va_start(args, fmt);
	(void)vsnprintf(text, (size_t)len + 1, fmt, args);
	va_end(args);
	return text;
}

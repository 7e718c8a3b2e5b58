/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANDBOX_MEMORY_H
#define SANDBOX_MEMORY_H

#include <stddef.h>

/*
 * Memory that is there or the program ends: a test stand-in has nothing sensible to do
 * without memory, and a loud end is better than a strange answer.
 * Any thread may call; what is returned is freed with free().
 */

#define CLEANUP(function) __attribute__((cleanup(function)))

/* Zeroed memory for `count` items of `size` bytes. */
void *memory_new(size_t count, size_t size);

/* Like realloc() for `count` items; the new part is not zeroed. */
void *memory_grow(void *old, size_t count, size_t size);

/* Room for one more item in an array of `count` that was only ever grown by this. */
void *memory_more(void *old, size_t count, size_t size);

/* A copy of a string; NULL gives NULL. */
char *memory_copy(const char *string);

/* A NUL-terminated copy of `length` bytes. */
char *memory_copy_n(const char *bytes, size_t length);

/* For CLEANUP(memory_drop) on a `char *`. */
void memory_drop(char **string);

#endif

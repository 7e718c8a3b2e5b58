/* SPDX-License-Identifier: Apache-2.0 */
/* Scope-bound cleanup: early return is the normal style, ownership leaves through TAKE. */
#ifndef BRIDGE_BASE_CLEANUP_H
#define BRIDGE_BASE_CLEANUP_H

#include <stdlib.h>
#include <unistd.h>

/* CLEANUP(fn): calls fn(&variable) when the variable leaves its scope, on every path. */
#define CLEANUP(fn) __attribute__((cleanup(fn)))

/* TAKE(p): yields p and leaves NULL behind, so that the cleanup of p has nothing to do. */
#define TAKE(p)                                  \
	__extension__({                          \
		__typeof__(p) take_value_ = (p); \
		(p) = NULL;                      \
		take_value_;                     \
	})

/* DEFINE_CLEANUP(type, free_fn): defines free_fn##_at(type **), for CLEANUP(free_fn##_at). */
#define DEFINE_CLEANUP(type, free_fn)                    \
	static inline void free_fn##_at(type **value)    \
	{                                                \
		if (*value != NULL)                      \
			free_fn(*value);                 \
	}                                                \
	struct cleanup_needs_a_semicolon_

static inline void cleanup_free(void *pointer)
{
	free(*(void **)pointer);
}

static inline void cleanup_close(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

#define MUST_CHECK   __attribute__((warn_unused_result))
#define PRINTF(f, a) __attribute__((format(printf, f, a)))

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANDBOX_MULTIPART_H
#define SANDBOX_MULTIPART_H

#include <stddef.h>

/* One part of a multipart/form-data body (RFC 7578). `data` points into the body. */
struct multipart {
	const char *data;
	size_t length;
	char *filename; /* to free(); NULL if the part names none */
};

/*
 * Finds the part called `name` in a body of this Content-Type. 0 and *ret_part; -1 if the type
 * is not multipart/form-data with a boundary, or there is no such part, or it has no end.
 */
int multipart_find(const char *content_type, const char *body, size_t length, const char *name,
		   struct multipart *ret_part);

#endif

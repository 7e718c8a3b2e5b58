/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Jobs that a walk went past, since their lists could not be read: to be looked at again, the one that waits longest
 * first (discover.c). A plain value, and its form in the store's notes. Any thread.
 */
#ifndef BRIDGE_DELIVER_POSTPONED_H
#define BRIDGE_DELIVER_POSTPONED_H

#include "bridge/base/strbuf.h"
#include "bridge/model/message.h"

#define POSTPONED_MAX      256
#define POSTPONED_TEXT_MAX (POSTPONED_MAX * (JOB_ID_MAX + 24)) /* of postponed_write */

struct postponed_job {
	char id[JOB_ID_MAX + 2];
	int64_t updated_ms; /* wall: when it had last changed */
};

/* In order: the next one first. Zeroed: none. */
struct postponed {
	struct postponed_job jobs[POSTPONED_MAX];
	size_t count;
};

/* What postponed_write wrote; anything else in it is left out. */
void postponed_read(struct postponed *postponed, const char *text);
/* "ID TIME ID TIME …", at most POSTPONED_TEXT_MAX bytes. */
void postponed_write(const struct postponed *postponed, struct strbuf *out);

bool postponed_has(const struct postponed *postponed, const char *id);
bool postponed_remove(struct postponed *postponed, const char *id); /* false: it was not there */
/* Behind all others, also when it was there before. False, and nothing changes: there is no room, or no such id. */
bool postponed_add(struct postponed *postponed, const char *id, int64_t updated_ms);

#endif

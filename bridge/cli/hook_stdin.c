/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/cli/hook_stdin.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "bridge/base/clock.h"

#define BRANCH "refs/heads/"
#define LINE_MAX_BYTES (2 * HOOK_ID_SIZE + HOOK_REF_MAX)

struct line {
	char bytes[LINE_MAX_BYTES];
	size_t len;
	bool too_long;
};

static bool is_id(const char *text)
{
	return strspn(text, "0123456789abcdef") == HOOK_ID_SIZE - 1;
}

/* One line without its end. Everything that is not exactly Git's form is garbage. */
static void take_line(struct hook_refs *refs, struct line *line)
{
	const size_t name_at = 2 * (size_t)HOOK_ID_SIZE;
	const char *bytes = line->bytes;
	bool good = !line->too_long && line->len > name_at && memchr(bytes, '\0', line->len) == NULL;

	line->bytes[line->len < sizeof(line->bytes) ? line->len : sizeof(line->bytes) - 1] = '\0';
	good = good && is_id(bytes) && bytes[HOOK_ID_SIZE - 1] == ' ' && is_id(bytes + HOOK_ID_SIZE) &&
	       bytes[name_at - 1] == ' ' && strncmp(bytes + name_at, "refs/", 5) == 0;
	if (!good) {
		refs->garbage++;
	} else if (strncmp(bytes + name_at, BRANCH, strlen(BRANCH)) == 0) {
		if (refs->count == HOOK_REFS_MAX) {
			refs->beyond++;
		} else {
			struct hook_ref *ref = &refs->items[refs->count++];
			memcpy(ref->old, bytes, HOOK_ID_SIZE - 1);
			memcpy(ref->new, bytes + HOOK_ID_SIZE, HOOK_ID_SIZE - 1);
			memcpy(ref->name, bytes + name_at, line->len - name_at);
		}
	}
	line->len = 0;
	line->too_long = false;
}

static void take_bytes(struct hook_refs *refs, struct line *line, const char *bytes, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (bytes[i] == '\n')
			take_line(refs, line);
		else if (line->len < sizeof(line->bytes) - 1)
			line->bytes[line->len++] = bytes[i];
		else
			line->too_long = true;
	}
}

/* Read to the end even when nothing more is kept: Git may still be writing. */
void hook_stdin_read(int fd, int64_t deadline_ms, struct hook_refs *ret)
{
	struct pollfd input = { .fd = fd, .events = POLLIN };
	struct line line = { .len = 0 };
	char chunk[4096];

	*ret = (struct hook_refs){ .count = 0 };
	for (;;) {
		int64_t left = deadline_ms - clock_mono_ms();
		if (left <= 0) {
			ret->late = true;
			return;
		}
		int ready = poll(&input, 1, (int)left);
		if (ready == 0 || (ready < 0 && errno == EINTR))
			continue;
		ssize_t got = ready < 0 ? -1 : read(fd, chunk, sizeof(chunk));
		if (got < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (got <= 0)
			break;
		take_bytes(ret, &line, chunk, (size_t)got);
	}
	if (line.len > 0)
		take_line(ret, &line);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* A list of messages, whatever the API may send: read, asked for every turn that may be in it, and as a list of conversations. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/deliver/transcript.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds, const char *what)
{
	if (holds)
		return;
	(void)fprintf(stderr, "does not hold: %s\n", what);
	abort();
}

static void check_turns(const struct transcript *transcript)
{
	static const char *const ids[] = { "A", "B", "C", "D", "" };

	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		struct turn_sight sight;
		transcript_turn(transcript, ids[i], &sight);
		must(sight.answer == NULL || (sight.answered && sight.answer[0] != '\0'), "an answer has words");
		must(!sight.answered || sight.status >= TURN_PENDING, "nothing is answered before its turn");
		must(sight.failure == NULL || sight.failure[0] != '\0', "a failure has words");
		must((sight.end == JOB_GOES_ON) == (sight.end_words == NULL), "an end has words");
	}
}

static void check_announcements(const struct transcript *transcript)
{
	struct announcement list[8];
	size_t count = transcript_announcements(transcript, list, 8);

	must(count <= 8, "no more than asked for");
	for (size_t i = 0; i < count; i++)
		must(strncmp(list[i].url, "http", 4) == 0 && strstr(list[i].url, "/pull/") != NULL, "a URL");
	(void)transcript_find_tag(transcript, "[nairi-bridge x]");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(arena_free_at) struct arena *arena = arena_new(1 << 22);
	struct transcript *transcript;
	const struct conversation *list;
	size_t count, rows;

	if (arena == NULL)
		return 0;
	if (transcript_read((const char *)data, size, arena, &transcript, NULL) == 0) {
		check_turns(transcript);
		check_announcements(transcript);
	}
	if (conversations_read((const char *)data, size, arena, &list, &count, &rows, NULL) == 0)
		must(count <= rows, "no more than there are");
	return 0;
}

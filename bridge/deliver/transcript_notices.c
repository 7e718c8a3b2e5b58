/* SPDX-License-Identifier: Apache-2.0 */
/* System messages, as the daemon writes and as the documentation renders them (nairi-api.md section 5, S1 to S5). */
#include <string.h>

#include "bridge/deliver/transcript_private.h"

static const char *const error_prefixes[] = {
	"nairid encountered error: ", "eksecd encountered error: ", "ccagent encountered error: ",
};
static const char *const wrappers[] = { "error starting Claude session: ", "error continuing Claude session: " };

static const struct {
	const char *prefix;
	enum row_kind kind;
	enum job_end end;
} notices[] = {
	{ "Agent opened a [pull request](", ROW_PULL, JOB_GOES_ON },
	{ "Agent opened a pull request", ROW_PULL, JOB_GOES_ON },
	{ "New commit added: ", ROW_COMMIT, JOB_GOES_ON },
	{ "Job complete - Pull request was merged", ROW_END, JOB_MERGED },
	{ "Job complete - Pull request was closed", ROW_END, JOB_CLOSED },
	{ "Job complete - Thread is inactive", ROW_END, JOB_INACTIVE },
	{ "Job abandoned: Remote branch ", ROW_END, JOB_ABANDONED },
	{ "Job failed: Remote branch ", ROW_END, JOB_ABANDONED },
};

static bool starts(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

/* Behind the first of the prefixes that it begins with, or itself. */
static char *behind(char *text, const char *const *prefixes, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (starts(text, prefixes[i]))
			return text + strlen(prefixes[i]);
	}
	return text;
}

static void trim_end(char *text)
{
	size_t len = strlen(text);

	while (len > 0 && strchr(" \t\r\n", text[len - 1]) != NULL)
		text[--len] = '\0';
}

static enum row_kind read_error(char *detail, const char **ret_text, bool *ret_wrapped)
{
	char *bare = behind(detail, wrappers, sizeof(wrappers) / sizeof(wrappers[0]));

	*ret_wrapped = bare != detail;
	bare = behind(bare, error_prefixes, sizeof(error_prefixes) / sizeof(error_prefixes[0]));
	bare += strspn(bare, " \t\r\n");
	trim_end(bare);
	/* Belongs to S5, which says it better. */
	bool nothing = *bare == '\0' || starts(bare, "job abandoned: remote branch deleted");
	*ret_text = nothing ? NULL : bare;
	return starts(bare, "failed to validate PR description footer") ? ROW_LATE : ROW_ERROR;
}

enum row_kind transcript_notice(char *text, const char **ret_text, bool *ret_wrapped, enum job_end *ret_end)
{
	char *detail = behind(text, error_prefixes, sizeof(error_prefixes) / sizeof(error_prefixes[0]));

	*ret_text = text;
	*ret_wrapped = false;
	*ret_end = JOB_GOES_ON;
	if (detail != text)
		return read_error(detail, ret_text, ret_wrapped);
	for (size_t i = 0; i < sizeof(notices) / sizeof(notices[0]); i++) {
		if (starts(text, notices[i].prefix)) {
			*ret_end = notices[i].end;
			return notices[i].kind;
		}
	}
	return ROW_OTHER;
}

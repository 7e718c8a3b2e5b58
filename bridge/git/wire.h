/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the service and its helper process say to each other, in JSON frames: a batch of questions about one
 * repository one way (then the token, a frame of its own, so that it is in no buffer that is not wiped), reports the
 * other. Pure; any thread.
 */
#ifndef BRIDGE_GIT_WIRE_H
#define BRIDGE_GIT_WIRE_H

#include "bridge/base/json.h"
#include "bridge/git/git.h"

#define GIT_BATCH_MAX  8
#define GIT_BATCH_SIZE ((size_t)4 << 20) /* of its JSON */
#define GIT_REPORT_MAX ((size_t)256 * 1024)

struct git_batch {
	const char *path;    /* of the mirror */
	const char *url;
	const char *ca;      /* bundle of trusted certificates; NULL: none */
	const char *blocked; /* why nothing may be fetched now; NULL: it may */
	int64_t max_size;
	bool token;          /* it follows */
	struct git_question *questions[GIT_BATCH_MAX]; /* as asked; of what is read, all in the arena */
	size_t count;
};

void git_wire_write_batch(const struct git_batch *batch, struct strbuf *out);
/* By the helper, of what the service wrote; all in the arena. */
int git_wire_read_batch(const char *json, size_t len, struct arena *arena, struct git_batch *ret,
			struct error *err) MUST_CHECK;

enum git_report_kind {
	GIT_REPORT_FETCH,   /* what could be answered without a fetch was; now it fetches */
	GIT_REPORT_FETCHED, /* err: or did not */
	GIT_REPORT_ANSWER,
	GIT_REPORT_END,
};

struct git_report {
	enum git_report_kind kind;
	bool broken;       /* FETCHED: the mirror may be damaged */
	size_t index;      /* ANSWER: of the question */
	const char *text;  /* NULL: none */
	size_t text_len;
	ssize_t found;
	char job_id[40];
	struct error err;
};

void git_wire_write_report(const struct git_report *report, struct strbuf *out);
/*
 * By the service; nothing is believed: a helper that read a hostile repository may say anything. ERR_UPSTREAM: not a
 * report. text is borrowed from *ret_tree, which is the caller's to delete.
 */
int git_wire_read_report(const char *json, size_t len, size_t question_count, struct git_report *ret, cJSON **ret_tree,
			 struct error *err) MUST_CHECK;

#endif

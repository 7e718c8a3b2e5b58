/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANDBOX_REQUEST_LOG_H
#define SANDBOX_REQUEST_LOG_H

#include <cjson/cJSON.h>

#include "tests/sandbox/http.h"

/*
 * The latest requests to the stand-ins, each as it came in: 4,096 of them and 64 MB at most,
 * bodies cut at 1 MB. All calls: sandbox lock held.
 */

struct request_log;

struct request_filter {
	const char *path;   /* text_matches() on path and query; NULL: any */
	const char *method; /* NULL: any */
	uint64_t since;	    /* only numbers above it */
	int64_t limit;
	bool answered; /* only those that were */
};

struct request_log *request_log_new(void);
void request_log_free(struct request_log *log);
/* Forgets all entries; numbers go on. */
void request_log_reset(struct request_log *log);

/* Notes a request before it is acted upon; returns its number, from 1. */
uint64_t request_log_add(struct request_log *log, const struct request *request);

/* Notes how it was answered: the status, 0 for a reset. */
void request_log_answered(struct request_log *log, uint64_t number, unsigned status);

uint64_t request_log_last(const struct request_log *log);
int64_t request_log_count(const struct request_log *log, const struct request_filter *filter);
cJSON *request_log_json(const struct request_log *log, const struct request_filter *filter);

#endif

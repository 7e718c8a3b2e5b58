/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANDBOX_ATTACHMENTS_H
#define SANDBOX_ATTACHMENTS_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

#include "tests/sandbox/route.h"
#include "tests/sandbox/sandbox.h"

#define ATTACHMENTS_BYTES_MAX ((size_t)50 * 1024 * 1024)

struct attachments;

/* Lock held for these. */
struct attachments *attachments_new(void);
void attachments_free(struct attachments *attachments);
void attachments_reset(struct attachments *attachments);
bool attachments_has(const struct sandbox *sandbox, const char *id, unsigned org);
cJSON *attachments_json(const struct sandbox *sandbox);

/* POST /attachments and GET /attachments/{id}: handlers, lock not held. */
void attachments_upload(struct call *call);
void attachments_get(struct call *call);

#endif

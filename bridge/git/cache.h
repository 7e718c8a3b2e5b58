/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The directory of the mirrors: one bare repository a URL, named by the URL's hash. Bounded by size: the longest
 * unused go first (a mirror's time of last use is the modification time of its directory, so that it outlives a
 * restart). The service's thread only.
 */
#ifndef BRIDGE_GIT_CACHE_H
#define BRIDGE_GIT_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bridge/base/error.h"

struct git_cache;

#define GIT_CACHE_NAME_SIZE 48

/*
 * Makes the directory (mode 0700) if its parent is there. ERR_CONFIG when it belongs to another user or others may
 * write to it: what stands there would be read as ours.
 */
int git_cache_open(const char *path, int64_t max_size, struct git_cache **ret, struct error *err) MUST_CHECK;
void git_cache_close(struct git_cache *cache); /* takes NULL */

/* One daemon a cache: mirrors have a single writer. ERR_CONFIG: another process has it. */
int git_cache_lock(struct git_cache *cache, struct error *err) MUST_CHECK;

void git_cache_name(const char *url, char out[GIT_CACHE_NAME_SIZE]);
int git_cache_path(const struct git_cache *cache, const char *name, char *out, size_t size,
		   struct error *err) MUST_CHECK;

/*
 * *ret: whether the mirror is there. ERR_CONFIG: it is, but not as we make them (foreign owner, others may write, a
 * link).
 */
int git_cache_check(const struct git_cache *cache, const char *name, bool *ret, struct error *err) MUST_CHECK;

/* Remembers that it was used now. */
void git_cache_touch(const struct git_cache *cache, const char *name);

/* Takes a mirror away; what cannot be removed now is tried again by the next trim. */
void git_cache_drop(const struct git_cache *cache, const char *name);

/*
 * Removes what killed processes left behind (pack_git2_* older than an hour), mirrors that have grown to too many
 * packs, and then the longest unused mirrors until the rest fits. busy says which must stay.
 */
void git_cache_trim(const struct git_cache *cache, bool (*busy)(void *ctx, const char *name), void *ctx);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/git/cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#include "bridge/base/hmac.h"
#include "bridge/git/folder.h"

#define NAME_DIGITS  40
#define LEFTOVER_S   3600
#define PACKS_MAX    500   /* a fetch brings a pack; libgit2 cannot join them, and looks into each */
#define MIRRORS_MAX  10000

struct git_cache {
	char *path;
	int fd, lock;
	int64_t max_size;
};

static int check_owner(const struct stat *found, const char *what, struct error *err)
{
	if (!S_ISDIR(found->st_mode))
		return error_set(err, ERR_CONFIG, "%.200s is not a directory", what);
	if (found->st_uid != geteuid())
		return error_set(err, ERR_CONFIG, "%.200s belongs to user %u, and this is user %u", what,
				 (unsigned)found->st_uid, (unsigned)geteuid());
	if ((found->st_mode & 022) != 0)
		return error_set(err, ERR_CONFIG, "%.200s can be written by others (mode %04o)", what,
				 (unsigned)found->st_mode & 07777);
	return 0;
}

int git_cache_open(const char *path, int64_t max_size, struct git_cache **ret, struct error *err)
{
	struct stat found;

	if (path == NULL || path[0] == '\0')
		return error_set(err, ERR_CONFIG, "no directory for the git mirrors");
	if (mkdir(path, 0700) != 0 && errno != EEXIST)
		return error_set(err, ERR_IO, "make %.200s: %s", path, strerror(errno));
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return error_set(err, ERR_IO, "open %.200s: %s", path, strerror(errno));
	if (fstat(fd, &found) != 0 || check_owner(&found, path, err) != 0) {
		close(fd);
		return -1;
	}
	struct git_cache *cache = calloc(1, sizeof(*cache));
	char *real = realpath(path, NULL);
	if (cache == NULL || real == NULL) {
		close(fd);
		free(cache);
		free(real);
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	}
	*cache = (struct git_cache){ .path = real, .fd = fd, .lock = -1, .max_size = max_size };
	*ret = cache;
	return 0;
}

void git_cache_close(struct git_cache *cache)
{
	if (cache == NULL)
		return;
	if (cache->lock >= 0)
		close(cache->lock);
	close(cache->fd);
	free(cache->path);
	free(cache);
}

int git_cache_lock(struct git_cache *cache, struct error *err)
{
	int fd = openat(cache->fd, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return error_set(err, ERR_IO, "open %.200s/lock: %s", cache->path, strerror(errno));
	if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		close(fd);
		return error_set(err, ERR_CONFIG, "%.200s is in use by another process", cache->path);
	}
	cache->lock = fd;
	return 0;
}

void git_cache_name(const char *url, char out[GIT_CACHE_NAME_SIZE])
{
	char digest[SHA256_HEX_SIZE];

	sha256_hex(url, strlen(url), digest);
	(void)snprintf(out, GIT_CACHE_NAME_SIZE, "%.*s.git", NAME_DIGITS, digest);
}

int git_cache_path(const struct git_cache *cache, const char *name, char *out, size_t size, struct error *err)
{
	int len = snprintf(out, size, "%s/%s", cache->path, name);

	return len > 0 && (size_t)len < size ? 0
					     : error_set(err, ERR_CONFIG, "the path of the git mirrors is too long");
}

int git_cache_check(const struct git_cache *cache, const char *name, bool *ret, struct error *err)
{
	struct stat found;
	char what[256];

	if (fstatat(cache->fd, name, &found, AT_SYMLINK_NOFOLLOW) != 0) {
		if (errno != ENOENT)
			return error_set(err, ERR_IO, "%.150s/%s: %s", cache->path, name, strerror(errno));
		*ret = false;
		return 0;
	}
	(void)snprintf(what, sizeof(what), "the mirror %.150s/%s", cache->path, name);
	if (check_owner(&found, what, err) != 0)
		return -1;
	*ret = true;
	return 0;
}

void git_cache_touch(const struct git_cache *cache, const char *name)
{
	(void)utimensat(cache->fd, name, NULL, AT_SYMLINK_NOFOLLOW);
}

/* Renamed first: a mirror that is half removed must not look like one. */
void git_cache_drop(const struct git_cache *cache, const char *name)
{
	char gone[GIT_CACHE_NAME_SIZE + 8];

	(void)snprintf(gone, sizeof(gone), "%s.gone", name);
	(void)git_folder_remove(cache->fd, gone);
	if (renameat(cache->fd, name, cache->fd, gone) == 0)
		(void)git_folder_remove(cache->fd, gone);
}

/* ---- the size of all ---- */

struct mirror {
	char name[GIT_CACHE_NAME_SIZE];
	struct timespec used;
	int64_t size;
	int packs;
};

static bool ends_with(const char *name, const char *end)
{
	size_t len = strlen(name), end_len = strlen(end);

	return len >= end_len && strcmp(name + len - end_len, end) == 0;
}

static void measure(void *ctx, int directory, const char *name, const struct stat *entry)
{
	struct mirror *mirror = ctx;

	if (strncmp(name, "pack_git2_", 10) == 0 && time(NULL) - entry->st_mtime > LEFTOVER_S &&
	    unlinkat(directory, name, 0) == 0)
		return;
	mirror->packs += ends_with(name, ".pack") ? 1 : 0;
	mirror->size += (int64_t)entry->st_blocks * 512;
}

static int by_use(const void *a, const void *b)
{
	const struct mirror *left = a, *right = b;

	if (left->used.tv_sec != right->used.tv_sec)
		return left->used.tv_sec < right->used.tv_sec ? -1 : 1;
	if (left->used.tv_nsec != right->used.tv_nsec)
		return left->used.tv_nsec < right->used.tv_nsec ? -1 : 1;
	return 0;
}

static bool is_mirror_name(const char *name)
{
	return strspn(name, "0123456789abcdef") == NAME_DIGITS && strcmp(name + NAME_DIGITS, ".git") == 0;
}

static bool list_add(struct mirror **list, size_t *count, const char *name, const struct stat *found)
{
	if (*count >= MIRRORS_MAX)
		return false;
	if ((*count & (*count - 1)) == 0) {
		struct mirror *grown = realloc(*list, (*count == 0 ? 1 : *count * 2) * sizeof(**list));
		if (grown == NULL)
			return false;
		*list = grown;
	}
	struct mirror *mirror = &(*list)[(*count)++];
	*mirror = (struct mirror){ .used = found->st_mtim };
	(void)snprintf(mirror->name, sizeof(mirror->name), "%.47s", name);
	return true;
}

static size_t list_mirrors(const struct git_cache *cache, struct mirror **ret)
{
	int fd = openat(cache->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct stat found;
	size_t count = 0;

	*ret = NULL;
	if (dir == NULL) {
		if (fd >= 0)
			close(fd);
		return 0;
	}
	for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
		if (ends_with(entry->d_name, ".gone"))
			(void)git_folder_remove(cache->fd, entry->d_name);
		if (!is_mirror_name(entry->d_name) ||
		    fstatat(cache->fd, entry->d_name, &found, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISDIR(found.st_mode))
			continue;
		if (!list_add(ret, &count, entry->d_name, &found))
			break;
	}
	(void)closedir(dir);
	return count;
}

void git_cache_trim(const struct git_cache *cache, bool (*busy)(void *ctx, const char *name), void *ctx)
{
	struct mirror *list;
	size_t count = list_mirrors(cache, &list);
	int64_t total = 0;

	for (size_t i = 0; i < count; i++) {
		git_folder_walk(cache->fd, list[i].name, measure, &list[i]);
		total += list[i].size;
	}
	if (count > 1)
		qsort(list, count, sizeof(*list), by_use);
	for (size_t i = 0; i < count; i++) {
		if ((total <= cache->max_size && list[i].packs <= PACKS_MAX) || busy(ctx, list[i].name))
			continue;
		git_cache_drop(cache, list[i].name);
		total -= list[i].size;
	}
	free(list);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/git/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define DEPTH_MAX 32

static DIR *open_at(int at, const char *name)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return NULL;
	DIR *dir = fdopendir(fd);
	if (dir == NULL)
		close(fd);
	return dir;
}

static bool is_dot(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static void walk(int at, const char *name, folder_visit *visit, void *ctx, bool empty, int depth)
{
	DIR *dir = depth < DEPTH_MAX ? open_at(at, name) : NULL;
	struct stat entry;

	if (dir == NULL)
		return;
	for (struct dirent *found; (found = readdir(dir)) != NULL;) {
		if (is_dot(found->d_name) || fstatat(dirfd(dir), found->d_name, &entry, AT_SYMLINK_NOFOLLOW) != 0)
			continue;
		if (!S_ISDIR(entry.st_mode)) {
			visit(ctx, dirfd(dir), found->d_name, &entry);
			continue;
		}
		walk(dirfd(dir), found->d_name, visit, ctx, empty, depth + 1);
		if (empty)
			(void)unlinkat(dirfd(dir), found->d_name, AT_REMOVEDIR);
	}
	(void)closedir(dir);
}

void git_folder_walk(int at, const char *name, folder_visit *visit, void *ctx)
{
	walk(at, name, visit, ctx, false, 0);
}

static void remove_entry(void *ctx, int directory, const char *name, const struct stat *entry)
{
	(void)ctx;
	(void)entry;
	(void)unlinkat(directory, name, 0);
}

bool git_folder_remove(int at, const char *name)
{
	walk(at, name, remove_entry, NULL, true, 0);
	return unlinkat(at, name, AT_REMOVEDIR) == 0 || errno == ENOENT || unlinkat(at, name, 0) == 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/store/sqlite_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

/* From linux/magic.h and the file systems' own headers; FUSE stays allowed: containers have local ones. */
static const struct {
	unsigned long magic;
	const char *name;
} network_file_systems[] = {
	{ 0x6969, "NFS" },      { 0x517B, "SMB" },        { 0xFF534D42, "CIFS" }, { 0xFE534D42, "SMB2" },
	{ 0x00C36400, "Ceph" }, { 0x5346414F, "AFS" },    { 0x6B414653, "AFS" },  { 0x73757245, "Coda" },
	{ 0x564C, "NCP" },      { 0x0BD00BD0, "Lustre" }, { 0x01021997, "9p" },
};

const char *sqlite_lock_network_name(unsigned long magic)
{
	for (size_t i = 0; i < sizeof(network_file_systems) / sizeof(network_file_systems[0]); i++)
		if (network_file_systems[i].magic == (magic & 0xFFFFFFFFUL))
			return network_file_systems[i].name;
	return NULL;
}

/* The directory part of path, as dirname(3) would have it, into out. */
static void directory_of(const char *path, char out[PATH_MAX])
{
	const char *slash = strrchr(path, '/');

	if (slash == NULL)
		(void)snprintf(out, PATH_MAX, ".");
	else if (slash == path)
		(void)snprintf(out, PATH_MAX, "/");
	else
		(void)snprintf(out, PATH_MAX, "%.*s", (int)(slash - path), path);
}

int sqlite_lock_check_place(const char *path, struct error *err)
{
	char directory[PATH_MAX];
	struct stat info;
	struct statfs fs;

	if (path[0] == '\0' || path[0] == ':' || strlen(path) > PATH_MAX - 16)
		return error_set(err, ERR_CONFIG, "the store needs a path: sqlite:/path/to/file");
	directory_of(path, directory);
	if (stat(directory, &info) != 0)
		return error_set(err, ERR_CONFIG, "the store's directory %s: %s; create it first", directory,
				 strerror(errno));
	if (!S_ISDIR(info.st_mode))
		return error_set(err, ERR_CONFIG, "the store's directory %s is not a directory", directory);
	if (statfs(directory, &fs) != 0)
		return error_set(err, ERR_IO, "statfs %s: %s", directory, strerror(errno));
	const char *name = sqlite_lock_network_name((unsigned long)fs.f_type);
	if (name != NULL)
		return error_set(err, ERR_CONFIG,
				 "%s is on a network file system (%s), where an SQLite store breaks; use a local disk",
				 directory, name);
	return 0;
}

/* Who holds it wrote its process id there. Zero: not known. */
static int read_owner(int fd)
{
	char text[16] = "";
	int pid = 0;
	ssize_t got = pread(fd, text, sizeof(text) - 1, 0);

	for (ssize_t i = 0; i < got && text[i] >= '0' && text[i] <= '9' && i < 9; i++)
		pid = pid * 10 + (text[i] - '0');
	return pid;
}

static int refuse(int fd, struct error *err)
{
	int pid = read_owner(fd);

	if (pid == 0)
		return error_set(err, ERR_CONFLICT,
				 "another process writes to this store: stop it first, or use its admin socket");
	return error_set(err, ERR_CONFLICT,
			 "process %d writes to this store: stop it first, or use its admin socket", pid);
}

/* For the reader of an error text only: nothing depends on it, so nothing is said when it cannot be written. */
static void write_owner(int fd)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%d\n", (int)getpid());

	if (ftruncate(fd, 0) != 0 || pwrite(fd, text, (size_t)len, 0) != len)
		return;
}

/*
 * SQLite would create the file with mode 0644, and prompts are nobody else's business. Only ever opened when
 * it is new: closing any descriptor of a database drops the POSIX locks that this process holds on it.
 */
static int create_private(const char *path, struct error *err)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0 && errno != EEXIST)
		return error_set(err, ERR_STORE, "create %s: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return 0;
}

int sqlite_lock_take(const char *path, int *ret_fd, struct error *err)
{
	char name[PATH_MAX];

	(void)snprintf(name, sizeof(name), "%s.lock", path);
	CLEANUP(cleanup_close) int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return error_set(err, ERR_STORE, "open %s: %s; the store's directory must be writable", name,
				 strerror(errno));
	/* Of the open file, not of the process: a second handle in this process is refused as well. */
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	if (fcntl(fd, F_OFD_SETLK, &lock) != 0) {
		if (errno == EAGAIN || errno == EACCES)
			return refuse(fd, err);
		return error_set(err, ERR_STORE, "lock %s: %s", name, strerror(errno));
	}
	write_owner(fd);
	if (create_private(path, err) != 0)
		return -1;
	*ret_fd = fd;
	fd = -1;
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Secrets: a value in place (mostly ${NAME}) or the name of a file. Neither a secret nor the name
 * of a relative file (which may be a secret that was put behind the wrong key) ever stands in a
 * message.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "config/reader.h"

#define MAX_SECRET    (64U * 1024U)
#define MAX_FILE_NAME 4096
#define MAX_SECRETS   16
#define PLACEHOLDER   "change-me"

/* --- files --- */

struct opened {
	int fd;
	const char *path;
	struct stat status;
	bool credential; /* from $CREDENTIALS_DIRECTORY: systemd guards it, by an ACL that looks
			    like group access */
};

static int open_regular(const char *path, struct stat *ret_status)
{
	/* Non-blocking: a FIFO must not hang the start. */
	CLEANUP(cleanup_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return -1;
	if (fstat(fd, ret_status) != 0)
		return -1;
	if (!S_ISREG(ret_status->st_mode)) {
		errno = S_ISDIR(ret_status->st_mode) ? EISDIR : EINVAL;
		return -1;
	}
	int taken = fd;
	fd = -1;
	return taken;
}

/* A relative name beside the config file. */
static const char *beside_config(struct config_reader *reader, const char *name)
{
	const char *slash = strrchr(reader->file, '/');

	if (slash == NULL)
		return name;
	return arena_printf(reader->arena, "%.*s/%s", (int)(slash - reader->file), reader->file,
			    name);
}

static void report_open(struct config_reader *reader, const struct config_node *node,
			const char *name, int code)
{
	const char *directory = getenv("CREDENTIALS_DIRECTORY");
	const char *reason = code == EINVAL ? "not a regular file" : strerror(code);

	if (name[0] == '/')
		config_problem(reader, PROBLEM_ERROR, node, "cannot read %s: %s",
			       problems_quote(name).text, reason);
	else
		config_problem(reader, PROBLEM_ERROR, node,
			       "cannot read this file %sbeside the configuration: %s",
			       directory != NULL && directory[0] == '/'
				       ? "in $CREDENTIALS_DIRECTORY or "
				       : "",
			       reason);
}

/* Opens a named file: absolute, or in $CREDENTIALS_DIRECTORY, or beside the config. */
static bool open_named(struct config_reader *reader, const struct config_node *node,
		       const char *name, struct opened *ret)
{
	const char *directory = getenv("CREDENTIALS_DIRECTORY");

	*ret = (struct opened){ .fd = -1, .path = name };
	if (reader->file == NULL) {
		config_problem(reader, PROBLEM_ERROR, node, "files are not read here");
		return false;
	}
	if (name[0] != '/' && directory != NULL && directory[0] == '/') {
		ret->path = arena_printf(reader->arena, "%s/%s", directory, name);
		ret->credential = true;
		ret->fd = ret->path != NULL ? open_regular(ret->path, &ret->status) : -1;
	}
	if (ret->fd < 0) {
		if (name[0] != '/')
			ret->path = beside_config(reader, name);
		ret->credential = false;
		ret->fd = ret->path != NULL ? open_regular(ret->path, &ret->status) : -1;
	}
	if (ret->fd < 0)
		report_open(reader, node, name, errno);
	return ret->fd >= 0;
}

static void warn_about_mode(struct config_reader *reader, const struct config_node *node,
			    const struct opened *opened)
{
	mode_t mode = opened->status.st_mode & 0777U;

	if (opened->credential)
		mode &= ~(mode_t)0070U;
	if ((mode & 0022U) != 0)
		config_problem(reader, PROBLEM_WARNING, node,
			       "the file can be changed by %s (mode %04o)",
			       (mode & 0002U) != 0 ? "everybody" : "its group",
			       (unsigned)opened->status.st_mode & 07777U);
	else if ((mode & 0044U) != 0)
		config_problem(reader, PROBLEM_WARNING, node,
			       "the file can be read by %s (mode %04o)",
			       (mode & 0004U) != 0 ? "everybody" : "its group",
			       (unsigned)opened->status.st_mode & 07777U);
}

static const char *read_file_name(struct config_reader *reader, const struct config_node *node)
{
	const char *name = scalars_text(reader, node, "the name of a file");

	if (name == NULL)
		return NULL;
	if (name[0] == '\0' || strlen(name) > MAX_FILE_NAME) {
		config_problem(reader, PROBLEM_ERROR, node, "expected the name of a file");
		return NULL;
	}
	return name;
}

const char *secrets_resolve(struct config_reader *reader, const struct config_node *node,
			    const char *name, bool is_private)
{
	struct opened opened;

	if (!open_named(reader, node, name, &opened))
		return NULL;
	close(opened.fd);
	if (is_private)
		warn_about_mode(reader, node, &opened);
	return opened.path;
}

static bool read_all(int fd, struct strbuf *out)
{
	char chunk[4096];
	ssize_t got;

	do {
		got = read(fd, chunk, sizeof(chunk));
		if (got > 0)
			strbuf_add(out, chunk, (size_t)got);
	} while ((got > 0 && !strbuf_failed(out)) || (got < 0 && errno == EINTR));
	explicit_bzero(chunk, sizeof(chunk));
	return got == 0;
}

static bool read_secret_file(struct config_reader *reader, const struct config_node *node,
			     struct strbuf *out)
{
	const char *name = read_file_name(reader, node);
	struct opened opened;

	if (name == NULL || !open_named(reader, node, name, &opened))
		return false;
	CLEANUP(cleanup_close) int fd = opened.fd;
	warn_about_mode(reader, node, &opened);
	bool whole = read_all(fd, out);
	if (strbuf_failed(out)) {
		config_problem(reader, PROBLEM_ERROR, node, "the file is larger than %u KiB",
			       MAX_SECRET / 1024U);
		return false;
	}
	if (!whole) {
		config_problem(reader, PROBLEM_ERROR, node, "cannot read the file: %s",
			       strerror(errno));
		return false;
	}
	/* Editors and echo end a file with a newline that nobody means. */
	if (out->len == 0 || out->ptr[out->len - 1] != '\n')
		return true;
	strbuf_truncate(out, out->len - 1);
	if (out->len > 0 && out->ptr[out->len - 1] == '\r')
		strbuf_truncate(out, out->len - 1);
	return true;
}

/* --- values --- */

static bool read_secret_value(struct config_reader *reader, const struct config_node *node,
			      struct strbuf *out)
{
	if (node->kind != NODE_SCALAR || tree_is_null(node)) {
		config_problem(reader, PROBLEM_ERROR, node, "expected a secret, got %s",
			       problems_describe(node).text);
		return false;
	}
	if (!expand_node(reader, node, out))
		return false;
	if (reader->open_to_others && strstr(node->text, "${") == NULL)
		config_problem(
			reader, PROBLEM_WARNING, node,
			"a secret in a configuration that others can read: use a file or ${NAME}");
	return true;
}

/*
 * The sample configuration starts as it is. So that nobody can sign with a secret that the whole
 * world knows, a placeholder stands for random bytes: it opens nothing.
 */
static bool replace_placeholder(struct strbuf *text)
{
	unsigned char bytes[32];

	if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
		return false;
	strbuf_reset(text);
	for (size_t i = 0; i < sizeof(bytes); i++)
		strbuf_addf(text, "%02x", bytes[i]);
	return !strbuf_failed(text);
}

/* Takes the text over as a secret that the config owns; NULL with a problem reported. */
static const struct secret *keep(struct config_reader *reader, const struct config_node *node,
				 struct strbuf *text)
{
	bool placeholder = strncmp(strbuf_str(text), PLACEHOLDER, strlen(PLACEHOLDER)) == 0;

	if (text->len == 0) {
		config_problem(reader, PROBLEM_ERROR, node, "the secret is empty");
		return NULL;
	}
	if (text->len > MAX_SECRET) {
		config_problem(reader, PROBLEM_ERROR, node, "the secret is longer than %u KiB",
			       MAX_SECRET / 1024U);
		return NULL;
	}
	if (placeholder) {
		config_problem(
			reader, PROBLEM_WARNING, node,
			"a placeholder, not a secret: nothing will match it until you set one");
		if (!replace_placeholder(text))
			return NULL;
	}
	struct kept_secret *kept = config_alloc(reader, sizeof(*kept));
	if (kept == NULL)
		return NULL;
	*kept = (struct kept_secret){ .secret = secret_new(strbuf_str(text), text->len),
				      .placeholder = placeholder,
				      .next = reader->memory->secrets };
	reader->memory->secrets = kept;
	if (kept->secret == NULL)
		config_problem(reader, PROBLEM_ERROR, node, "out of memory");
	return kept->secret;
}

static const struct secret *read_one(struct config_reader *reader, const struct config_node *node,
				     bool from_file)
{
	/* More than allowed, so that a newline at the end of a file does not count. */
	CLEANUP(expand_wipe)
	struct strbuf text = STRBUF(from_file ? MAX_SECRET + 2 : READER_MAX_SCALAR);

	/* Reserved at once: growing would leave copies of the secret in freed memory. */
	text.ptr = calloc(1, MAX_SECRET + 4);
	text.cap = text.ptr != NULL ? MAX_SECRET + 4 : 0;
	bool good = from_file ? read_secret_file(reader, node, &text)
			      : read_secret_value(reader, node, &text);
	return good ? keep(reader, node, &text) : NULL;
}

void secrets_read(struct config_reader *reader, const struct config_node *value,
		  const struct config_node *file, const struct secret **field)
{
	if (value != NULL && file != NULL) {
		config_problem(reader, PROBLEM_ERROR, file, "%s is given as well: one of the two",
			       problems_quote(value->name).text);
		return;
	}
	*field = read_one(reader, value != NULL ? value : file, value == NULL);
}

static size_t count_of(const struct config_node *node)
{
	if (node == NULL)
		return 0;
	return node->kind == NODE_LIST ? node->count : 1;
}

void secrets_read_many(struct config_reader *reader, const struct config_node *value,
		       const struct config_node *file, struct config_secrets *field)
{
	size_t values = count_of(value), count = values + count_of(file);

	if (count == 0 || count > MAX_SECRETS) {
		config_problem(reader, PROBLEM_ERROR, value != NULL ? value : file,
			       "expected 1 to %d secrets, got %zu", MAX_SECRETS, count);
		return;
	}
	const struct secret **items = config_alloc(reader, count * sizeof(*items));
	if (items == NULL)
		return;
	size_t kept = 0;
	for (size_t i = 0; i < count; i++) {
		bool from_file = i >= values;
		const struct config_node *node =
			from_file ? tree_item(file, i - values) : tree_item(value, i);
		items[kept] = read_one(reader, node, from_file);
		kept += items[kept] != NULL;
	}
	*field = (struct config_secrets){ .items = items, .count = kept };
}

bool secrets_is_placeholder(const struct config_reader *reader, const struct secret *secret)
{
	for (const struct kept_secret *kept = reader->memory->secrets; kept != NULL;
	     kept = kept->next) {
		if (kept->secret == secret)
			return kept->placeholder;
	}
	return false;
}

void secrets_free_all(struct config_memory *memory)
{
	for (struct kept_secret *kept = memory->secrets; kept != NULL; kept = kept->next)
		secret_free(kept->secret);
	memory->secrets = NULL;
}

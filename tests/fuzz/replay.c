/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A main() for a fuzz target built without libFuzzer: runs it over every file of the directories
 * given, once each, so that what a fuzzer found stays found with any compiler. Prints how many
 * there were.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "bridge/base/cleanup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void close_file(FILE **file)
{
	if (*file != NULL)
		(void)fclose(*file);
}

static int run_file(const char *path)
{
	CLEANUP(close_file) FILE *file = fopen(path, "rb");
	struct stat st;

	if (file == NULL || fstat(fileno(file), &st) != 0)
		return -1;
	if (!S_ISREG(st.st_mode))
		return 0;
	size_t size = (size_t)st.st_size;
	/* Exactly as large as the input, so that a sanitizer sees a read beyond it. */
	CLEANUP(cleanup_free) uint8_t *data = malloc(size > 0 ? size : 1);
	if (data == NULL || fread(data, 1, size, file) != size)
		return -1;
	(void)LLVMFuzzerTestOneInput(data, size);
	return 1;
}

/* The number of files run, or -1 when one could not be read. */
static long run_directory(const char *path)
{
	DIR *directory = opendir(path);
	long count = 0;
	int result = 0;

	if (directory == NULL) {
		perror(path);
		return -1;
	}
	for (const struct dirent *entry; result >= 0 && (entry = readdir(directory)) != NULL;) {
		char file[4096];
		if (snprintf(file, sizeof(file), "%s/%s", path, entry->d_name) >= (int)sizeof(file))
			result = -1;
		else
			result = run_file(file);
		if (result < 0)
			perror(file);
		count += result;
	}
	(void)closedir(directory);
	return result < 0 ? -1 : count;
}

int main(int argc, char **argv)
{
	long total = 0;

	for (int i = 1; i < argc; i++) {
		long count = run_directory(argv[i]);
		if (count < 0)
			return 1;
		total += count;
	}
	(void)printf("%ld inputs\n", total);
	/* A run that found nothing to run proves nothing. */
	return total > 0 ? 0 : 1;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Directories of our own: walked and removed without following a link. Blocking; any thread. */
#ifndef BRIDGE_GIT_FOLDER_H
#define BRIDGE_GIT_FOLDER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

/* Called for every entry that is no directory; may unlinkat(directory, name). */
typedef void folder_visit(void *ctx, int directory, const char *name, const struct stat *entry);

/* Visits all below `name` in the directory `at`; to a depth of 32. */
void git_folder_walk(int at, const char *name, folder_visit *visit, void *ctx);

/* Removes `name` with all below it. False: something is left. */
bool git_folder_remove(int at, const char *name);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration, as the verbs need it. One thread. */
#ifndef BRIDGE_CLI_CONFIG_FILE_H
#define BRIDGE_CLI_CONFIG_FILE_H

#include "config/config.h"

#define CONFIG_FILE_TYPES 64

/* The types of all handlers into types; returns how many. */
size_t config_file_types(const struct source_type *types[CONFIG_FILE_TYPES]);

/*
 * New (config_free), or NULL: all problems were printed on standard error. warnings: print them too when it is
 * good.
 */
struct config *config_file_load(const char *file, bool warnings);

#endif

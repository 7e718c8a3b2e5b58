/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text for a terminal. What comes from outside loses its control, bidi and invisible characters, so that it can
 * neither colour nor turn around what stands beside it.
 */
#ifndef BRIDGE_CLI_PRINT_H
#define BRIDGE_CLI_PRINT_H

#include <cjson/cJSON.h>
#include <stdio.h>

/* Columns of the terminal that out is, between 80 and 120; 0: it is none, nothing needs to be cut. */
int print_columns(FILE *out);

/* One line of text, cut or padded to width columns. NULL prints as empty. */
void print_cell(FILE *out, const char *text, int width);
/* The last of a row: one line of text, cut to width when it is above 0, and a newline. */
void print_last(FILE *out, const char *text, int width);
/* Lines of text, each behind indent. Ends in a newline. */
void print_text(FILE *out, const char *text, const char *indent);
/* "name: text" with the name padded, left out when text is NULL. */
void print_field(FILE *out, const char *name, const char *text);

/* A document as one line. */
void print_json(FILE *out, const cJSON *tree);

/* "2026-04-12T18:45:12.000Z" as "2026-04-12 18:45:12"; anything else, and NULL, as "-". */
#define PRINT_TIME_SIZE 20
void print_time(const char *text, char out[PRINT_TIME_SIZE]);

#endif

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Prints the given migrations (NNN-name.sql, ascending) as a C header: a table of version, name and SQL text.
# usage: embed_sql.sh FILE... > migrations.h
set -eu

printf '/* Made by embed_sql.sh from the numbered SQL files: do not edit. */\n'
printf 'static const struct {\n\tint version;\n\tconst char *name;\n\tconst char *sql;\n} migrations[] = {\n'
last=0
for file; do
	name=$(basename "$file" .sql)
	version=$(printf '%s\n' "$name" | sed -n 's/^0*\([1-9][0-9]*\)-.*$/\1/p')
	if [ -z "$version" ] || [ "$version" -le "$last" ]; then
		printf 'embed_sql.sh: %s: want NNN-name.sql, in ascending order\n' "$file" >&2
		exit 1
	fi
	last=$version
	printf '\t{ %s, "%s",\n' "$version" "$name"
	sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/	/\\t/g' -e 's/^/\t  "/' -e 's/$/\\n"/' "$file"
	printf '\t},\n'
done
printf '};\n'

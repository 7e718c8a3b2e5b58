#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Includes point down (docs/architecture.md): main -> serve -> cli, admin, intake, deliver -> settings, http, store, handlers
# -> model, config -> base. Prints every include that does not, and every banned call.
set -u
bad=0
# forbid WHERE PATTERN WHY: no file under WHERE includes what matches PATTERN
forbid() {
	found=$(grep -rnE "^#include \"($2)" "$1" 2>/dev/null)
	[ -z "$found" ] && return
	printf '%s\n  -> %s\n' "$found" "$3" >&2
	bad=1
}
forbid bridge/base 'bridge/(model|http|settings|store|intake|deliver|admin|cli|git|mapping|serve)|config/|handlers/' 'base/ includes only itself'
forbid config 'bridge/(model|http|settings|store|intake|deliver|admin|cli|git|mapping|serve)|handlers/' 'config/ includes only itself and base/'
forbid bridge/model 'bridge/(http|settings|store|intake|deliver|admin|cli|git|serve)|config/|handlers/' 'model/ includes only base/'
forbid handlers 'bridge/(http|settings|store|intake|deliver|admin|cli|git|serve)' 'handlers are pure: bytes and settings in, values out'
forbid bridge/store 'bridge/(http|settings|intake|deliver|admin|cli|git|serve)|config/|handlers/' 'store/ includes model/ and base/'
forbid bridge/http 'bridge/(settings|store|intake|deliver|admin|cli|git|serve)|config/|handlers/' 'http/ includes model/ and base/'
forbid bridge/settings 'bridge/(http|store|intake|deliver|admin|cli|git|serve)' 'settings/ includes handlers/ and config/'
forbid bridge/deliver 'bridge/(http|intake|admin|cli|serve)' 'deliver/ does not know who receives'
forbid bridge/intake 'bridge/(admin|cli|serve)' 'intake/ does not know the admin side'
forbid bridge/admin 'bridge/(cli|serve)' 'admin/ does not know the command line'
forbid bridge/git 'bridge/(http|settings|store|intake|deliver|admin|cli|mapping|serve)|config/|handlers/' 'git/ includes model/ and base/'
forbid tests/sandbox 'bridge/(model|http|settings|store|intake|deliver|admin|cli|serve|daemon)|config/|handlers/' 'the sandbox shares only base/'
handler_users=$(grep -rlE '^#include "handlers/rows.h"' bridge config handlers | grep -vE '^handlers/')
[ -z "$handler_users" ] || { echo "$handler_users: only handlers/ includes handlers/rows.h" >&2; bad=1; }
headers=$(grep -rnE '#include <(microhttpd|curl/curl|sqlite3|cjson/cJSON|yaml|git2|git2/[a-z_/]+|seccomp)\.h>' handlers config bridge --include='*.c' --include='*.h' |
	grep -vE '^(bridge/http/[a-z_]+\.[ch]:[0-9]+:#include <microhttpd|(bridge/deliver/dispatcher\.c|bridge/serve\.c|bridge/cli/[a-z_]+\.[ch]|handlers/[a-z_]+\.c):[0-9]+:#include <curl|bridge/store/sqlite[a-z_]*\.[ch]:[0-9]+:#include <sqlite3|bridge/git/[a-z_]+\.[ch]:[0-9]+:#include <git2|bridge/base/process_worker\.c:[0-9]+:#include <seccomp|[a-z/_]+\.[ch]:[0-9]+:#include <cjson|config/[a-z_]+\.[ch]:[0-9]+:#include <(yaml|curl))')
[ -z "$headers" ] || { printf '%s\n  -> a library has one room\n' "$headers" >&2; bad=1; }
banned=$(grep -rnwE '(strcpy|strcat|sprintf|vsprintf|strtok|atoi|gmtime|localtime|gets|cJSON_GetObjectItem)\(' bridge handlers config --include='*.c' --include='*.h')
[ -z "$banned" ] || { printf '%s\n  -> banned\n' "$banned" >&2; bad=1; }
exit $bad

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs what is missing of the given Debian packages, and says so first. "package?command" is there when the command is.
# usage: install.sh PACKAGE...
set -eu

missing=
for want; do
	package=${want%%\?*}
	command=${want#*\?}
	if [ "$command" != "$want" ] && command -v "$command" >/dev/null 2>&1; then
		continue
	fi
	case $(dpkg-query -W -f '${Status}' "$package" 2>/dev/null || true) in
	*' installed') ;;
	*) missing="$missing $package" ;;
	esac
done
[ -n "$missing" ] || exit 0

sudo=
if [ "$(id -u)" -ne 0 ]; then
	if ! command -v sudo >/dev/null 2>&1; then
		printf 'These packages are missing, and there is no sudo to install them with; as root run:\n  apt-get install --no-install-recommends%s\n' "$missing" >&2
		exit 1
	fi
	sudo=sudo
fi
printf 'Installing with %sapt-get:%s\n' "${sudo:+sudo }" "$missing"
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
# shellcheck disable=SC2086 # words are meant to be split
if ! { $sudo apt-get update -qq && $sudo apt-get install -y -qq --no-install-recommends $missing; } >"$log" 2>&1 </dev/null; then
	cat "$log" >&2
	rm -f "$log"
	exit 1
fi
rm -f "$log"

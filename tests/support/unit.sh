#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs cmocka programs, all of them even when one fails; their output is TAP. usage: unit.sh PROGRAM...
status=0
for program; do
	echo "# $program"
	"$program" || status=1
done
exit $status

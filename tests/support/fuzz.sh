#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs libFuzzer programs one after the other, each on its corpus in tests/fuzz/corpus.
# usage: SECONDS_EACH=60 SEED=0 fuzz.sh DIRECTORY FUZZER...      SEED 0: another one each time
# DIRECTORY/run has the programs; what is found stays in DIRECTORY. Ends at the first finding, with what it takes to
# see it again.
set -eu
directory=$1
shift
for fuzzer; do
	mkdir -p "$directory/corpus/$fuzzer"
	log=$directory/$fuzzer.log
	printf '# %s: ' "$fuzzer"
	if "$directory/run/$fuzzer" -max_total_time="$SECONDS_EACH" -seed="$SEED" -timeout=10 -rss_limit_mb=2048 \
		-print_final_stats=1 -artifact_prefix="$directory/$fuzzer-" "$directory/corpus/$fuzzer" \
		"tests/fuzz/corpus/$fuzzer" >"$log" 2>&1 </dev/null; then
		sed -n 's/^stat::number_of_executed_units: *\(.*\)/\1 inputs/p' "$log"
		continue
	fi
	echo "a finding"
	grep -aE 'does not hold|runtime error|ERROR:|SUMMARY:|Test unit written|^Base64' "$log" || tail -n 20 "$log"
	grep -aE '^ +#[0-9]+ .*(bridge|handlers|config|tests)/' "$log" | head -n 20
	echo "see all of it: $log; again: $directory/run/$fuzzer FILE; when mended, keep FILE in tests/fuzz/corpus/$fuzzer"
	exit 1
done

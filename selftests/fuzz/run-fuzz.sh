#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# run-fuzz.sh SECONDS PROGRAM... - runs each fuzzer for so long, side by side; seeds come from the
# repository, what is found new stays beside the programs. Fails if one of them finds a fault.
set -u

seconds=$1
shift
here=${0%/*}
pids=

for bin in "$@"; do
	name=${bin##*/fuzz_}
	found=${bin%/*}/$name.found
	mkdir -p "$found"
	set -- -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 \
		-artifact_prefix="$found.fault-" "$found"
	[ ! -d "$here/corpus/$name" ] || set -- "$@" "$here/corpus/$name"
	[ ! -f "$here/$name.dict" ] || set -- "-dict=$here/$name.dict" "$@"
	"$bin" "$@" >"$found.log" 2>&1 &
	pids="$pids $!:$found.log:$name"
done

passed=0
failed=0
for entry in $pids; do
	pid=${entry%%:*}
	rest=${entry#*:}
	log=${rest%%:*}
	name=${rest#*:}
	if wait "$pid"; then
		runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
		printf '  ok    %-20s %s runs\n' "$name" "$runs"
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		printf '  FAIL  %s\n' "$name"
		tail -40 "$log"
	fi
done
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]

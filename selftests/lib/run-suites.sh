#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Runs make targets that end with the line 'N passed, N failed', two at a time, longest first as
# given; shows the output of those that fail, and ends with the same line for all of them.
set -u
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
trap 'kill $(jobs -p) 2>/dev/null; wait; exit 143' INT TERM

run_one() {
	local started=$SECONDS
	"${MAKE:-make}" --no-print-directory "$1" >"$logs/$1.out" 2>&1 </dev/null
	echo $? >"$logs/$1.status"
	echo $((SECONDS - started)) >"$logs/$1.seconds"
}

for suite in "$@"; do
	while [ "$(jobs -rp | wc -l)" -ge 2 ]; do
		wait -n
	done
	printf '  ...   %s\n' "$suite"
	run_one "$suite" &
done
wait

passed=0
failed=0
for suite in "$@"; do
	status=$(cat "$logs/$suite.status" 2>/dev/null || echo 1)
	line=$(grep -E '^[0-9]+ passed, [0-9]+ failed$' "$logs/$suite.out" | tail -n 1)
	good=${line%% passed*}
	bad=${line#*passed, }
	bad=${bad%% failed*}
	good=${good:-0}
	bad=${bad:-0}
	# A suite that fails without a failed test, or says nothing at all, has failed itself.
	if [ "$bad" -eq 0 ] && { [ "$status" -ne 0 ] || [ "$good" -eq 0 ]; }; then
		bad=1
	fi
	passed=$((passed + good))
	failed=$((failed + bad))
	if [ "$bad" -eq 0 ]; then
		printf '  ok    %-10s %5d passed %3d failed  %4d s\n' "$suite" "$good" "$bad" \
			"$(cat "$logs/$suite.seconds")"
	else
		printf '  FAIL  %-10s %5d passed %3d failed\n' "$suite" "$good" "$bad"
		sed 's/^/        /' "$logs/$suite.out"
	fi
done
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]

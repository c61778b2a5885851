#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# matrix.sh "KERNELS" "PARTS" "SCENARIOS": the parts of the suite on each kernel, two machines side by
# side, the scenarios on the last one too, and the tests of the runner itself. Shows the console of
# those that fail; ends with the line 'N passed, N failed'.
set -u
cd "$(dirname "$0")/../.." || exit 1
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
trap 'kill $(jobs -p) 2>/dev/null; wait; exit 143' INT TERM
read -ra kernels <<<"$1"
read -ra parts <<<"$2"
read -ra scenarios <<<"$3"

for kernel in "${kernels[@]}"; do # one after the other: the archive's lists are locked
	selftests/vm/run --time-limit 60 "$kernel" -- true >"$logs/fetch" 2>&1 || {
		cat "$logs/fetch"
		echo "0 passed, 1 failed"
		exit 1
	}
done

run_one() {
	local words=("${parts[@]}")
	if [ "$1" = "${kernels[-1]}" ]; then
		words+=("${scenarios[@]}")
	fi
	if [ "$1" = runner ]; then
		TEST_FILE_TIMEOUT_S=900 selftests/lib/run_tests.py -v selftests/vm/test_run.py
	else
		selftests/vm/run --time-limit 2400 "$1" -- selftests/vm/suite "${words[@]}"
	fi >"$logs/$1.out" 2>&1
	echo $? >"$logs/$1.status"
}

for name in "${kernels[@]}" runner; do
	while [ "$(jobs -rp | wc -l)" -ge 2 ]; do
		wait -n
	done
	printf '  ...   %s\n' "$name"
	run_one "$name" &
done
wait

passed=0
failed=0
for name in "${kernels[@]}" runner; do
	line=$(grep -E '^ *[0-9]+ passed, [0-9]+ failed *$' "$logs/$name.out" | tail -n 1)
	line=${line##* passed,}
	good=$(grep -E '^ *[0-9]+ passed, [0-9]+ failed *$' "$logs/$name.out" | tail -n 1 |
		sed 's/ *\([0-9]*\) passed.*/\1/')
	bad=${line%% failed*}
	bad=${bad// /}
	good=${good:-0}
	bad=${bad:-0}
	if [ "$bad" -eq 0 ] && { [ "$(cat "$logs/$name.status")" -ne 0 ] || [ "$good" -eq 0 ]; }; then
		bad=1
	fi
	passed=$((passed + good))
	failed=$((failed + bad))
	if [ "$bad" -eq 0 ]; then
		printf '  ok    %-10s %5d passed %3d failed\n' "$name" "$good" "$bad"
		grep -E '^ *(Linux |[a-z0-9_]+ +[0-9]+ instructions)' "$logs/$name.out"
	else
		printf '  FAIL  %-10s %5d passed %3d failed\n' "$name" "$good" "$bad"
		sed 's/^/        /' "$logs/$name.out"
	fi
done
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]

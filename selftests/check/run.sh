#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Runs every check of this folder, two at a time, shows the output of those that fail, and ends
# with the line 'N passed, N failed'. Names of checks as arguments run only those.
set -u
cd "$(dirname "$0")/../.." || exit 1

checks=(cppcheck vmlinux headers format modules layers annotations metrics nginx commits names widths
	shellcheck spdx sizes man links python)
[ $# -gt 0 ] && checks=("$@")

logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT

run_one() {
	local name=$1 program started=$SECONDS
	program=$(ls "selftests/check/check_$name".* 2>/dev/null)
	if [ -z "$program" ]; then
		echo "no such check: $name" >"$logs/$name.out"
		echo 1 >"$logs/$name.status"
		return
	fi
	timeout 300 "$program" >"$logs/$name.out" 2>&1 </dev/null
	echo $? >"$logs/$name.status"
	echo $((SECONDS - started)) >"$logs/$name.seconds"
}

for name in "${checks[@]}"; do
	while [ "$(jobs -rp | wc -l)" -ge 2 ]; do
		wait -n
	done
	run_one "$name" &
done
wait

passed=0
failed=0
for name in "${checks[@]}"; do
	if [ "$(cat "$logs/$name.status")" -eq 0 ]; then
		passed=$((passed + 1))
		printf '  ok    %-12s %3d s  %s\n' "$name" "$(cat "$logs/$name.seconds")" \
			"$(tail -n 1 "$logs/$name.out")"
	else
		failed=$((failed + 1))
		printf '  FAIL  %-12s\n' "$name"
		sed 's/^/        /' "$logs/$name.out"
	fi
done
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]

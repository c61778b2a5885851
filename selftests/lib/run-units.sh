#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs each unit test program; prints the output of those that fail and a summary.
set -u
passed=0
failed=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT
for bin in "$@"; do
	if "$bin" >"$log" 2>&1; then
		n=$(grep -c '\[       OK \]' "$log")
		passed=$((passed + n))
		printf '  ok    %-44s %s tests\n' "${bin##*/}" "$n"
	else
		failed=$((failed + 1))
		printf '  FAIL  %s\n' "${bin##*/}"
		cat "$log"
	fi
done
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]

#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Runs the benches given, one after the other, keeps what each printed in build/bench/NAME.txt, and
# ends with a summary: the lines that begin with two spaces, which are results. Fails if one of them failed.
set -u
folder=build/bench
mkdir -p "$folder"
failed=0
printf 'Machine: %s, %s cores, Linux %s, load %s\n' \
	"$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)" "$(nproc)" "$(uname -r)" \
	"$(cut -d' ' -f1 /proc/loadavg)" | tee "$folder/machine.txt"
for program in "$@"; do
	name=$(basename "$program" .py)
	printf '\n== %s\n' "$name"
	timeout 900 "./$program" </dev/null 2>&1 | tee "$folder/$name.txt"
	if [ "${PIPESTATUS[0]}" -ne 0 ]; then
		echo "FAILED" | tee -a "$folder/$name.txt"
		failed=$((failed + 1))
	fi
done
printf '\n==== Summary\n'
cat "$folder/machine.txt"
for program in "$@"; do
	name=$(basename "$program" .py)
	echo "$name"
	grep -E '^  |^FAILED' "$folder/$name.txt"
done
exit "$failed"

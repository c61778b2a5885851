#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Every shell script, found by its first line, passes shellcheck.
set -u
mapfile -t files < <(git ls-files -co --exclude-standard | while read -r file; do
	head -c 32 "$file" 2>/dev/null | tr -d '\0' | head -n 1 | grep -qE '^#!.*\b(ba|da)?sh\b' && echo "$file"
done)
shellcheck --severity=style "${files[@]}" || exit 1
echo "${#files[@]} scripts"

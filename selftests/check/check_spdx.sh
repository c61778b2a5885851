#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Every source file says its licence in one of its first lines: the kernel's pair for what is
# loaded into the kernel or shared with it, Apache-2.0 for the rest.
set -u
bad=0
count=0
while read -r file; do
	case $file in
	LICENSES/* | *.md | *.json | *.txt | .gitignore | .clang-format | .editorconfig) continue ;;
	*/corpus/* | */fixtures/* | *.http | *.bin) continue ;;
	esac
	case $file in
	bpf/* | headers/* | vmlinux.h) want='GPL-2.0-only OR BSD-2-Clause' ;;
	*) want='Apache-2.0' ;;
	esac
	[ -s "$file" ] || continue
	count=$((count + 1))
	mapfile -t -n 4 lines <"$file"
	if [[ "${lines[*]}" != *"SPDX-License-Identifier: $want"* ]]; then
		echo "$file: no 'SPDX-License-Identifier: $want' in its first four lines"
		bad=1
	fi
done < <(git ls-files -co --exclude-standard)
echo "$count files"
exit $bad

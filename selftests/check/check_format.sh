#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The layout of all C sources is what clang-format makes of them. vmlinux.h is laid out like the
# kernel's own dump, to be compared with it, and is left out.
set -u
mapfile -t files < <(git ls-files -co --exclude-standard '*.c' '*.h' | grep -vx 'vmlinux.h')
clang-format --dry-run -Werror --ferror-limit=3 "${files[@]}" || {
	echo "Remedy: clang-format -i FILE"
	exit 1
}
echo "${#files[@]} files"

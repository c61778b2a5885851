#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Every header compiles alone: the contract as C, C++ and for the BPF target (over the kernel's uapi
# types and over vmlinux.h); the headers of user/ as C.
set -u
clang=${CLANG:-clang}
bad=0
count=0
try() { # what, file, command...
	local what=$1 file=$2
	shift 2
	count=$((count + 1))
	"$@" || {
		echo "$file: does not compile alone as $what"
		bad=1
	}
}
uapi=/usr/include/$(gcc -print-multiarch)
flags=(-fsyntax-only -Wall -Wextra -Werror -Wno-unused-function -Iheaders)
for file in headers/*.h; do
	try C "$file" gcc "${flags[@]}" -std=gnu11 -x c "$file"
	try C++ "$file" "$clang" "${flags[@]}" -std=c++17 -x c++ "$file"
	try "BPF C" "$file" "$clang" -target bpf "${flags[@]}" "-I$uapi" -std=gnu11 -x c "$file"
	if [ -f vmlinux.h ]; then
		try "BPF C over vmlinux.h" "$file" "$clang" -target bpf "${flags[@]}" -I. \
			-include vmlinux.h -std=gnu11 -x c "$file"
	fi
done
mapfile -t user_headers < <(git ls-files -co --exclude-standard 'user/*.h')
mapfile -t bpf_headers < <(git ls-files -co --exclude-standard 'bpf/*.h' ':!bpf/*.tmpl.h')
for file in "${user_headers[@]}"; do
	try C "$file" gcc "${flags[@]}" -D_GNU_SOURCE -Iuser -Ibuild/gen -std=gnu11 -x c "$file"
done
for file in "${bpf_headers[@]}"; do
	try "BPF C" "$file" "$clang" -target bpf "${flags[@]}" -Ibpf -I. \
		-Wno-unused-parameter -D__TARGET_ARCH_x86 -std=gnu11 -x c "$file"
done
echo "$count compilations"
exit $bad

#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Nothing in user/ makes cppcheck complain. A false alarm is silenced beside the line, with the reason:
#     /* cppcheck-suppress ID -- why */
set -u
mkdir -p build/cppcheck
mapfile -t files < <(git ls-files -co --exclude-standard 'user/*.c')
# Suppressed for all:
#   missingIncludeSystem    the C library is known to cppcheck by its own description
#   unknownEvaluationOrder  2.10 takes { .index = index++ } for two uses
#   AssignmentIntegerToAddress   it takes a field behind a pointer that a function returns for one
#   nullPointerOutOfMemory       2.17 does not follow 'err = p ? use(p) : -ENOMEM'
#   normalCheckLevelMaxBranches  2.17 says of each large function that it could look longer
# unusedFunction is not enabled: it cannot see that other programs use a library. cppcheck_macros.h
# has macros of system headers, which it does not read.
run_cppcheck() {
	cppcheck --quiet --error-exitcode=1 --inline-suppr --std=c11 --language=c \
		--enable=warning,performance,portability -j 2 \
		--cppcheck-build-dir=build/cppcheck --suppress=missingIncludeSystem \
		--suppress=unknownEvaluationOrder --suppress=normalCheckLevelMaxBranches \
		--suppress=AssignmentIntegerToAddress --suppress=nullPointerOutOfMemory \
		-D_GNU_SOURCE -D__x86_64__ -D__linux__ -DSLUICE_VERSION='"0"' -DSLUICE_BUILD_ID='"0"' \
		--include=selftests/check/cppcheck_macros.h \
		-Iuser -Iheaders --template='{file}:{line}: {severity}: {message} [{id}]' \
		"$@"
}

# The check checks itself: with a definition that it does not understand, cppcheck says nothing of
# any file, and so of these.
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
printf 'int f(void)\n{\n\tint a[2] = { 0 };\n\n\treturn a[2];\n}\n' >"$scratch/bounds.c"
printf 'struct a { LIST_ENTRY(a) e; };\nLIST_HEAD(as, a);\nint f(void)\n{\n\t%s\n}\n' \
	'struct as s = { 0 }; struct a *i; int n; LIST_FOREACH(i, &s, e) n++; return n;' \
	>"$scratch/macros.c"
for file in "$scratch"/*.c; do
	if run_cppcheck "$file" 2>/dev/null; then
		echo "self-test: cppcheck finds no fault with ${file##*/}"
		exit 1
	fi
done

run_cppcheck "${files[@]}" || exit 1
echo "${#files[@]} files"

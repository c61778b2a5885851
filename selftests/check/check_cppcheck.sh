#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Nothing in user/ makes cppcheck complain. A false alarm is silenced beside the line, with the reason:
#     /* cppcheck-suppress ID -- why */
set -u
mkdir -p build/cppcheck
mapfile -t files < <(git ls-files -co --exclude-standard 'user/*.c')
# Suppressed for all:
#   missingIncludeSystem  the C library is known to cppcheck by its own description
#   unusedFunction is not enabled: it cannot see other programs of a library
cppcheck --quiet --error-exitcode=1 --inline-suppr --std=c11 --language=c \
	--enable=warning,performance,portability -j 2 \
	--cppcheck-build-dir=build/cppcheck --suppress=missingIncludeSystem \
	--library=posix \
	-D_GNU_SOURCE -D__x86_64__ -D__linux__ -DSLUICE_VERSION='"0"' -DSLUICE_BUILD_ID='"0"' \
	-Iuser -Iheaders --template='{file}:{line}: {severity}: {message} [{id}]' \
	"${files[@]}" || exit 1
echo "${#files[@]} files"

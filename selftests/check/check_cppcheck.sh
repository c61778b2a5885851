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
# unusedFunction is not enabled: it cannot see that other programs use a library. Macros of system
# headers, which it does not read, are told by hand.
cppcheck --quiet --error-exitcode=1 --inline-suppr --std=c11 --language=c \
	--enable=warning,performance,portability -j 2 \
	--cppcheck-build-dir=build/cppcheck --suppress=missingIncludeSystem \
	--suppress=unknownEvaluationOrder \
	-D_GNU_SOURCE -D__x86_64__ -D__linux__ -DSLUICE_VERSION='"0"' -DSLUICE_BUILD_ID='"0"' \
	-D'LIBBPF_OPTS(type,name,...)=struct type name={__VA_ARGS__}' \
	-D'DECLARE_LIBXDP_OPTS(type,name,...)=struct type name={__VA_ARGS__}' \
	-D'LIST_HEAD(name,type)=struct name{struct type *lh_first;}' \
	-D'LIST_ENTRY(type)=struct{struct type *le_next;struct type **le_prev;}' \
	-D'TAILQ_HEAD(name,type)=struct name{struct type *tqh_first;}' \
	-D'TAILQ_ENTRY(type)=struct{struct type *tqe_next;}' \
	-Iuser -Iheaders --template='{file}:{line}: {severity}: {message} [{id}]' \
	"${files[@]}" || exit 1
echo "${#files[@]} files"

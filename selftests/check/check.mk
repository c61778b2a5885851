# SPDX-License-Identifier: Apache-2.0
# Static checks: `make check` runs all of them two at a time; each runs alone by its file as well.

check: deps ## static checks: layout, lint, layers, modules, headers, names, sizes, docs, commits
	$Q $(MAKE) --no-print-directory all
	$Q MAKE="$(MAKE)" CC="$(CC)" CLANG="$(CLANG)" BPFTOOL="$(BPFTOOL)" selftests/check/run.sh

.PHONY: check

# SPDX-License-Identifier: Apache-2.0
# Static checks: `make check` runs all of them two at a time; each runs alone by its file as well.

check: deps ## static checks: layout, lint, layers, headers, vmlinux.h, sizes, man pages
	$Q MAKE="$(MAKE)" CLANG="$(CLANG)" BPFTOOL="$(BPFTOOL)" selftests/check/run.sh

.PHONY: check

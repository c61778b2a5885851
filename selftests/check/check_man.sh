#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Every man page renders, and mandoc's lint finds nothing to warn of.
set -u
bad=0
for page in sluiced sluice-proxy sluicectl sluice-init; do
	file=docs/man/$page.8
	if [ ! -f "$file" ]; then
		echo "$file: missing"
		bad=1
		continue
	fi
	mandoc -T lint -W warning,stop "$file" || bad=1
	[ "$(mandoc -T ascii "$file" | wc -l)" -ge 20 ] || {
		echo "$file: renders to less than 20 lines"
		bad=1
	}
done
echo "4 pages"
exit $bad

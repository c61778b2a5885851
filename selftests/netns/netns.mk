# SPDX-License-Identifier: Apache-2.0
# End to end: real nginx, curl and wrk in network namespaces. K=text runs the tests whose name has it.

netns: all ## end-to-end tests in network namespaces (root)
	$Q selftests/lib/run_tests.py $(if $(K),-k $(K)) selftests/netns

.PHONY: netns

test_suites += netns

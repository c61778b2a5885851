# SPDX-License-Identifier: Apache-2.0
# Random traffic through the helper under ASan and UBSan. SEED=N: only this one; SECONDS=60.

CHAOS_SECONDS ?= 60

chaos: $T/worker-host ## random traffic through the helper under sanitizers. SEED=N, SECONDS=60
	$Q $(MAKE) --no-print-directory SAN=1 $(B)/san/sluice-proxy
	$Q PROXY=$(B)/san/sluice-proxy selftests/chaos/chaos.py $(addprefix --seed ,$(SEED)) \
		--seconds $(or $(SECONDS),$(CHAOS_SECONDS))

.PHONY: chaos

test_suites += chaos
test_builds += $T/worker-host

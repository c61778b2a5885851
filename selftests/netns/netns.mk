# SPDX-License-Identifier: Apache-2.0
# End to end: real nginx, curl and wrk in network namespaces. K=text runs the tests whose name has it.

# A worker that tries to break out; it is linked as sluice-proxy is.
$T/captive-worker: selftests/netns/captive_worker.c $(foreach l,proxy table handoff model base,$(call archive,$l))
	$(say) TEST $@
	$Q mkdir -p $(@D)
	$Q $(CC) $(CPPFLAGS) $(ALL_CFLAGS) $(LDFLAGS) -MMD -MP -o $@ $< \
		-Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(LIBS_sluice-proxy)

netns: all $T/captive-worker ## end-to-end tests in network namespaces (root)
	$Q selftests/lib/run_tests.py $(if $(K),-k $(K)) selftests/netns

.PHONY: netns

test_suites += netns
test_builds += $T/captive-worker

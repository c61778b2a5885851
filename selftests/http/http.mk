# SPDX-License-Identifier: Apache-2.0
# HTTP without root and without BPF: worker-host stands in for sluiced and hands one worker
# everything it needs; the tests in Python speak to it over the loopback device.

http_archives := $(foreach l,proxy table handoff model base,$(call archive,$l))

$T/worker-host: selftests/http/worker_host.c $(http_archives)
	$(say) TEST $@
	$Q mkdir -p $(@D)
	$Q $(CC) $(CPPFLAGS) -Iselftests $(ALL_CFLAGS) $(LDFLAGS) -MMD -MP -o $@ $< \
		-Wl,--start-group $(http_archives) -Wl,--end-group $(sort $(LIBS_sluiced) $(LIBS_sluice-proxy))

-include $T/worker-host.d

http: $(B)/sluice-proxy $T/worker-host ## HTTP rules with raw sockets (no root needed). K=text as for netns
	$Q selftests/lib/run_tests.py $(if $(K),-k $(K)) selftests/http

# What compares with other servers, or asks for an odd form only, says nothing of memory.
http_san_left := test_peers test_odd_requests
http_san_tests := $(filter-out $(http_san_left:%=selftests/http/%.py),$(wildcard selftests/http/test_*.py))

http-san: $T/worker-host ## the same with the helper under ASan and UBSan, without pools of memory
	$Q $(MAKE) --no-print-directory SAN=1 $(B)/san/sluice-proxy
	$Q PROXY=$(B)/san/sluice-proxy selftests/lib/run_tests.py $(if $(K),-k $(K)) $(http_san_tests)

differential: $(B)/sluice-proxy $T/worker-host ## odd requests to Sluice, nginx and HAProxy. ARGS=--all, ARGS='--all K=text'
	$Q selftests/http/differential.py $(ARGS)

.PHONY: http http-san differential

test_suites += http http-san

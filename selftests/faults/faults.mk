# SPDX-License-Identifier: Apache-2.0
# Calls of the helper that fail once: fault_calls.c is linked between a sanitized helper and libc.

FAULTS_SECONDS ?= 20

# Those of fault_calls.c; a name that is missing here is an undefined symbol when it is linked.
fault_wraps := malloc calloc realloc strdup accept4 socket connect epoll_create1 epoll_ctl getsockname setsockopt \
	       getsockopt shutdown recv recvmsg send sendmsg memfd_create ftruncate mmap getrandom

ifdef SAN
$(B)/fault/sluice-proxy: selftests/faults/fault_calls.c $O/proxy/main.o $(foreach l,proxy handoff base,$(call archive,$l))
	$(say) LINK $@
	$Q mkdir -p $(@D)
	$Q $(CC) $(CPPFLAGS) $(ALL_CFLAGS) -Wno-missing-prototypes $(LDFLAGS) $(fault_wraps:%=-Wl,--wrap=%) -o $@ \
		$(filter %.c %.o,$^) -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(LIBS_sluice-proxy)
endif

faults: $T/worker-host ## each call of the helper fails once. SECONDS=20, K=text
	$Q $(MAKE) --no-print-directory SAN=1 $(B)/fault/sluice-proxy
	$Q ASAN_OPTIONS=fast_unwind_on_malloc=0 LSAN_OPTIONS=suppressions=$(CURDIR)/selftests/faults/openssl.supp:print_suppressions=0 \
		PROXY=$(B)/fault/sluice-proxy FAULTS_SECONDS=$(or $(SECONDS),$(FAULTS_SECONDS)) \
		selftests/lib/run_tests.py $(if $(K),-k $(K)) selftests/faults

.PHONY: faults

test_suites += faults

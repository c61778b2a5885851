# SPDX-License-Identifier: Apache-2.0
# The selftests on other kernels, each in a small virtual machine. VM_KERNELS="6.1 6.12"; words of
# selftests/vm/suite in VM_SUITE (on each kernel) and VM_SCENARIOS (on the last one alone, for the
# time they take). Needs no privilege but for what is missing (make deps-vm).

VM_KERNELS   ?= 6.1 6.12
VM_SUITE     ?= verifier prog guest
VM_SCENARIOS ?= netns

# The same in a root of another distribution, on the kernel of this machine.
ROOT_DISTRIBUTION ?= trixie
ROOT_SUITES	  ?= unit prog demo-test

vm_bpf := $(patsubst selftests/vm/%.bpf.c,$T/vm/%.bpf.o,$(wildcard selftests/vm/*.bpf.c))

$T/vm/%.bpf.o: selftests/vm/%.bpf.c
	$(say) BPF $@
	$Q mkdir -p $(@D)
	$Q $(CLANG) $(BPF_CFLAGS) -MMD -MP -c -o $@ $<

$T/vm/verifier_report: selftests/vm/verifier_report.c
	$(say) TEST $@
	$Q mkdir -p $(@D)
	$Q $(CC) $(CPPFLAGS) $(ALL_CFLAGS) $(LDFLAGS) -MMD -MP -o $@ $< -lbpf -lelf -lz

deps-vm: deps ## install what the virtual machines need
	$Q selftests/lib/deps.sh vm

test-vm: deps-vm ## the selftests on Linux 6.1 and 6.12, in virtual machines (VM_KERNELS, VM_SUITE, VM_SCENARIOS)
	$Q $(MAKE) --no-print-directory all $(prog_bins) $(prog_bins_tc) $(vm_bpf) $T/vm/verifier_report
	$Q selftests/vm/matrix.sh "$(VM_KERNELS)" "$(VM_SUITE)" "$(VM_SCENARIOS)"

verifier-report: $(B)/bpf/sluice.o $(B)/bpf/sluice_tc.o $(clang_objs) $T/vm/verifier_report ## what each BPF program costs this kernel's verifier (root)
	$Q $T/vm/verifier_report $(B)/bpf/sluice.o
	$Q $T/vm/verifier_report $(B)/bpf/sluice_tc.o
	$Q for object in $(filter %/sluice.o %/sluice_tc.o,$(clang_objs)); do \
		$T/vm/verifier_report "$$object" || exit 1; done

test-root: deps-vm ## build and test in a root of Debian 13, made by debootstrap (ROOT_DISTRIBUTION, ROOT_SUITES)
	$Q selftests/vm/root $(ROOT_DISTRIBUTION) -- \
		make --no-print-directory in-root ROOT_SUITES="$(ROOT_SUITES)"

in-root: deps
	$Q $(MAKE) --no-print-directory all $(unit_bins)
	$Q MAKE="$(MAKE)" selftests/lib/run-suites.sh $(ROOT_SUITES)

demo-test: all
	$Q selftests/demo/demo.py && echo '1 passed, 0 failed'

-include $(wildcard $T/vm/*.d)

.PHONY: deps-vm test-vm verifier-report test-root in-root demo-test

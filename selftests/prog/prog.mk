# SPDX-License-Identifier: Apache-2.0
# Packets through the programs by BPF_PROG_TEST_RUN, and the maps against the header. Needs root.

prog_bins := $(patsubst selftests/prog/%.c,$T/prog/%,$(sort $(wildcard selftests/prog/test_*.c)))
# The same packets through tc_l4.
prog_bins_tc := $(addprefix $T/prog/,test_xdp_tc test_remote_tc test_flows_tc test_announce_tc \
		test_flow_ends_tc test_hostile_tc test_tunnels_tc)

# What lies before a packet, in tests as on a device.
$(B)/bpf/poison.o: selftests/prog/poison.bpf.c selftests/prog/poison.h
	$(say) BPF $@
	$Q mkdir -p $(@D)
	$Q $(CLANG) $(BPF_CFLAGS) -Iselftests/prog -c -o $@ $<

$(B)/gen/poison.skel.h: $(B)/bpf/poison.o
	$(say) SKEL $@
	$Q $(BPFTOOL) gen skeleton $< name poison >$@

$(prog_bins_tc): $T/prog/%_tc: selftests/prog/%.c selftests/prog/fixture.c selftests/prog/packet.c \
	   $(skeleton) $(B)/gen/poison.skel.h $O/base/inet.o
	$(say) TEST $@
	$Q mkdir -p $(@D)
	$Q $(CC) $(CPPFLAGS) -Iselftests -DFIXTURE_TC -std=gnu11 $(warnings) -O1 -g -MMD -MP -o $@ \
		$(filter %.c %.o,$^) -lcmocka -lbpf -lelf -lz

$T/prog/%: selftests/prog/%.c selftests/prog/fixture.c selftests/prog/packet.c $(skeleton) \
	   $(B)/gen/poison.skel.h $O/base/inet.o
	$(say) TEST $@
	$Q mkdir -p $(@D)
	$Q $(CC) $(CPPFLAGS) -Iselftests -std=gnu11 $(warnings) -O1 -g -MMD -MP -o $@ \
		$(filter %.c $O/%.o,$^) -lcmocka -lbpf -lelf -lz

# The programs by each clang of this machine, clang-14 and the like, beside the one that builds them.
clang_number := $(shell $(CLANG) -dumpversion | cut -d. -f1)
other_clangs := $(filter-out clang-$(clang_number),$(sort $(notdir $(wildcard /usr/bin/clang-[0-9][0-9]))))
clang_objs   := $(foreach c,$(other_clangs),$(addprefix $(B)/compilers/$c/,sluice.o sluice_tc.o xdp_dispatcher.bpf.o))

define clang_rules
$(B)/compilers/$1/%.bpf.o: bpf/%.bpf.c
	$$(say) BPF $$@
	$$Q mkdir -p $$(@D)
	$$Q $1 $$(BPF_CFLAGS) -MMD -MP -c -o $$@ $$<

$(B)/compilers/$1/sluice.o: $(bpf_srcs:bpf/%.bpf.c=$(B)/compilers/$1/%.bpf.o)
	$$(say) BPFLINK $$@
	$$Q $$(BPFTOOL) gen object $$@ $$^

$(B)/compilers/$1/sluice_tc.o: $(B)/compilers/$1/maps.bpf.o $(B)/compilers/$1/tc_l4.bpf.o
	$$(say) BPFLINK $$@
	$$Q $$(BPFTOOL) gen object $$@ $$^
endef
$(foreach c,$(other_clangs),$(eval $(call clang_rules,$c)))
-include $(wildcard $(B)/compilers/*/*.d)

$T/prog/test_verifier: CPPFLAGS += -DCOMPILERS='"clang-$(clang_number)=$(B)/bpf $(foreach c,$(other_clangs),$c=$(B)/compilers/$c)"'
$T/prog/test_verifier: $(clang_objs) $(dispatcher)

$T/prog/test_sweep: $O/dataplane/sweep.o $O/dataplane/maps.o $O/base/log.o

$T/prog/test_refusal: $O/dataplane/refusal.o $O/dataplane/error.o | $T/vm/xdp_bad.bpf.o

prog: $(prog_bins) $(prog_bins_tc) ## packets through the BPF programs, byte by byte (root)
	$Q selftests/lib/run-units.sh $(prog_bins) $(prog_bins_tc)

test_suites += prog
test_builds += $(prog_bins) $(prog_bins_tc)

.PHONY: prog

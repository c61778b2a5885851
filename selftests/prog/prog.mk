# SPDX-License-Identifier: Apache-2.0
# Packets through the programs by BPF_PROG_TEST_RUN, and the maps against the header. Needs root.

prog_bins := $(patsubst selftests/prog/%.c,$T/prog/%,$(sort $(wildcard selftests/prog/test_*.c)))
# The same packets through tc_l4.
prog_bins_tc := $(addprefix $T/prog/,test_xdp_tc test_remote_tc test_flows_tc test_announce_tc)

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
		$(filter %.c %.o,$^) -lcmocka -lbpf -lelf -lz

prog: $(prog_bins) $(prog_bins_tc) ## packets through the BPF programs, byte by byte (root)
	$Q selftests/lib/run-units.sh $(prog_bins) $(prog_bins_tc)

test_suites += prog
test_builds += $(prog_bins) $(prog_bins_tc)

.PHONY: prog

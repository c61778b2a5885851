# SPDX-License-Identifier: Apache-2.0
# What it costs: `make bench` runs everything here, one after the other, on an otherwise idle machine,
# and keeps the outputs in build/bench/.. NAME.c is built with the layers; NAME.py
# runs as it is.

bench_srcs := $(sort $(wildcard selftests/bench/*_cost.c selftests/bench/*_bench.c))
bench_bins := $(bench_srcs:selftests/bench/%.c=$(B)/bench/%)
bench_scripts := $(sort $(wildcard selftests/bench/*_cost.py selftests/bench/*_bench.py))
bench_archives := $(foreach l,admin proxy dataplane table files kube handoff model base,$(call archive,$l))

$(B)/bench/%: selftests/bench/%.c $(bench_archives)
	$(say) BENCH $@
	$Q mkdir -p $(@D)
	$Q $(CC) $(CPPFLAGS) -Iselftests $(ALL_CFLAGS) $(LDFLAGS) -MMD -MP -o $@ $< \
		-Wl,--start-group $(bench_archives) -Wl,--end-group $(LIBS_unit)

# Packets: the programs of the data plane behind one that restores the packet.
$(B)/bench/restore.o: selftests/bench/restore.bpf.c selftests/bench/restore.h
	$(say) BPF $@
	$Q mkdir -p $(@D)
	$Q $(CLANG) $(BPF_CFLAGS) -Iselftests/bench -c -o $@ $<

$(B)/gen/restore.skel.h: $(B)/bench/restore.o
	$(say) SKEL $@
	$Q $(BPFTOOL) gen skeleton $< name restore >$@

$(B)/bench/packet_cost: selftests/bench/packet_cost.c selftests/prog/fixture.c selftests/prog/packet.c \
			$(B)/gen/restore.skel.h $(B)/gen/poison.skel.h $(skeleton) \
			$O/base/inet.o
	$(say) BENCH $@
	$Q mkdir -p $(@D)
	$Q $(CC) $(CPPFLAGS) -Iselftests $(ALL_CFLAGS) $(LDFLAGS) -o $@ $(filter %.c %.o,$^) -lbpf -lelf -lz

# What a script runs, and no bench by itself.
bench_tools := $(B)/bench/tunnel_load $(B)/bench/flood

# Frames for packet_rate_bench.py.
$(B)/bench/flood.o: selftests/bench/flood.bpf.c selftests/bench/flood.h
	$(say) BPF $@
	$Q mkdir -p $(@D)
	$Q $(CLANG) $(BPF_CFLAGS) -Iselftests/bench -c -o $@ $<

$(B)/gen/flood.skel.h: $(B)/bench/flood.o
	$(say) SKEL $@
	$Q $(BPFTOOL) gen skeleton $< name flood >$@

$(B)/bench/flood: selftests/bench/flood.c $(B)/gen/flood.skel.h
	$(say) BENCH $@
	$Q mkdir -p $(@D)
	$Q $(CC) $(CPPFLAGS) -Iselftests $(ALL_CFLAGS) $(LDFLAGS) -o $@ $< -lbpf -lelf -lz

bench: deps ## what it costs: medians, in build/bench/ too (root; an idle machine)
	$Q $(MAKE) --no-print-directory all $(bench_bins) $(bench_tools)
	$Q selftests/bench/run.sh $(bench_bins) $(bench_scripts)

-include $(wildcard $(B)/bench/*.d)

.PHONY: bench

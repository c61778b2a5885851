# SPDX-License-Identifier: Apache-2.0
# Fuzzers: selftests/fuzz/fuzz_X.c is one libFuzzer program, linked with the layers built for
# fuzzing; its seeds lie in selftests/fuzz/corpus/X/, its words (optional) in selftests/fuzz/X.dict.

FUZZ_SECONDS ?= 60

FO := $(B)/obj-fuzz
fuzz_layers := files kube table proxy handoff model base
fuzz_srcs := $(sort $(wildcard selftests/fuzz/fuzz_*.c))
fuzz_bins := $(fuzz_srcs:selftests/fuzz/%.c=$T/fuzz/%)
fuzz_objs := $(patsubst user/%.c,$(FO)/%.o,$(filter-out $(mains),$(foreach l,$(fuzz_layers),$(call srcs_of,$l))))
fuzz_flags := $(san_flags) -O1 -g
LIBS_fuzz := $(sort $(filter-out -lxdp -lbpf -lelf,$(LIBS_sluiced) $(LIBS_sluice-proxy)))

$(FO)/%.o: user/%.c | $(B)/gen/build_id.h
	$(say) FUZZCC $@
	$Q mkdir -p $(@D)
	$Q $(CLANG) $(CPPFLAGS) -std=gnu11 $(fuzz_flags) -fsanitize=fuzzer-no-link -MMD -MP -c -o $@ $<

# One archive: only what a fuzzer calls gets into it.
$(FO)/all.a: $(fuzz_objs)
	$(say) AR $@
	$Q rm -f $@ && $(AR) rcs $@ $^

$T/fuzz/%: selftests/fuzz/%.c $(FO)/all.a
	$(say) FUZZ $@
	$Q mkdir -p $(@D)
	$Q $(CLANG) $(CPPFLAGS) -Iselftests -std=gnu11 $(fuzz_flags) -fsanitize=fuzzer -MMD -MP -o $@ $< \
		$(FO)/all.a -Wl,--as-needed $(LIBS_fuzz)

fuzz: $(fuzz_bins) ## run all fuzzers side by side, FUZZ_SECONDS=60 each
	$Q selftests/fuzz/run-fuzz.sh $(FUZZ_SECONDS) $(fuzz_bins)

-include $(shell find $(FO) -name '*.d' 2>/dev/null)

test_suites += fuzz
test_builds += $(fuzz_bins)

.PHONY: fuzz

# SPDX-License-Identifier: Apache-2.0
# Tests, checks, fuzzers and benches. Included by the Makefile.

T := $(B)/tests

# ---- units: cmocka under ASan + UBSan ---------------------------------------------------------------
# selftests/unit/LAYER/test_X.c is one program; it is linked with the sanitized archives of all layers.

unit_srcs := $(sort $(shell find selftests/unit -name 'test_*.c'))
unit_bins := $(unit_srcs:selftests/unit/%.c=$T/unit/%)
SO := $(B)/obj-san
san_archives := $(foreach l,cli daemon admin proxy dataplane table files kube handoff model base,$(SO)/lib$l.a)
LIBS_unit := -lcmocka $(sort $(LIBS_sluiced) $(LIBS_sluice-proxy))

ifndef SAN
# The sanitized objects come from the same rules, in a second make.
$(san_archives): san-archives ;
san-archives: $(skeleton) $(B)/gen/build_id.h
	$Q $(MAKE) --no-print-directory SAN=1 $(san_archives)
.PHONY: san-archives
endif

$T/unit/%: selftests/unit/%.c $(san_archives)
	$(say) TEST $@
	$Q mkdir -p $(@D)
	$Q $(CC) $(CPPFLAGS) -Iselftests -std=gnu11 $(warnings) -O1 -g $(san_flags) -MMD -MP -o $@ $< \
		-Wl,--start-group $(san_archives) -Wl,--end-group $(LIBS_unit)

unit: $(unit_bins) ## unit tests under ASan and UBSan (no root needed)
	$Q selftests/lib/run-units.sh $(unit_bins)

.PHONY: unit

# ---- units of what has threads: under ThreadSanitizer -------------------------------------------------
# sluiced has one, which looks up host names; a worker of the helper has none.

tsan_units := daemon/test_external_names
tsan_bins := $(tsan_units:%=$T/unit-tsan/%)
TO := $(B)/obj-tsan
tsan_archives := $(foreach l,daemon table handoff model base,$(TO)/lib$l.a)

ifndef TSAN
$(tsan_archives): tsan-archives ;
tsan-archives: $(skeleton) $(B)/gen/build_id.h
	$Q $(MAKE) --no-print-directory TSAN=1 $(tsan_archives)
.PHONY: tsan-archives
endif

$T/unit-tsan/%: selftests/unit/%.c $(tsan_archives)
	$(say) TEST $@
	$Q mkdir -p $(@D)
	$Q $(CC) $(CPPFLAGS) -Iselftests -std=gnu11 $(warnings) -O1 -g $(tsan_flags) -MMD -MP -o $@ $< \
		-Wl,--start-group $(tsan_archives) -Wl,--end-group $(LIBS_unit)

unit-tsan: $(tsan_bins) ## unit tests of what has threads under ThreadSanitizer (no root needed)
	$Q selftests/lib/run-units.sh $(tsan_bins)

.PHONY: unit-tsan

test_suites += unit-tsan
test_builds += $(tsan_bins)

# ---- all of them --------------------------------------------------------------------------------------
# A suite is a make target that ends with the line 'N passed, N failed'. The .mk file of its folder
# adds it here (test_suites) with what can be built beforehand (test_builds).

test: deps ## all tests; each suite is a target of its own too (unit, netns, fuzz, ...)
	$Q $(MAKE) --no-print-directory all $(unit_bins) $(test_builds)
	$Q MAKE="$(MAKE)" selftests/lib/run-suites.sh unit $(test_suites)

.PHONY: test

# SPDX-License-Identifier: Apache-2.0
# Sluice. `make help` lists the targets; everything built lands in build/.
#
#   V=1           show each command
#   SAN=1         build the programs with AddressSanitizer and UndefinedBehaviorSanitizer, and
#                 without pools of memory (build/san/)
#   TSAN=1        build the programs with ThreadSanitizer (build/tsan/)
#   VMLINUX=full  build the BPF programs against the running kernel's full type dump
#   PREFIX=, DESTDIR=   where `make install` puts things

VERSION := 0.1.0
PREFIX	?= /usr/local
DESTDIR ?=
CC	?= gcc
CLANG	?= clang
BPFTOOL ?= $(firstword $(wildcard /usr/sbin/bpftool /usr/local/sbin/bpftool) bpftool)

.DELETE_ON_ERROR:
.SUFFIXES:
.DEFAULT_GOAL := all

ifeq ($(V),1)
Q :=
say = @:
else
Q := @
say = @printf '  %-7s %s\n'
endif

# ---- what there is ----------------------------------------------------------------------------------

B := build
O := $(B)/obj$(if $(SAN),-san)$(if $(TSAN),-tsan)
layers := base model handoff kube files table dataplane proxy admin daemon cli
# A layer is a folder of user/; its sources lie in it and in folders below.
srcs_of = $(sort $(shell find user/$1 -name '*.c'))
mains	:= user/daemon/main.c user/proxy/main.c user/cli/main.c user/init/main.c
objs_of = $(patsubst user/%.c,$O/%.o,$(filter-out $(mains),$(call srcs_of,$1)))
archive = $O/lib$1.a

dispatcher := $(B)/bpf/xdp_dispatcher.bpf.o
bpf_srcs := $(filter-out bpf/xdp_dispatcher.bpf.c bpf/tc_l4.bpf.c,$(sort $(wildcard bpf/*.bpf.c)))
bpf_objs := $(bpf_srcs:bpf/%.bpf.c=$(B)/bpf/%.bpf.o)
skeleton := $(B)/gen/sluice.skel.h $(B)/gen/sluice_tc.skel.h $(B)/gen/dispatcher.skel.h

BUILD_ID := $(VERSION)-$(shell find user headers -name '*.[ch]' | LC_ALL=C sort | xargs cat | sha256sum | cut -c1-12)

# ---- flags ------------------------------------------------------------------------------------------

warnings := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
	    -Wwrite-strings -Wvla -Wformat=2 -Wno-format-nonliteral -Werror
CPPFLAGS += -D_GNU_SOURCE -Iuser -Iheaders -I$(B)/gen -DSLUICE_VERSION='"$(VERSION)"'
CFLAGS	 ?= -O2 -g
# SLUICE_CHECK: what has to hold after each turn of the loop is asserted (exchange_check.c).
# SLUICE_NO_POOLS: memory that is given back is freed, so that a use of it is seen (slab.c, buffer.c).
san_flags := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer \
	     -DSLUICE_NO_POOLS -DSLUICE_CHECK
tsan_flags := -fsanitize=thread -fno-omit-frame-pointer
ALL_CFLAGS := -std=gnu11 $(warnings) -fstack-protector-strong -fPIE $(CFLAGS) $(if $(SAN),$(san_flags)) $(if $(TSAN),$(tsan_flags))
LDFLAGS += -pie -Wl,-z,relro,-z,now -Wl,--as-needed $(if $(SAN),$(san_flags)) $(if $(TSAN),$(tsan_flags))

BPF_ARCH   := $(shell uname -m | sed 's/x86_64/x86/;s/aarch64/arm64/')
BPF_CFLAGS := -target bpf -D__TARGET_ARCH_$(BPF_ARCH) -mcpu=v3 -O2 -g -std=gnu11 -Wall -Wextra -Werror \
	      -Wno-unused-parameter -Iheaders -Ibpf $(if $(filter full,$(VMLINUX)),-I$(B)/gen/full,-I.)

LIBS_sluiced	  := -lxdp -lbpf -lelf -lz -lcurl -lcjson -lyaml -lmicrohttpd -lcrypto -lpcre2-8
LIBS_sluice-proxy := -lssl -lcrypto -lnghttp2 -lpcre2-8 -lseccomp
LIBS_sluicectl	  := -lxdp -lbpf -lelf -lz -lcurl -lcjson

# ---- programs -----------------------------------------------------------------------------------------

programs := $(if $(SAN),$(B)/san,$(if $(TSAN),$(B)/tsan,$(B)))

program_names := sluiced sluice-proxy sluicectl sluice-init

all: $(addprefix $(programs)/,$(program_names)) ## build the programs

$(programs)/sluiced: $O/daemon/main.o $(foreach l,daemon admin dataplane table files kube handoff model base,$(call archive,$l))
$(programs)/sluice-proxy: $O/proxy/main.o $(foreach l,proxy handoff base,$(call archive,$l))
$(programs)/sluicectl: $O/cli/main.o $(foreach l,cli admin dataplane table handoff model base,$(call archive,$l))

$(programs)/sluice-init: $O/init/main.o $(call archive,base)

# A static pattern: an open one would also be tried for what -include names below $(programs).
$(addprefix $(programs)/,$(program_names)): $(programs)/%:
	$(say) LINK $@
	$Q mkdir -p $(@D)
	$Q $(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(LIBS_$*)

define archive_rule
$(call archive,$1): $(call objs_of,$1)
	$$(say) AR $$@
	$$Q mkdir -p $$(@D) && rm -f $$@ && $(AR) rcs $$@ $$^
endef
$(foreach l,$(layers),$(eval $(call archive_rule,$l)))

$O/%.o: user/%.c
	$(say) CC $@
	$Q mkdir -p $(@D)
	$Q $(CC) $(CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# The id by which sluiced tells its own helper from one of another build.
$(B)/gen/build_id.h: FORCE
	$Q mkdir -p $(@D)
	$Q echo '#define SLUICE_BUILD_ID "$(BUILD_ID)"' | cmp -s - $@ || echo '#define SLUICE_BUILD_ID "$(BUILD_ID)"' >$@
FORCE:

$(patsubst user/%.c,$O/%.o,$(foreach l,proxy daemon,$(call srcs_of,$l))): | $(B)/gen/build_id.h
$(patsubst user/%.c,$O/%.o,$(call srcs_of,dataplane)): | $(skeleton)

# ---- BPF ----------------------------------------------------------------------------------------------

$(B)/bpf/%.bpf.o: bpf/%.bpf.c $(if $(filter full,$(VMLINUX)),$(B)/gen/full/vmlinux.h)
	$(say) BPF $@
	$Q mkdir -p $(@D)
	$Q $(CLANG) $(BPF_CFLAGS) -MMD -MP -c -o $@ $<

$(B)/bpf/sluice.o: $(bpf_objs)
	$(say) BPFLINK $@
	$Q $(BPFTOOL) gen object $@ $^

# Of its own: it is loaded only where it is needed, and its functions have the names of those of XDP.
$(B)/bpf/sluice_tc.o: $(B)/bpf/maps.bpf.o $(B)/bpf/tc_l4.bpf.o
	$(say) BPFLINK $@
	$Q $(BPFTOOL) gen object $@ $^

$(B)/gen/sluice.skel.h: $(B)/bpf/sluice.o
$(B)/gen/sluice_tc.skel.h: $(B)/bpf/sluice_tc.o
$(B)/gen/dispatcher.skel.h: $(dispatcher)
$(skeleton): $(B)/gen/%.skel.h:
	$(say) SKEL $@
	$Q mkdir -p $(@D)
	$Q $(BPFTOOL) gen skeleton $< name $*_bpf >$@

$(B)/gen/full/vmlinux.h:
	$Q mkdir -p $(@D)
	$Q $(BPFTOOL) btf dump file /sys/kernel/btf/vmlinux format c >$@

-include $(shell find $O $(B)/bpf $(B)/tests -name '*.d' 2>/dev/null)

# ---- everything else has a file of its own beside what it drives -----------------------------------------

include selftests/tests.mk $(wildcard selftests/*/*.mk)

deps: ## install what building, testing and the demo need (Debian packages)
	$Q selftests/lib/deps.sh

demo: deps ## show the main job on this machine, in network namespaces
	$Q $(MAKE) --no-print-directory all
	$Q selftests/demo/demo.py

install: all ## install programs and man pages below DESTDIR/PREFIX
	install -d $(DESTDIR)$(PREFIX)/sbin $(DESTDIR)$(PREFIX)/share/man/man8 $(DESTDIR)$(PREFIX)/share/doc/sluice
	install -m 755 $(addprefix $(B)/,$(program_names)) $(DESTDIR)$(PREFIX)/sbin/
	install -m 644 $(program_names:%=docs/man/%.8) $(DESTDIR)$(PREFIX)/share/man/man8/
	install -m 644 README.md CHANGELOG.md $(DESTDIR)$(PREFIX)/share/doc/sluice/

clean: ## remove everything built
	rm -rf $(B)

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | sort | \
		while IFS='	' read -r target text; do printf '  %-12s %s\n' "$$target" "$$text"; done

.PHONY: all deps demo install clean help FORCE

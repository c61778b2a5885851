# SPDX-License-Identifier: Apache-2.0
# The Kubernetes source against the double of the API server (selftests/lib/kube_double.py).

kube_archives := $(foreach l,kube model base,$(SO)/lib$l.a)

ifndef SAN
$T/kube-watch: selftests/kube/kube_watch.c FORCE
	$Q $(MAKE) --no-print-directory SAN=1 $(kube_archives)
	$(say) TEST $@
	$Q mkdir -p $(@D)
	$Q $(CC) $(CPPFLAGS) -std=gnu11 $(warnings) -O1 -g $(san_flags) -o $@ $< \
		-Wl,--start-group $(kube_archives) -Wl,--end-group -lcurl -lcjson -lyaml
endif

kube: $T/kube-watch ## the Kubernetes source against a double of the API server (no root needed)
	$Q selftests/lib/run_tests.py selftests/kube

.PHONY: kube

test_suites += kube
test_builds += $T/kube-watch

test-kube: all ## the whole of Sluice on a real API server: KUBECONFIG=FILE (without: on the double)
	$Q TEST_KUBECONFIG=$(if $(filter command line,$(origin KUBECONFIG)),$(KUBECONFIG)) \
		selftests/lib/run_tests.py selftests/netns/test_kubernetes.py

.PHONY: test-kube

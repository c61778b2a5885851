# SPDX-License-Identifier: Apache-2.0
# A whole cluster in containers. Not part of `make test`: it needs Docker, kind and kubectl, and says so
# (exit status 3) where they are missing.

test-kind: ## image, kind cluster, conformance features, the suite (needs Docker and kind)
	$Q selftests/kind/run.sh

.PHONY: test-kind

#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Builds the image, makes a kind cluster, installs Sluice as docs/kubernetes.md says, and runs the
# conformance features (conformance.py), an upgrade under load, and the suite of `make test-kube`.
# Everything is removed at the end, also after a failure; KEEP=1 leaves the cluster.
#
# Exit status: 0 all passed; 1 something failed; 3 nothing was tested, because Docker, kind or kubectl
# is not here or does not work.
set -euo pipefail
cd "$(dirname "$0")/../.."
name=sluice-test
image=sluice:kind-test
folder=$(mktemp -d "${TMPDIR:-/tmp}/sluice-kind-XXXXXX")

missing() {
	echo "kind: $1: NOTHING WAS TESTED on a kind cluster" >&2
	rmdir "$folder"
	exit 3
}

for program in docker kind kubectl; do
	command -v "$program" >/dev/null || missing "$program is not installed"
done
docker info >/dev/null 2>&1 || missing "Docker does not answer (docker info)"
if kind get clusters 2>/dev/null | grep -qx "$name"; then
	missing "a cluster $name is there already (kind delete cluster --name $name)"
fi

finish() {
	local status=$?
	if [ "$status" -ne 0 ]; then
		kubectl -n sluice-system get pods,leases -o wide || true
		kubectl -n sluice-system logs ds/sluice --tail=60 || true
	fi
	if [ -z "${KEEP:-}" ]; then
		kind delete cluster --name "$name" || true
		rm -rf "$folder"
	else
		echo "kind: kept: KUBECONFIG=$KUBECONFIG, kind delete cluster --name $name"
	fi
	exit "$status"
}

export KUBECONFIG="$folder/kubeconfig"
trap finish EXIT
echo "== image"
docker build -q -t "$image" --build-arg "REVISION=$(git rev-parse HEAD 2>/dev/null || echo unknown)" .
echo "== cluster"
kind create cluster --config selftests/kind/cluster.yaml --name "$name" --wait 180s
kind load docker-image "$image" --name "$name"
for node in $(kind get nodes --name "$name"); do
	docker exec "$node" sh -c 'mountpoint -q /sys/fs/bpf || mount -t bpf bpf /sys/fs/bpf'
done
echo "== install"
cp -r manifests "$folder/manifests"
sed -i "s/newTag: .*/newTag: ${image#*:}/" "$folder/manifests/kustomization.yaml" \
	"$folder/manifests/base/kustomization.yaml"
kubectl apply -k "$folder/manifests"
kubectl -n sluice-system rollout status daemonset/sluice --timeout=180s
echo "== conformance features"
selftests/kind/conformance.py
echo "== the suite of make test-kube"
make test-kube KUBECONFIG="$KUBECONFIG"

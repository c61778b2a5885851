#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs what is missing of the Debian packages that building, testing and the demo need; with
# the word vm those that the tests on other kernels need besides.
set -eu

build='make gcc libc6-dev pkg-config clang llvm bpftool libbpf-dev libxdp-dev libelf-dev zlib1g-dev
	libcurl4-openssl-dev libcjson-dev libyaml-dev libmicrohttpd-dev libssl-dev libnghttp2-dev
	libpcre2-dev libseccomp-dev'
test='libcmocka-dev clang-format clang-tidy cppcheck shellcheck mandoc git python3 nginx-light
	libnginx-mod-stream curl iproute2 ethtool iptables iputils-ping procps socat jq openssl
	nghttp2-proxy nghttp2-client python3-websockets python3-grpcio'
bench='wrk haproxy iperf3'
vm='qemu-system-x86 busybox-static xdp-tools debootstrap'

# Without lists of packages, as in a fresh image, nothing can be said about any of them.
if ! apt-cache show clang >/dev/null 2>&1 && [ "$(id -u)" -eq 0 ]; then
	apt-get update -qq
fi

# The sanitizers and fuzzers of clang: the package has the version of clang in its name.
version=$(apt-cache depends clang | sed -n 's/^ *Depends: clang-\([0-9]*\)$/\1/p')
test="$test libclang-rt-$version-dev"

# The BPF programs have to load with these compilers, as far as the distribution has them.
for package in clang-14 clang-19 clang-22; do
	! apt-cache show "$package" >/dev/null 2>&1 || test="$test $package"
done

# Any kubectl will do; Debian's is 1.20.
command -v kubectl >/dev/null || test="$test kubernetes-client"

[ "${1:-}" = vm ] || vm=
missing=
for package in $build $test $bench $vm; do
	if [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" != installed ]; then
		missing="$missing $package"
	fi
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" -ne 0 ]; then
	echo "make deps: these packages are missing, and only root can install them:$missing" >&2
	exit 1
fi
echo "Installing:$missing"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# Word splitting is what turns the list into arguments.
# shellcheck disable=SC2086
apt-get install -y -qq --no-install-recommends $missing >/dev/null

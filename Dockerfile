# SPDX-License-Identifier: Apache-2.0
# Two stages: the programs are built on Debian 12 and run on a slim one with nothing but the
# libraries they link.
#
#   docker build -t sluice:0.1.0 --build-arg REVISION=$(git rev-parse HEAD) .
FROM debian:12-slim AS build
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends \
	make gcc libc6-dev pkg-config clang llvm bpftool libbpf-dev libxdp-dev libelf-dev zlib1g-dev \
	libcurl4-openssl-dev libcjson-dev libyaml-dev libmicrohttpd-dev libssl-dev libnghttp2-dev \
	libpcre2-dev libseccomp-dev
COPY . /src
WORKDIR /src
RUN make -j"$(nproc)" build/sluiced build/sluice-proxy build/sluicectl build/sluice-init \
	&& strip build/sluiced build/sluice-proxy build/sluicectl build/sluice-init

FROM debian:12-slim
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Sluice" \
	org.opencontainers.image.description="Kubernetes ingress in eBPF" \
	org.opencontainers.image.version="0.1.0" \
	org.opencontainers.image.revision="$REVISION" \
	org.opencontainers.image.licenses="Apache-2.0 AND (GPL-2.0-only OR BSD-2-Clause)"
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends \
	ca-certificates libbpf1 libxdp1 libelf1 zlib1g libcurl4 libcjson1 libyaml-0-2 libmicrohttpd12 \
	libssl3 libnghttp2-14 libpcre2-8-0 libseccomp2 \
	&& rm -rf /var/lib/apt/lists/* /var/log/* /var/cache/* \
	&& useradd --system --uid 65532 --no-create-home --shell /usr/sbin/nologin sluice-proxy
COPY --from=build /src/build/sluiced /src/build/sluice-proxy /src/build/sluicectl \
	/src/build/sluice-init /usr/local/sbin/
COPY --from=build /src/LICENSES /usr/share/doc/sluice/LICENSES
# sluiced starts as root with the capabilities it is given; the helper becomes user sluice-proxy.
# sluice-init keeps the helper alive when sluiced crashes or has handed over to another pod. SIGINT
# (and SIGTERM, which it takes for the same) lets conns end in peace and removes programs and maps.
STOPSIGNAL SIGINT
ENTRYPOINT ["/usr/local/sbin/sluice-init", "/usr/local/sbin/sluiced"]

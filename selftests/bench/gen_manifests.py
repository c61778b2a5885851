#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""gen_manifests.py - a directory of manifests of any size, the same for the same arguments

One Ingress with its Service and EndpointSlice is a unit; --per-file of them go into one file.
Endpoints are spread over the Services, at most 100 a slice as Kubernetes does it. Addresses are
taken from 10.128.0.0/9 (or fd00:5::/32 with --ipv6).
"""
import argparse
import ipaddress
import os
import sys

INGRESS = """---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: web-{n}
  namespace: {namespace}
spec:
  ingressClassName: sluice
  rules:
  - host: h{n}.example.com
    http:
      paths:
      - path: /
        pathType: Prefix
        backend:
          service:
            name: web-{n}
            port:
              number: 80
      - path: /api
        pathType: Prefix
        backend:
          service:
            name: web-{n}
            port:
              name: http
---
apiVersion: v1
kind: Service
metadata:
  name: web-{n}
  namespace: {namespace}
spec:
  ports:
  - name: http
    port: 80
    targetPort: 8080
"""

SLICE = """---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  name: web-{n}-{part}
  namespace: {namespace}
  labels:
    kubernetes.io/service-name: web-{n}
addressType: {family}
ports:
- name: http
  port: 8080
endpoints:
"""

ENDPOINT = """- addresses: ["{address}"]
  conditions:
    ready: true
"""

ENDPOINTS_A_SLICE = 100


def unit(n, endpoints, first, ipv6):
    """Text of one Ingress, its Service and its slices; endpoints numbered from `first`."""
    namespace = f"ns-{n % 50}"
    base = int(ipaddress.ip_address("fd00:5::" if ipv6 else "10.128.0.0")) + 1
    text = [INGRESS.format(n=n, namespace=namespace)]
    for i in range(endpoints):
        if i % ENDPOINTS_A_SLICE == 0:
            text.append(SLICE.format(n=n, part=i // ENDPOINTS_A_SLICE, namespace=namespace,
                                     family="IPv6" if ipv6 else "IPv4"))
        text.append(ENDPOINT.format(address=ipaddress.ip_address(base + first + i)))
    return "".join(text)


def save(folder, name, text):
    """Renamed into place: a reader sees all of the file or none."""
    temporary = os.path.join(folder, f".{name}.tmp")
    with open(temporary, "w", encoding="ascii") as out:
        out.write(text)
    os.rename(temporary, os.path.join(folder, name))


def generate(folder, ingresses, endpoints, per_file, ipv6=False):
    os.makedirs(folder, exist_ok=True)
    texts, first, files = [], 0, 0
    for n in range(ingresses):
        share = endpoints * (n + 1) // ingresses - endpoints * n // ingresses
        texts.append(unit(n, share, first, ipv6))
        first += share
        if len(texts) == per_file or n == ingresses - 1:
            save(folder, f"m{files:05d}.yaml", "".join(texts))
            texts, files = [], files + 1
    return files


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder")
    parser.add_argument("--ingresses", type=int, default=10000)
    parser.add_argument("--endpoints", type=int, default=50000)
    parser.add_argument("--per-file", type=int, default=1, help="Ingresses a file; 0: all in one")
    parser.add_argument("--ipv6", action="store_true")
    args = parser.parse_args()
    if args.ingresses < 1 or args.endpoints < 0 or args.per_file < 0:
        parser.error("numbers must not be negative, and there is at least one Ingress")
    files = generate(args.folder, args.ingresses, args.endpoints,
                     args.per_file or args.ingresses, args.ipv6)
    print(f"{files} files, {args.ingresses} Ingresses, {args.endpoints} endpoints", file=sys.stderr)


if __name__ == "__main__":
    main()

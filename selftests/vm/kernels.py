# SPDX-License-Identifier: Apache-2.0
"""Kernels of Debian packages: found by version, fetched and unpacked without being installed."""

import pathlib
import re
import shutil
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDER = ROOT / "build/vm"


def _apt_cache(*words):
    done = subprocess.run(["apt-cache", *words], text=True, capture_output=True, check=True)
    return done.stdout


def _key(package):
    """Newest last: by the numbers in the name."""
    return [int(number) for number in re.findall(r"\d+", package)]


def package_of(version):
    """The newest image package of a version that the archive offers, by name."""
    pattern = rf"^linux-image-{re.escape(version)}\.\d[^ ]*-cloud-amd64$"
    names = [line.strip() for line in _apt_cache("pkgnames", f"linux-image-{version}.").split()]
    names = sorted((name for name in names if re.match(pattern, name)), key=_key)
    if not names:
        raise RuntimeError(f"Linux {version}: the package archive offers no linux-image-{version}.*"
                           "-cloud-amd64 (apt-get update? backports?); --kernel FILE --modules "
                           "FOLDER takes any other")
    return names[-1]


def fetch(version):
    """Returns (kernel image, folder of modules)."""
    package = package_of(version)
    target = FOLDER / "kernels" / package
    if not (target / "complete").exists():
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        print(f"Fetching {package}", flush=True)
        done = subprocess.run(["apt-get", "-qq", "-o", "APT::Sandbox::User=", "download", package],
                              cwd=target, text=True, capture_output=True, check=False)
        archives = list(target.glob("*.deb"))
        if done.returncode or not archives:
            raise RuntimeError(f"apt-get download {package}: {done.stderr.strip()}")
        subprocess.run(["dpkg-deb", "-x", archives[0], target], check=True)
        archives[0].unlink()
        (target / "complete").touch()
    images = list(target.glob("boot/vmlinuz-*"))
    modules = list(target.glob("lib/modules/*"))
    if len(images) != 1 or len(modules) != 1:
        raise RuntimeError(f"{package}: no kernel image or modules in it")
    return images[0], modules[0]

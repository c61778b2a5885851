# SPDX-License-Identifier: Apache-2.0
"""Whether KVM can be used: it is not enough that /dev/kvm is there. In a virtual machine or a
sandbox it may open and then refuse registers, or run a guest that never gets anywhere."""

import os
import pathlib
import subprocess

import kernels

QEMU = "qemu-system-x86_64"
PROBE_TIME_LIMIT_S = 20
BOOT_ID = pathlib.Path("/proc/sys/kernel/random/boot_id")


def machine(kvm, cpus, memory_mb, image, append, *more):
    """The words that start a guest without network and disk, its console on standard output."""
    return [QEMU, "-accel", "kvm" if kvm else "tcg,thread=multi", "-cpu", "max",
            "-smp", str(cpus), "-m", str(memory_mb), "-nodefaults", "-no-user-config",
            "-display", "none", "-no-reboot", "-serial", "stdio", "-kernel", str(image),
            "-append", f"console=ttyS0 panic=-1 {append}", *more]


def _boots(image):
    """A kernel without a root ends by itself, in a second or two, with a panic."""
    try:
        done = subprocess.run(machine(True, 2, 512, image, "quiet"), stdin=subprocess.DEVNULL,
                              capture_output=True, check=False, timeout=PROBE_TIME_LIMIT_S)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0 and b"end Kernel panic" in done.stdout


def kvm_works(image):
    """Tried once a boot of this machine with a kernel image; the answer is kept in build/vm."""
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return False
    kept = kernels.FOLDER / f"kvm.{BOOT_ID.read_text(encoding='ascii').strip()}"
    if not kept.exists():
        works = _boots(image)
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text("works\n" if works else "fails\n", encoding="ascii")
        if not works:
            print("/dev/kvm is there, but no guest comes up with it: emulated instead", flush=True)
    return kept.read_text(encoding="ascii") == "works\n"

# SPDX-License-Identifier: Apache-2.0
"""The guest's root file system: an initramfs in cpio's newc format, made without privilege.

It holds busybox, the programs that the tests call with the libraries they load, Python's standard
library, the modules and the tree as it is built. /init runs one command and tells its exit status
on the console.
"""

import lzma
import os
import pathlib
import re
import shlex
import shutil
import stat
import subprocess
import sys
import sysconfig

from kernels import ROOT

EXIT_MARK = "SLUICE-VM-EXIT "
TREE = "/sluice"  # where the tree is in the guest

# Beside busybox, which has the small ones. Those that `make deps` installs must be there.
PROGRAMS = ["bash", "bpftool", "curl", "ethtool", "ip", "iptables", "nginx", "nsenter", "openssl",
            "ping", "python3", "socat", "sysctl", "tc", "wrk", "xdp-loader"]
BIG_PYTHON = {"test", "idlelib", "tkinter", "ensurepip", "lib2to3", "site-packages", "turtledemo",
              "distutils", "dist-packages", "pydoc_data"}

MODULES = ["veth", "dummy", "cls_bpf", "act_bpf", "sch_ingress", "tls", "nf_conntrack",
           "xt_conntrack", "nft_compat", "nf_tables", "ip_tables", "iptable_filter", "ip6_tables",
           "ip6table_filter", "xt_comment", "xt_mark", "xt_tcpudp", "nft_ct", "nft_counter", "ipip", "ip6_tunnel", "sit",
           "ip_vs", "8021q", "vrf", "inet_diag", "tcp_diag", "sch_fq", "sch_netem", "loop"]

INIT = """\
#!/bin/busybox sh
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export HOME=/root TERM=dumb LC_ALL=C.UTF-8 SLUICE_SLOWNESS=8 PYTHONDONTWRITEBYTECODE=1
/bin/busybox mkdir -p /proc /sys /dev /tmp /run/netns /root /var/lib /var/log
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sysfs /sys
/bin/busybox mount -t devtmpfs devtmpfs /dev
/bin/busybox --install -s /bin
mkdir -p /dev/pts /dev/shm /sys/fs/bpf /sys/fs/cgroup
mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /dev/shm
mount -t tmpfs tmpfs /tmp
mount -t bpf bpf /sys/fs/bpf
mount -t tracefs tracefs /sys/kernel/tracing 2>/dev/null
chmod 1777 /tmp /dev/shm
ln -s /proc/self/fd /dev/fd; ln -s /proc/self/fd/0 /dev/stdin; ln -s /proc/self/fd/1 /dev/stdout
while read -r module; do insmod "$module" 2>/dev/null; done </modules.order
ip link set lo up
ulimit -n 65536
hostname guest
cd {tree}
{command} </dev/null
status=$?
echo
echo "{mark}$status"
poweroff -f
"""


class Archive:
    """A cpio archive under construction; knows what it holds."""

    def __init__(self, path):
        self.file = open(path, "wb")
        self.names = set()
        self.number = 0

    def _entry(self, name, mode, data=b"", device=(0, 0)):
        self.number += 1
        encoded = name.encode() + b"\0"
        fields = [self.number, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(encoded), 0]
        head = b"070701" + b"".join(b"%08X" % field for field in fields) + encoded
        self.file.write(head + b"\0" * (-len(head) % 4) + data + b"\0" * (-len(data) % 4))

    def folder(self, name):
        name = name.strip("/")
        if name and name not in self.names:
            self.folder(os.path.dirname(name))
            self.names.add(name)
            self._entry(name, stat.S_IFDIR | 0o755)

    def put(self, name, data, mode=0o644):
        name = name.strip("/")
        if name not in self.names:
            self.folder(os.path.dirname(name))
            self.names.add(name)
            self._entry(name, stat.S_IFREG | mode, data)

    def link(self, name, target):
        name = name.strip("/")
        if name not in self.names:
            self.folder(os.path.dirname(name))
            self.names.add(name)
            self._entry(name, stat.S_IFLNK | 0o777, target.encode())

    def device(self, name, major, minor):
        self.folder(os.path.dirname(name))
        self._entry(name.strip("/"), stat.S_IFCHR | 0o600, device=(major, minor))

    def copy(self, source, name=None):
        """A file as it is; a link with what it points at."""
        source = pathlib.Path(source)
        self.put(name or str(source), source.read_bytes(), source.stat().st_mode & 0o777)

    def program(self, source, name=None):
        """A program or library with every library that it loads."""
        self.copy(source, name)
        done = subprocess.run(["ldd", source], text=True, capture_output=True, check=False)
        for library in re.findall(r"(?:=> |^\t)(/\S+) \(0x", done.stdout, re.M):
            self.copy(library)

    def tree(self, source, target, wanted=lambda path: True):
        for path in sorted(pathlib.Path(source).rglob("*")):
            if path.is_file() and wanted(path.relative_to(source)):
                self.copy(path, f"{target}/{path.relative_to(source)}")

    def close(self):
        self._entry("TRAILER!!!", 0)
        self.file.close()


def _module_bytes(path):
    return lzma.decompress(path.read_bytes()) if path.suffix == ".xz" else path.read_bytes()


def _module_needs(data):
    """Names in the 'depends=' of a module's .modinfo section."""
    found = re.search(rb"\0depends=([^\0]*)\0", data)
    return [name.replace("-", "_") for name in found[1].decode().split(",") if name] if found else []


def _add_modules(archive, folder):
    """MODULES and what they need, and the order in which they load."""
    by_name = {path.name.split(".ko")[0].replace("-", "_"): path
               for path in folder.rglob("*.ko*")}
    ordered = []

    def add(name):
        target = f"/lib/modules/{name}.ko"
        if name not in by_name or target in ordered:
            return
        data = _module_bytes(by_name[name])
        for need in _module_needs(data):
            add(need)
        archive.put(target, data)
        ordered.append(target)

    for name in MODULES:
        add(name.replace("-", "_"))
    archive.put("/modules.order", "".join(f"{path}\n" for path in ordered).encode())


def _add_python(archive):
    home = pathlib.Path(sysconfig.get_path("stdlib"))
    archive.tree(home, str(home), lambda path: path.parts[0] not in BIG_PYTHON
                 and not path.parts[0].startswith("config-") and path.suffix != ".a")
    for library in home.glob("lib-dynload/*.so"):
        archive.program(library)


def _search(name):
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin:/usr/local/sbin")


def _add_programs(archive):
    busybox = _search("busybox")
    if not busybox:
        raise RuntimeError("busybox is not installed: sudo make deps-vm")
    archive.program(os.path.realpath(busybox), "/bin/busybox")
    for name in PROGRAMS:
        found = sys.executable if name == "python3" else _search(name)
        if not found:
            raise RuntimeError(f"{name} is not installed: sudo make deps deps-vm")
        archive.program(os.path.realpath(found), f"/usr/bin/{name}")
    archive.link("/bin/sh", "busybox")
    archive.link("/bin/bash", "/usr/bin/bash")
    archive.link("/usr/bin/env", "/bin/busybox")
    archive.link("/usr/sbin/bpftool", "/usr/bin/bpftool")
    # Loaded by name, so that ldd does not tell.
    for pattern in ("/usr/lib/nginx/modules/ngx_stream_module.so",
                    "/usr/lib/x86_64-linux-gnu/xtables/*.so",
                    "/lib/x86_64-linux-gnu/libnss_files*", "/lib/x86_64-linux-gnu/libgcc_s.so.1",
                    "/usr/lib/x86_64-linux-gnu/ossl-modules/*.so"):
        for path in pathlib.Path("/").glob(pattern.lstrip("/")):
            archive.program(path)
    for path in pathlib.Path("/").glob("usr/lib/*/bpf/*.o"):  # libxdp's dispatcher
        archive.copy(path)


def _add_tree(archive):
    for name in ("sluiced", "sluice-proxy", "sluicectl"):
        archive.program(ROOT / "build" / name, f"{TREE}/build/{name}")
    for folder in ("build/bpf", "build/compilers", "build/tests/prog", "build/tests/vm"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.is_file() and path.suffix != ".d":
                archive.program(path, f"{TREE}/{path.relative_to(ROOT)}")
    for folder in ("selftests/lib", "selftests/prog", "selftests/netns", "selftests/vm", "selftests/demo",
                   "selftests/fixtures", "manifests/examples"):
        archive.tree(ROOT / folder, f"{TREE}/{folder}", lambda path: "__pycache__" not in path.parts)


def build(target, modules, command):
    """Writes the initramfs for one run of command (words) with the modules of one kernel."""
    target.parent.mkdir(parents=True, exist_ok=True)
    archive = Archive(target)
    archive.device("/dev/console", 5, 1)
    archive.device("/dev/null", 1, 3)
    archive.put("/init", INIT.format(tree=TREE, command=shlex.join(command),
                                     mark=EXIT_MARK).encode(), 0o755)
    archive.put("/etc/passwd", b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n")
    archive.put("/etc/group", b"root:x:0:\nnogroup:x:65534:\n")
    archive.put("/etc/hosts", b"127.0.0.1 localhost\n")
    archive.folder("/run/netns")
    archive.folder("/usr/sbin")
    _add_programs(archive)
    _add_python(archive)
    _add_modules(archive, modules)
    _add_tree(archive)
    archive.close()

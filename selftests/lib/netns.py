# SPDX-License-Identifier: Apache-2.0
"""Hosts as network namespaces, for tests and the demo: links, addresses, processes, sockets.

A Lab owns everything it makes (namespaces, processes, mounts, files) and takes it away at the end,
also after a failure, Ctrl-C or SIGTERM. Names carry the pid, so labs of several processes live
side by side; what a killed process left behind is removed by the next Lab on the machine.
"""

import atexit
import contextlib
import ctypes
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

PREFIX = os.environ.get("SLUICE_NETNS_PREFIX", "sluice")
ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"
RUN_NETNS = pathlib.Path("/run/netns")
CLONE_NEWNET = 0x40000000
IP_BIND_ADDRESS_NO_PORT = 24  # <linux/in.h>: the port is chosen when the peer is known
SLOWNESS = float(os.environ.get("SLUICE_SLOWNESS", "1"))  # of this machine: an emulated one is slow

_libc = ctypes.CDLL(None, use_errno=True)
LABS = []  # alive ones, for log output on failure and for the last clean-up


def run(argv, check=True, timeout=30, **more):
    """subprocess.run() with text output; an error says the command and what it printed."""
    done = subprocess.run([str(word) for word in argv], text=True, capture_output=True,
                          timeout=timeout * SLOWNESS, stdin=more.pop("stdin", subprocess.DEVNULL)
                          if "input" not in more else None, **more)
    if check and done.returncode:
        raise RuntimeError(f"{' '.join(map(str, argv))}: exit {done.returncode}\n"
                           f"{done.stdout}{done.stderr}")
    return done


def wait_until(condition, what, timeout=10.0, interval=0.02):
    """Calls condition until it returns something true, and returns that."""
    end = time.monotonic() + timeout * SLOWNESS
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > end:
            raise TimeoutError(f"not within {timeout} s: {what}")
        time.sleep(interval)


class Process:
    """A program that a host runs. Its output goes to a log file of the lab."""

    def __init__(self, host, name, argv, env=None):
        self.name = name
        self.log_path = host.lab.folder / f"{host.name}-{name}.log"
        with open(self.log_path, "ab") as log:
            self.popen = subprocess.Popen(
                host.command(argv), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={**os.environ, **(env or {})}, start_new_session=True)
        self.pid = self.popen.pid
        host.lab.processes.append(self)

    def log(self):
        return self.log_path.read_text(errors="replace")

    def running(self):
        return self.popen.poll() is None

    def stop(self, signal_number=signal.SIGTERM, timeout=10):
        """Sends a signal and waits for the end. Returns the exit status (negative: signal)."""
        if self.running():
            self.popen.send_signal(signal_number)
        try:
            return self.popen.wait(timeout * SLOWNESS)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()
            raise TimeoutError(f"{self.name}: still running {timeout} s after signal "
                               f"{signal_number}") from None


class Host:
    """One network namespace."""

    def __init__(self, lab, name):
        self.lab = lab
        self.name = name
        self.netns = f"{lab.prefix}-{name}"
        self.path = RUN_NETNS / self.netns
        run(["ip", "netns", "add", self.netns])
        self.ip("link set lo up")
        # A link is up when its peer is; duplicate address detection would cost a second.
        self.sysctl("net.ipv6.conf.all.accept_dad", 0)
        self.sysctl("net.ipv6.conf.default.accept_dad", 0)

    def command(self, argv):
        """argv as it runs in this namespace; the pid stays that of the program."""
        return ["nsenter", f"--net={self.path}", "--", *map(str, argv)]

    def run(self, *argv, **more):
        return run(self.command(argv), **more)

    def ip(self, *lines):
        """Lines of `ip` without the word ip, all in one go."""
        run(["ip", "-n", self.netns, "-batch", "-"], input="\n".join(lines) + "\n")

    def sysctl(self, name, value):
        self.run("sysctl", "-qw", f"{name}={value}")

    def start(self, name, argv, env=None):
        return Process(self, name, argv, env)

    @contextlib.contextmanager
    def entered(self):
        """This thread makes its sockets in the host's namespace for the time of the block."""
        outer = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        inner = os.open(self.path, os.O_RDONLY)
        try:
            _setns(inner)
            yield
        finally:
            _setns(outer)
            os.close(inner)
            os.close(outer)

    def dropped(self, device):
        """Packets that this device gave up, coming in and going out."""
        stats, = json.loads(self.run("ip", "-j", "-s", "link", "show", "dev", device).stdout)
        return sum(stats["stats64"][way]["dropped"] for way in ("rx", "tx"))

    def socket(self, family=socket.AF_INET, kind=socket.SOCK_STREAM, proto=0):
        with self.entered():
            return socket.socket(family, kind, proto)

    def connect(self, address, port, timeout=5.0, source=None):
        """A TCP connection from here, from a source address if one is named; the family follows
        from the address."""
        sock = self.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
        sock.settimeout(timeout * SLOWNESS)
        try:
            if source:
                sock.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
                sock.bind((source, 0))
            sock.connect((address, port))
        except OSError:
            sock.close()
            raise
        return sock

    def pids(self):
        text = run(["ip", "netns", "pids", self.netns], check=False).stdout
        return [int(word) for word in text.split()]


def _setns(descriptor):
    if _libc.setns(descriptor, CLONE_NEWNET):
        error = ctypes.get_errno()
        raise OSError(error, f"setns: {os.strerror(error)}")


class Lab:
    """Owns hosts, processes, a folder for files and logs, and a bpffs of its own."""

    def __init__(self, keep=False):
        if os.geteuid() != 0:
            raise PermissionError("network namespaces need root: run it with sudo")
        remove_stale_labs()
        number = len(LABS)
        self.prefix = f"{PREFIX}-{os.getpid()}" + (f".{number}" if number else "")
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix=f"{self.prefix}-", dir="/tmp"))
        self.folder.chmod(0o755)
        self.bpffs = self.folder / "bpf"
        self.hosts = {}
        self.processes = []
        self.keep = keep
        LABS.append(self)
        self.bpffs.mkdir()
        run(["mount", "-t", "bpf", "bpf", self.bpffs])

    def host(self, name):
        self.hosts[name] = Host(self, name)
        return self.hosts[name]

    def link(self, a, a_device, b, b_device):
        """A veth pair, up on both sides, with checksums always written: a program on the receiving
        side must see what a network card would deliver."""
        run(["ip", "-n", a.netns, "link", "add", a_device, "type", "veth", "peer", "name",
             b_device, "netns", b.netns])
        for host, device in ((a, a_device), (b, b_device)):
            host.ip(f"link set {device} up")
            host.run("ethtool", "-K", device, "tx", "off")

    def attach_xdp_pass(self, host, device, mode="xdp"):
        """veth delivers frames that a program redirects into it only if its peer has a program.
        mode: of ip link, "xdp" or "xdpgeneric"."""
        built = BUILD / "tests/netns/xdp_pass.o"
        if not built.exists():
            built.parent.mkdir(parents=True, exist_ok=True)
            run(["clang", "-target", "bpf", "-O2", "-g", "-x", "c", "-c", "-", "-o", built],
                input='__attribute__((section("xdp"), used)) int pass(void *ctx) { return 2; }\n'
                      'char _license[] __attribute__((section("license"), used)) = "GPL";\n')
        host.run("ip", "link", "set", "dev", device, mode, "obj", built, "sec", "xdp")

    def logs(self, lines=40):
        """The end of every log file, as one text."""
        parts = []
        for path in sorted(self.folder.glob("*.log")):
            tail = path.read_text(errors="replace").splitlines()[-lines:]
            if tail:
                parts.append(f"--- {path.name}\n" + "\n".join(tail))
        return "\n".join(parts)

    def close(self):
        if self not in LABS:
            return
        LABS.remove(self)
        for process in self.processes:
            if process.running():
                with contextlib.suppress(ProcessLookupError):
                    process.popen.terminate()
        for process in self.processes:
            with contextlib.suppress(Exception):
                process.stop(timeout=3)
        _remove_namespaces([host.netns for host in self.hosts.values()])
        _remove_folder(self.folder)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def _remove_namespaces(names):
    """Ends what still runs in them (workers outlive their daemon by design), then removes them."""
    for name in names:
        for pid in run(["ip", "netns", "pids", name], check=False).stdout.split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        run(["ip", "netns", "del", name], check=False)


def _remove_folder(folder):
    mounts = [line.split()[1] for line in open("/proc/self/mounts") if f" {folder}/" in line]
    for mount in reversed(mounts):
        run(["umount", "-l", mount], check=False)
    shutil.rmtree(folder, ignore_errors=True)


def remove_stale_labs():
    """Removes what labs of processes that are no more have left behind."""
    def is_stale(name):
        owner = name[len(PREFIX) + 1:].split("-")[0].split(".")[0]
        return name.startswith(f"{PREFIX}-") and owner.isdigit() \
            and not pathlib.Path("/proc", owner).exists()

    if RUN_NETNS.exists():
        _remove_namespaces([path.name for path in RUN_NETNS.iterdir() if is_stale(path.name)])
    for folder in pathlib.Path("/tmp").glob(f"{PREFIX}-*"):
        if is_stale(folder.name) and folder.is_dir():
            _remove_folder(folder)


@atexit.register
def _close_all():
    for lab in list(LABS):
        if not lab.keep:
            lab.close()


def _exit_on_signal(number, _frame):
    sys.exit(128 + number)


if threading.current_thread() is threading.main_thread():
    signal.signal(signal.SIGTERM, _exit_on_signal)
    signal.signal(signal.SIGINT, _exit_on_signal)
    signal.signal(signal.SIGHUP, _exit_on_signal)

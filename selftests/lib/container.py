# SPDX-License-Identifier: Apache-2.0
"""Sluice in containers as a DaemonSet makes them: processes in a pid and mount namespace of their
own, with the network namespace and the BPF file system of the node, all capabilities or those of
manifests/overlays/capabilities alone."""

import os
import pathlib
import re
import signal

from netns import BUILD, ROOT, run, wait_until


def overlay_capabilities():
    """Those that the overlay names, as setpriv writes them."""
    text = (ROOT / "manifests/overlays/capabilities/daemonset.yaml").read_text()
    return [name.lower() for name in re.findall(r"^ +- ([A-Z_]+)\b", text, re.M)]


class Container:
    """One container: sluice-init as its first process, sluiced below it."""

    count = 0

    def __init__(self, cluster, *flags, capabilities=None, init=True):
        Container.count += 1
        self.cluster = cluster
        limit = []
        if capabilities is not None:
            limit = ["setpriv", "--no-new-privs",
                     "--bounding-set=-all" + "".join(f",+{name}" for name in capabilities)]
        argv = [BUILD / "sluice-init"] if init else []
        argv += [BUILD / "sluiced", *cluster.flags(), "--takeover", *flags]
        self.process = cluster.node.start(
            f"container-{Container.count}",
            ["unshare", "--pid", "--fork", "--kill-child=SIGKILL", "--mount", "--mount-proc",
             "--", *limit, *argv])
        self.first = wait_until(self._first, "the container's first process")
        self.namespace = os.readlink(f"/proc/{self.first}/ns/pid")
        wait_until(lambda: self.namespace != os.readlink("/proc/self/ns/pid"), "a namespace")

    def _first(self):
        path = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        if not self.process.running():
            raise RuntimeError(f"the container ended: {self.process.log()}")
        words = path.read_text().split()
        if not words:
            return None
        # unshare forks first and becomes the program then.
        exe = os.readlink(f"/proc/{words[0]}/exe")
        return int(words[0]) if "/sluice" in exe else None

    def pids(self, program):
        """Processes of the container that run this program."""
        found = []
        for pid in self.cluster.node.pids():
            try:
                if os.readlink(f"/proc/{pid}/ns/pid") == self.namespace \
                        and os.readlink(f"/proc/{pid}/exe").split(" ")[0].endswith(f"/{program}"):
                    found.append(pid)
            except OSError:
                pass  # ended meanwhile
        return found

    def workers(self):
        return self.pids("sluice-proxy")

    def sluiced(self):
        pids = self.pids("sluiced")
        return pids[0] if pids else None

    def log(self):
        return self.process.log()

    def running(self):
        return self.process.running()

    def signal(self, number, pid=None):
        os.kill(pid or self.first, number)

    def probe(self, what):
        """The exit status of the probe, run inside of the container as kubelet runs it."""
        done = run(["nsenter", "-t", self.first, "--pid", "--mount", "--net", "--",
                    BUILD / "sluiced", "--probe", what, "--bpffs", self.cluster.bpffs],
                   check=False)
        return done.returncode

    def wait_ready(self, timeout=30):
        def ready_or_ended():
            return not self.running() or self.probe("ready") == 0

        wait_until(ready_or_ended, "the container is ready", timeout, 0.2)
        if not self.running():
            raise RuntimeError(f"the container ended with {self.process.popen.returncode}:\n"
                               f"{self.log()}")

    def stop(self, timeout=40):
        """As kubelet does. Returns the exit status."""
        self.signal(signal.SIGINT)
        return self.wait(timeout)

    def wait(self, timeout=40):
        wait_until(lambda: not self.running(), "the container ends", timeout)
        return self.process.popen.returncode

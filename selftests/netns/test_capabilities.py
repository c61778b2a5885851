# SPDX-License-Identifier: Apache-2.0
"""A container with the capabilities of manifests/overlays/capabilities alone: start, upgrade, end."""

import os
import re
import signal
import time
import unittest

from container import Container, overlay_capabilities
from container_scene import HOST, Probes, Scene
from load import Wrk
from netns import wait_until


class LeastPrivilege(Scene):
    """The capabilities of manifests/overlays/capabilities alone, without CAP_SYS_ADMIN."""

    capabilities = overlay_capabilities()

    def assertServed(self):
        self.assertEqual(self.cluster.get("/", HOST).status, 200)
        self.assertIn("sees", self.cluster.tcp())
        interface, = self.cluster.ctl_json("status")["interfaces"]
        self.assertIn(interface["xdp"], ("native", "generic"))

    def test_it_starts_serves_and_leaves_nothing(self):
        self.assertServed()
        self.assertNotIn("error", self.container.log())
        self.assertEqual(self.container.stop(), 0, self.container.log())
        self.assertNothingLeft()

    def test_upgrades_lose_nothing(self):
        kept, probes = Wrk(self.cluster, HOST, 3600), Probes(self.cluster)
        time.sleep(0.3)
        for capabilities in (self.capabilities, None, self.capabilities):
            successor = self.start(capabilities=capabilities)
            self.assertEqual(self.container.stop(), 0, self.container.log())
            self.container = successor
            self.assertServed()
        kept.process.popen.send_signal(signal.SIGINT)
        requests, errors = kept.result()
        done, failures = probes.stop()
        self.assertEqual(failures, [], f"of {done} probes")
        self.assertEqual(errors, 0, f"of {requests} requests over kept connections")
        self.assertEqual(self.container.stop(), 0, self.container.log())
        self.assertNothingLeft()

    def test_what_a_killed_container_left_is_adopted_and_removed(self):
        os.kill(self.container.first, signal.SIGKILL)
        self.container.wait()
        self.assertIn("sees", self.cluster.tcp())
        self.container = self.start()
        self.assertServed()
        self.assertEqual(self.container.stop(), 0, self.container.log())
        self.assertNothingLeft()

    def test_a_program_of_somebody_else_stays(self):
        self.assertEqual(self.container.stop(), 0)
        self.cluster.attach_xdp_pass(self.cluster.node, "eth0")
        self.container = self.start()
        self.assertIn("without CAP_SYS_ADMIN", self.container.log())
        self.assertEqual(self.cluster.get("/", HOST).status, 200)
        self.assertIn("sees", self.cluster.tcp())  # by TC
        self.assertEqual(self.container.stop(), 0)
        self.assertIn("xdp", self.cluster.node.run("ip", "link", "show", "eth0").stdout)

    def test_every_capability_is_needed(self):
        """One that is not would have to go."""
        self.assertEqual(self.container.stop(), 0)
        for name in self.capabilities:
            with self.subTest(name):
                less = [other for other in self.capabilities if other != name]
                container = Container(self.cluster, "--drain-timeout", "0s", capabilities=less)
                if name == "kill":
                    container.wait_ready()
                    os.kill(container.workers()[0], signal.SIGSTOP)
                    container.signal(signal.SIGINT)
                wait_until(lambda one=container: PERMISSION.search(one.log()),
                           f"a complaint without {name}", 20)
                os.kill(container.first, signal.SIGKILL)
                container.wait()
                self.cluster.cleanup()


# That a host refuses the extensions of which libxdp's dispatcher is made is no complaint.
PERMISSION = re.compile("(?<!dispatcher: Operation )not permitted|no permission"
                        "|Permission denied", re.I)

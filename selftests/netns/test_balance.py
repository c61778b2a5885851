# SPDX-License-Identifier: Apache-2.0
"""Balancing over the workers of a node: what holds in one holds in all, and after they are gone."""

import os
import re
import signal

from cluster import app, ingress, path, rule
from netns import wait_until
from scene import SceneTest

AFFINITY, HASH = "affinity.balance.test", "hash.balance.test"
NOTES = {AFFINITY: {"sluice.dev/affinity": "cookie"},
         HASH: {"sluice.dev/load-balance": "hash-header", "sluice.dev/load-balance-key": "X-User"}}
CONNS = 24  # each goes to one of two workers by chance


class Balance(SceneTest):
    @classmethod
    def manifests(cls, cluster):
        return {"apps.json": app("web", *cluster.pods.values()), "ingresses.json": [
            ingress(host.split(".")[0], rule(host, path("/", "web")), annotations=notes)
            for host, notes in NOTES.items()]}

    def pods_of(self, host, *headers, conns=CONNS):
        """Who answers over that many connections, each of its own."""
        return {self.cluster.get("/", host, headers=headers).pod for _ in range(conns)}

    def session(self):
        response = self.cluster.get("/", AFFINITY)
        cookie = re.match(r"sluice-affinity=[0-9a-f]{16}", response.header("Set-Cookie")).group()
        return response.pod, ("Cookie", cookie)

    def restart_workers(self):
        old = set(self.cluster.workers())
        for pid in old:
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: len(set(self.cluster.workers()) - old) == len(old), "new workers")
        self.cluster.get_until(lambda response: response.status == 200, "service", host=HASH)

    def test_a_session_is_the_same_in_all_workers_and_in_new_ones(self):
        sessions = dict(self.session() for _ in range(12))
        self.assertGreater(len(sessions), 1)
        for pod, cookie in sessions.items():
            self.assertEqual(self.pods_of(AFFINITY, cookie), {pod})
        self.restart_workers()
        for pod, cookie in sessions.items():
            self.assertEqual(self.pods_of(AFFINITY, cookie), {pod})

    def test_a_pod_that_goes_moves_its_own_keys_alone(self):
        users = [("X-User", f"user{number}") for number in range(12)]
        before = {}
        for user in users:
            pods = self.pods_of(HASH, user, conns=8)
            self.assertEqual(len(pods), 1, user)
            before[user] = pods.pop()
        self.assertEqual(len(set(before.values())), 3)
        gone = self.cluster.pods["pod-b"]
        left = [pod for pod in self.cluster.pods.values() if pod is not gone]
        self.cluster.save("apps.json", app("web", *left))
        moving = next(user for user in users if before[user] == gone.name)
        self.cluster.get_until(lambda response: response.pod != gone.name, "the change",
                               host=HASH, headers=(moving,))
        for user in users:
            pods = self.pods_of(HASH, user, conns=4)
            self.assertEqual(len(pods), 1, user)
            self.assertEqual(pods == {before[user]}, before[user] != gone.name, user)
        self.cluster.save("apps.json", app("web", *self.cluster.pods.values()))
        self.cluster.get_until(lambda response: response.pod == gone.name, "the pod is back",
                               host=HASH, headers=(moving,))
        self.assertEqual({user: self.pods_of(HASH, user, conns=2) for user in users},
                         {user: {pod} for user, pod in before.items()})

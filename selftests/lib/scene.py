# SPDX-License-Identifier: Apache-2.0
"""Test classes over one running cluster, and tables of named cases that become test methods."""

import re
import unittest

from cluster import Cluster


class SceneTest(unittest.TestCase):
    """One Cluster with a running sluiced for all tests of a class."""

    flags = ()  # of sluiced, beside the usual
    cluster = None

    @classmethod
    def manifests(cls, cluster):
        """What the directory holds when sluiced starts: file name -> objects or text."""
        return {}

    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster()
        try:
            for name, content in cls.manifests(cls.cluster).items():
                cls.cluster.save(name, content)
            cls.cluster.start(*cls.flags)
        except BaseException:
            print(cls.cluster.logs(), flush=True)
            cls.cluster.close()
            raise

    @classmethod
    def tearDownClass(cls):
        cls.cluster.close()

    def answer(self, path="/", host=None, **more):
        """Who answers a request: the letter of the pod ('a' for pod-a), or the status."""
        response = self.cluster.get(path, host, **more)
        if response.status == 200 and response.pod:
            return response.pod.removeprefix("pod-")
        return response.status

    def answers_soon(self, wanted, path="/", host=None, timeout=5):
        """Waits until a request is answered as wanted: for changes that are on their way."""
        def as_wanted(response):
            got = response.status
            if got == 200 and response.pod:
                got = response.pod.removeprefix("pod-")
            return got == wanted

        return self.cluster.get_until(as_wanted, f"{host}{path} answered by {wanted!r}", timeout,
                                      path=path, host=host)


def add_cases(cls, cases, check):
    """Each case (a tuple that begins with its name) becomes one test method of cls: it calls
    check(test, *rest)."""
    for name, *rest in cases:
        method = "test_" + re.sub(r"\W+", "_", name).strip("_")
        if hasattr(cls, method):
            raise ValueError(f"two cases of {cls.__name__} are called '{name}'")

        def run_case(self, rest=rest):
            check(self, *rest)

        run_case.__doc__ = name
        setattr(cls, method, run_case)

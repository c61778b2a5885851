#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Random traffic through one worker of the helper: clients and backends that split, stall, reset
and lie, in HTTP/1.1, HTTP/2 and tunnels, with and without TLS, while routes, backends and
certificates change.

    chaos.py [--seed N]... [--seconds S] [--kept FILE]

Nothing may crash, nothing a sanitizer reports may happen, each body that ends well is whole and of
its own request, everybody gets an answer or an end, a client without fault is served all the time,
and after the end no connection, descriptor or octet of memory is left. The same seed makes the same
plans for each client and for each attempt of each request; what meets what is up to the scheduler.
Seeds that found something are kept in seeds.txt and run first. Ends with 'N passed, N failed'."""

import argparse
import asyncio
import functools
import itertools
import logging
import os
import pathlib
import re
import ssl
import sys
import tempfile
import time
import traceback

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "lib"), str(HERE.parent / "http")]

from backend1 import Backend1  # noqa: E402
from backend2 import Backend2  # noqa: E402
from certs import Authority  # noqa: E402
from client1 import Canary, Client1  # noqa: E402
from client2 import Client2  # noqa: E402
from harness import Worker, ingress, service  # noqa: E402
from truth import DOWN, Truth, cells  # noqa: E402
from wire1 import Reader  # noqa: E402

FLAGS = ["--h2c", "--client-head-timeout=1500", "--client-idle-timeout=1500", "--body-timeout=1500",
         "--response-timeout=2500", "--connect-timeout=1000", "--upstream-idle-timeout=1000",
         "--tunnel-idle-timeout=1500"]
# One of these beside them, by the seed.
FLAGS_MORE = [[], [], ["--max-conns=30"], ["--max-buffers=40"], ["--max-requests-conn=3"],
              ["--upstream-idle-max=2"], ["--max-body=5000"], ["--access-log=json"]]
CLIENTS, CLIENTS2 = 24, 10
SERVICES = {"plain": (Backend1, None), "tls": (Backend1, "https"), "two": (Backend2, "h2c"),
            "twotls": (Backend2, "h2")}
PREFIXES = ["a", "b", "c", "d"]
QUIET_S = 20  # until everything of the worker has ended, by timeouts of at most 2.5 s


class Quiet(Backend1):
    """The backend of the canary."""

    async def _serve(self, stream, writer):
        self.writers.add(writer)
        try:
            reader = Reader(stream)
            while True:
                _, fields = await reader.head()
                number = int(fields["x-id"], 16)
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"
                             + cells(number, DOWN, 0, 1000))
        except Exception:  # whatever it is, the canary misses its answer
            pass
        finally:
            self.writers.discard(writer)
            writer.close()


class World:
    """One worker, its backends, and what changes."""

    host = "chaos.test"

    def __init__(self, truth, folder, authority, certificates):
        self.truth, self.folder = truth, pathlib.Path(folder)
        self.authority, self.certificates = authority, certificates
        self.rng = truth.rng("world")
        self.prefixes = [*PREFIXES, *PREFIXES, "nowhere"]
        self.backends = {name: [] for name in SERVICES}
        self.made = itertools.count()

    @functools.lru_cache(maxsize=None)
    def client_tls(self, protocol):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.set_alpn_protocols([protocol])
        return context

    def _server_tls(self, protocols):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.rng.choice(self.certificates).write(self.folder))
        context.set_alpn_protocols(protocols)
        return context

    async def add(self, name):
        kind, protocol = SERVICES[name]
        tls = None
        if protocol in ("https", "h2"):
            tls = self._server_tls(["h2", "http/1.1"] if protocol == "h2" else ["http/1.1"])
        number = next(self.made)
        backend = kind(self.truth, f"{name}-{number}")
        self.backends[name].append(await backend.start(self._address(number), tls))

    @staticmethod
    def _address(number):
        """Each backend has its own: a port that another one had before would get what was his."""
        return f"127.1.{number >> 8}.{number & 255}"

    def objects(self):
        rng, made = self.rng, []
        for name, (_, protocol) in SERVICES.items():
            down = [("127.0.0.1", 1)] if rng.random() < 0.2 else []
            made += service(name, self.backends[name], down)
        for i, prefix in enumerate(PREFIXES):
            to = rng.choice(list(SERVICES)) if rng.random() < 0.9 else "nothing"
            _, protocol = SERVICES.get(to, (None, None))
            annotations = {"sluice.dev/backend-protocol": protocol} if protocol else {}
            if protocol in ("https", "h2"):
                annotations["sluice.dev/backend-server-name"] = self.host
            if rng.random() < 0.7:
                annotations["sluice.dev/eject-after"] = "0"  # else there is soon nobody to ask
            if rng.random() < 0.1:
                annotations["sluice.dev/proxy-body-size"] = "1000"
            tls = [{"hosts": [self.host], "secretName": "pair"}] if i == 0 else None
            made.append(ingress(f"i{i}", {f"/{prefix}": to}, host=self.host,
                                annotations=annotations, tls=tls))
        made.append(rng.choice(self.certificates).secret("pair"))
        made += service("canary", [self.quiet]) + [
            ingress("canary", {"/canary": "canary"}, host="canary.test",
                    annotations={"sluice.dev/eject-after": "0",
                                 "sluice.dev/response-timeout": "30s"})]
        for one in made:
            if one["kind"] == "Ingress":
                one["metadata"]["annotations"]["sluice.dev/ssl-redirect"] = "false"
        return made

    async def start(self):
        self.quiet = await Quiet(self.truth, "canary").start("127.0.0.1")
        for name in SERVICES:
            await self.add(name)
            await self.add(name)
        more = self.rng.choice(FLAGS_MORE)
        self.limited = bool(more) and more[0].startswith(("--max-conns", "--max-buffers"))
        self.worker = Worker(self.objects(), *FLAGS, *more, https=True,
                             roots=self.authority.leaf)
        self.port, self.https_port = self.worker.port, self.worker.https

    async def churn(self):
        """Routes, backends and certificates change, some times a second."""
        loop = asyncio.get_running_loop()
        while not self.truth.stopping:
            await asyncio.sleep(self.rng.choice([0.02, 0.1, 0.5]))
            name = self.rng.choice(list(SERVICES))
            gone = None
            if self.rng.random() < 0.3:
                await self.add(name)
            if len(self.backends[name]) > 2:
                gone = self.backends[name].pop(0)
            if gone and self.rng.random() < 0.3:
                await gone.stop()  # before the worker knows
                gone = None
            await loop.run_in_executor(None, self.worker.reload, self.objects())
            self.truth.count("changes")
            if gone:
                await gone.stop()

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.worker.pid}/fd"))

    def sockets(self):
        """State (of <net/tcp_states.h>), local and remote port, queues of each TCP socket."""
        inodes = set()
        for fd in pathlib.Path(f"/proc/{self.worker.pid}/fd").iterdir():
            inodes.add(os.readlink(fd))
        lines = pathlib.Path(f"/proc/{self.worker.pid}/net/tcp").read_text().splitlines()[1:]
        found = [line.split() for line in lines]
        return [f"state {words[3]} {words[1]} {words[2]} {words[4]}" for words in found
                if f"socket:[{words[9]}]" in inodes and words[3] != "0A"]

    async def settle(self, before):
        """All have gone: the worker keeps nothing of them."""
        for backends in self.backends.values():
            for backend in backends:
                await backend.stop()
        await self.quiet.stop()
        loop, end = asyncio.get_running_loop(), time.monotonic() + QUIET_S
        while True:
            stats = await loop.run_in_executor(None, self.worker.stats)
            left = {name: stats[name] for name in ("conns_open", "http2_conns_open",
                                                   "upstream_conns_open") if stats[name]}
            now = self.descriptors()
            if now > before:
                left["descriptors"] = now - before
            if not left:
                return
            if time.monotonic() > end:
                self.truth.violate(f"left {QUIET_S} s after the end: {left} {self.sockets()}")
                return
            await asyncio.sleep(0.2)

    def finish(self):
        """The worker ends by itself: then LeakSanitizer says what it kept."""
        self.worker.say("drain 1000")
        try:
            status = self.worker.event("exit", 30)["status"]
            if status:
                self.truth.violate(f"the worker ended with status {status}")
        except (TimeoutError, EOFError) as error:
            self.truth.violate(f"the worker does not end: {error}")

    def report(self):
        """What sanitizers and the worker said of a crash."""
        text = self.worker.text()
        found = re.search(r"(?m)^(=+\d+=+ERROR|.*runtime error:|.*SUMMARY: |.*crash)", text)
        return text[found.start():found.start() + 6000] if found else ""


async def play(truth, world, seconds):
    await world.start()
    numbers = itertools.count(truth.rng("numbers").randrange(1, 1 << 20) << 10)
    canary = Canary(world, numbers)
    before = world.descriptors()
    actors = [Client1(world, f"client-{i}", numbers) for i in range(CLIENTS)]
    actors += [Client2(world, f"client2-{i}", numbers) for i in range(CLIENTS2)]
    actors += [] if world.limited else [canary]
    tasks = [asyncio.ensure_future(actor.run()) for actor in actors]
    tasks += [asyncio.ensure_future(world.churn()), asyncio.ensure_future(truth.watch_lag())]
    end = time.monotonic() + seconds
    while time.monotonic() < end and not truth.violations:
        done, _ = await asyncio.wait(tasks, timeout=0.5, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            error = task.exception()
            truth.violate("an actor ended: "
                          + "".join(traceback.format_exception(error) if error else ["?"]))
        if not pathlib.Path(f"/proc/{world.worker.pid}/fd").exists():
            truth.violate("the worker is gone")
    truth.stopping = True
    await asyncio.wait(tasks, timeout=3)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    if world.worker.process.poll() is None:
        await world.settle(before)
    return canary.worst_s


def run_seed(seed, seconds, authority, certificates, verbose):
    """Returns whether the seed passed."""
    truth = Truth(seed)
    with tempfile.TemporaryDirectory() as folder:
        world, worst_s = World(truth, folder, authority, certificates), 0.0
        loop = asyncio.new_event_loop()
        loop.set_exception_handler(lambda *_: None)  # of connections that ended under a handshake
        try:
            worst_s = loop.run_until_complete(play(truth, world, seconds))
            world.finish()
        except (EOFError, TimeoutError, FileNotFoundError) as error:
            truth.violate(f"the worker: {type(error).__name__}: {str(error)[:300]}")
        finally:
            truth.stopping = True
            left = asyncio.all_tasks(loop)
            for task in left:
                task.cancel()
            if left:
                loop.run_until_complete(asyncio.wait(left, timeout=10))
            loop.close()
        said = world.report()
        world.worker.process.kill()
        world.worker.process.wait()
    counts = truth.counts
    own = sum(count for name, count in counts.items() if name.startswith("own "))
    whole = counts["whole"] + counts["whole by HTTP/2"]
    tunnels = counts["tunnels"] + counts["tunnels by HTTP/2"]
    print(f"  {'FAIL' if truth.violations or said else 'ok':4}  seed {seed}: "
          f"{len(truth.attempts)} requests at backends, {whole} whole answers, {own} of our own, "
          f"{tunnels} tunnels, {counts['changes']} changes; the client without fault: "
          f"{counts['canary']} times, the slowest {worst_s:.1f} s", flush=True)
    if verbose:
        print("      " + ", ".join(f"{name} {count}" for name, count in sorted(counts.items())))
    for violation in truth.violations[:10]:
        print(f"      {violation}")
    if said:
        print(re.sub(r"(?m)^", "      | ", said))
    if truth.violations or said:
        print(f"      again: make chaos SEED={seed}", flush=True)
    return not truth.violations and not said


def kept_seeds(path):
    """Lines 'seed seconds', '#' begins a comment."""
    for line in path.read_text().splitlines():
        words = line.partition("#")[0].split()
        if words:
            yield int(words[0]), float(words[1])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seed", type=int, action="append", help="only these")
    parser.add_argument("--seconds", type=float, default=60, help="of all seeds that are not kept")
    parser.add_argument("--slice", type=float, default=15, help="seconds a seed")
    parser.add_argument("--kept", type=pathlib.Path, default=HERE / "seeds.txt")
    parser.add_argument("-v", dest="verbose", action="store_true", help="counts")
    options = parser.parse_args()
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)  # connections that end under TLS
    authority = Authority()
    certificates = [authority.issue(World.host) for _ in range(3)]
    if options.seed:
        runs = [(seed, options.seconds / len(options.seed)) for seed in options.seed]
    else:
        count = max(1, round(options.seconds / options.slice))
        runs = list(kept_seeds(options.kept))
        runs += [(int.from_bytes(os.urandom(4), "big"), options.seconds / count)
                 for _ in range(count)]
    results = [run_seed(seed, seconds, authority, certificates, options.verbose)
               for seed, seconds in runs]
    print(f"{sum(results)} passed, {len(results) - sum(results)} failed")
    return not all(results)


if __name__ == "__main__":
    sys.exit(main())

# SPDX-License-Identifier: Apache-2.0
"""What both ends of a request know of it: bytes that name the request and their place, and a list
of what was seen that may not be."""

import asyncio
import collections
import random
import time

CELL_BYTES = 16
UP, DOWN = b"u", b"d"
NEVER = -1  # in x-up and x-down: the sender of this body does not finish it
LAG_S = 0.5
HANG_S = 40.0  # well above the sum of all timeouts of the worker, on a busy machine too


def cells(number, direction, start, stop):
    """Octets [start, stop) of a body: each cell holds the request's number and its own."""
    first, last = start // CELL_BYTES, -(-stop // CELL_BYTES)
    text = b"".join(b"%08x%b%06x\n" % (number, direction, i) for i in range(first, last))
    return text[start - first * CELL_BYTES:stop - first * CELL_BYTES]


class Truth:
    """Of one run: violations, counts, and what backends saw of each request."""

    def __init__(self, seed):
        self.seed = seed
        self.violations = []
        self.counts = collections.Counter()
        self.attempts = collections.defaultdict(list)  # number -> behaviour of each attempt
        self.stopping = False
        self.lags = []  # (when, seconds) that this process woke up late

    async def watch_lag(self):
        """Notes when this process itself is too slow to judge others."""
        while not self.stopping:
            before = time.monotonic()
            await asyncio.sleep(0.05)
            late = time.monotonic() - before - 0.05
            if late > LAG_S:
                self.lags.append((time.monotonic(), late))

    def lagged_since(self, when):
        return any(at >= when for at, _ in self.lags)

    def rng(self, *what):
        return random.Random("/".join(map(str, (self.seed, *what))))

    def violate(self, text):
        self.violations.append(text)

    def count(self, what):
        self.counts[what] += 1


class Check:
    """Holds the octets of a body, as they come, to those of its request."""

    def __init__(self, truth, number, direction, where):
        self.truth, self.number, self.direction, self.where = truth, number, direction, where
        self.bytes, self.is_wrong = 0, False

    def feed(self, data):
        if self.is_wrong or not data:
            return
        wanted = cells(self.number, self.direction, self.bytes, self.bytes + len(data))
        if data != wanted:
            at = next(i for i in range(len(data)) if data[i] != wanted[i])
            self.is_wrong = True
            self.truth.violate(f"{self.where}: request {self.number:08x}: octet {self.bytes + at} "
                               f"of the body is {bytes(data[at:at + 40])!r}, "
                               f"not {wanted[at:at + 40]!r}")
        self.bytes += len(data)

    def finish(self, promised):
        """The body ended well, as far as its reader can see."""
        if not self.is_wrong and self.bytes != promised:
            self.truth.violate(f"{self.where}: request {self.number:08x}: a whole body of "
                               f"{self.bytes} octets where {promised} were sent (-1: cut off); "
                               f"attempts {self.truth.attempts.get(self.number)}")


def body_bytes(rng):
    """Sizes around the borders of buffers, mostly small."""
    return rng.choice([0, 1, 15, 300, 300, 1000, 4096, 16384, 17000, 66000, rng.randrange(200000)])


def pieces_of(rng, data):
    """Cuts a message at random places."""
    if not data or rng.random() < 0.4:
        return [data]
    cuts = sorted(rng.randrange(len(data) + 1) for _ in range(rng.choice([1, 2, 3, 8])))
    if rng.random() < 0.1:
        cuts = list(range(1, min(len(data), 60))) + [len(data)]
    return [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)]) if a < b]


def pause_s(rng):
    """Mostly none; sometimes longer than a timeout of the worker."""
    return rng.choices([0, 0.001, 0.02, 0.2, 4.0], [70, 15, 10, 4, 1])[0]

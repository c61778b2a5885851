#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""docs/metrics.md has a row for each series that /metrics prints, of the same type, and no other: the
rows of sluice_stats.h and what user/admin prints by name. Checks itself first, on made-up texts."""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
STAT = re.compile(r'X\(\d+, \w+, "\w+", "(\w+)",')
COUNTER = re.compile(r'X\(\w+, (COUNTER|GAUGE), "(\w+)",')
PRINTED = re.compile(r'\b(?:head|one)\(\s*out,\s*"(\w+)",\s*"(\w+)"|# TYPE sluice_(\w+) (\w+)')
FAULTS = re.compile(r'\bput_faults\(\s*"(\w+)"')
ROW = re.compile(r"^\| `sluice_(\w+)(?:\{\w+\})?` \| (\w+) \|", re.M)


def printed_series(lists, sources):
    """Returns {series: type} of the header's lists and of the C text."""
    series = {name: "counter" for name in STAT.findall(lists)}
    series.update({name: kind.lower() for kind, name in COUNTER.findall(lists)})
    for name, kind, typed, typed_kind in PRINTED.findall(sources):
        series[name or typed] = kind or typed_kind
    series.update({name: "counter" for name in FAULTS.findall(sources)})
    return series


def check(lists, sources, page, families=()):
    """Returns the breaches as texts, and the number of series."""
    printed = printed_series(lists, sources)
    rows = dict(ROW.findall(page))
    breaches = []
    for name in sorted(printed.keys() | rows.keys()):
        if name.startswith(tuple(families)) and name not in printed:
            continue
        if name not in rows:
            breaches.append(f"docs/metrics.md: no row for sluice_{name}")
        elif name not in printed:
            breaches.append(f"docs/metrics.md: nothing prints sluice_{name}")
        elif rows[name] != printed[name]:
            breaches.append(f"docs/metrics.md: sluice_{name} is a {printed[name]}")
    return breaches, len(printed)


SELF_TEST = [  # (name, header, C text, page, number of breaches)
    ("a stat", 'X(1, A, "a", "a_total", "", "h")', "", "| `sluice_a_total` | counter | x |", 0),
    ("a gauge", 'X(a, GAUGE, "a", "", "h")', "", "| `sluice_a` | gauge | x |", 0),
    ("a row is missing", 'X(a, COUNTER, "a_total", "", "h")', "", "", 1),
    ("a row too many", "", "", "| `sluice_a` | gauge | x |", 1),
    ("another type", 'X(a, GAUGE, "a", "", "h")', "", "| `sluice_a` | counter | x |", 1),
    ("printed by name", "", 'one(out, "ready", "gauge", "h", 1);',
     "| `sluice_ready` | gauge | x |", 0),
]


def main():
    for name, lists, sources, page, wanted in SELF_TEST:
        found, _ = check(lists, sources, page)
        if len(found) != wanted:
            print(f"self-test '{name}': {wanted} breaches expected, found {found}")
            return 1
    sources = "".join(path.read_text() for path in sorted((ROOT / "user/admin").glob("*.c")))
    lists = (ROOT / "headers/sluice_stats.h").read_text().replace("\\\n", " ")
    lists = re.sub(r"\s+", " ", lists)
    breaches, count = check(lists, sources, (ROOT / "docs/metrics.md").read_text(),
                            ("frontend_", "backend_"))
    print("\n".join(breaches + [f"{count} series, {len(SELF_TEST)} self-tests"]))
    return bool(breaches)


if __name__ == "__main__":
    sys.exit(main())
